/**
 * Callbacks of Node's event emitters. What one of them throws would end the process; a guarded one has it logged, and goes on with what
 * is left to do.
 */
import * as Effect from "effect/Effect"

/** Guards a callback: `what` names it in the log, `recover` is called with its arguments after it has thrown. */
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
