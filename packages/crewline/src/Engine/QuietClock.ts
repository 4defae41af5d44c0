/**
 * A clock whose timers do not keep the process alive. The engine looks after leases, queues and
 * connections by timers for as long as it is open; a script that forgot to close it ends all the
 * same once nothing runs, because what runs holds the process by `KeepAlive`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What a timer of Node can wait for at most, in milliseconds. */
const maxTimerMillis = 2 ** 31 - 1

const sleepMillis = (millis: number): Effect.Effect<void> => {
  if (millis <= 0) return Effect.yieldNow
  if (!Number.isFinite(millis)) return Effect.never
  return Effect.callback((resume) => {
    const rest = millis > maxTimerMillis ? sleepMillis(millis - maxTimerMillis) : Effect.void
    const timer = setTimeout(() => resume(rest), Math.min(millis, maxTimerMillis)).unref()
    return Effect.sync(() => clearTimeout(timer))
  })
}

/** The time of the clock that is there, and timers of its own. */
export const layer: Layer.Layer<never> = Layer.effect(
  Clock.Clock,
  Effect.map(Clock.Clock, (clock): Clock.Clock => ({
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
    currentTimeMillis: clock.currentTimeMillis,
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
    currentTimeNanos: clock.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => sleepMillis(Duration.toMillis(duration))
  }))
)
