/**
 * A clock whose timers do not keep the process alive. The engine uses timers for leases, queues and
 * connections for as long as it is open. A script that forgets to close it still exits once nothing
 * is running, because running work keeps the process alive through `KeepAlive`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The longest delay of a Node timer, in milliseconds. */
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

/** The time of the current clock, with separate timers. */
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
