/**
 * The log's time, for comparison with recorded times: the clock of this machine may be wrong by any
 * amount.
 *
 * Asked for once in a while, and in between told by how long ago that was. Never later than the
 * log's own time by more than clocks drift apart in between, so nothing that waits for a time
 * begins before it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EventLog from "../EventLog.ts"

/** For how long one answer of the log is good. */
const goodMillis = 30_000
/** A slower answer is requested again, because it would delay everything by as much. */
const maxTripMillis = 1_000
const tries = 3

/** Milliseconds since the epoch by the clock of the log. */
export class LogClock extends Context.Service<LogClock, Effect.Effect<number, EventLog.EventLogError>>()(
  "@crewline/core/Worker/LogClock/LogClock"
) {
  static readonly layer: Layer.Layer<LogClock, never, EventLog.EventLog> = Layer.effect(
    LogClock,
    Effect.gen(function* () {
      return make(yield* EventLog.EventLog, yield* Clock.Clock)
    })
  )
}

const make = (log: EventLog.EventLog["Service"], clock: Clock.Clock): Effect.Effect<number, EventLog.EventLogError> => {
  let told: { readonly millis: number; readonly at: number } | undefined
  // What this machine believes the time to be may jump; this only passes.
  const passed = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const ask = (left: number): Effect.Effect<number, EventLog.EventLogError> =>
    Effect.suspend(() => {
      const from = passed()
      return Effect.flatMap(log.now, (millis) => {
        const at = passed()
        if (at - from <= maxTripMillis) told = { millis, at }
        else if (left > 1) return ask(left - 1)
        return Effect.succeed(millis)
      })
    })
  return Effect.suspend(() => {
    const now = passed()
    if (told !== undefined && now - told.at < goodMillis) return Effect.succeed(told.millis + now - told.at)
    return ask(tries)
  })
}
