/**
 * Callbacks of sockets, processes and other event emitters. An error thrown by one of them would
 * end the process; a guarded callback logs it and recovers.
 */
import * as Effect from "effect/Effect"

/**
 * Guards a callback: `what` names it in the log, `recover` is called with its arguments after it
 * has thrown.
 */
export type Guarded = <A extends ReadonlyArray<unknown>>(
  what: string,
  callback: (...args: A) => unknown,
  recover?: (...args: A) => unknown
) => (...args: A) => void

/** Guards callbacks with the loggers of the present context. */
export const make: Effect.Effect<Guarded> = Effect.map(
  Effect.context<never>(),
  (context): Guarded =>
    (what, callback, recover) =>
    (...args) => {
      try {
        callback(...args)
      } catch (error) {
        Effect.runForkWith(context)(Effect.logError(`${what} failed`, error))
        recover?.(...args)
      }
    }
)
