/** Listeners of connections. What one of them throws would end the process; a guarded one has it logged. */
import * as Effect from "effect/Effect"

export type Guarded = <A extends ReadonlyArray<unknown>>(
  what: string,
  callback: (...args: A) => unknown
) => (...args: A) => void

/** Guards listeners with the loggers of the present context; `what` names them in the log. */
export const make: Effect.Effect<Guarded> = Effect.map(
  Effect.context<never>(),
  (context): Guarded =>
    (what, callback) =>
    (...args) => {
      try {
        callback(...args)
      } catch (error) {
        Effect.runForkWith(context)(Effect.logError(`${what} failed`, error))
      }
    }
)
