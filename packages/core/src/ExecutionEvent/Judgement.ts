/**
 * What is thought of an output: signs that speak against it, and how the result of a crew stands
 * with its criteria.
 */
import * as Schema from "effect/Schema"

/** A sign that an output is not the success that it says it is. */
export const Doubt = Schema.Struct({
  /**
   * `emptyOutput`, `claimedAction`, `citedSource`, `droppedItem`; `review`: it counts although the
   * manager has not accepted it; `stalled`: the manager got no further.
   */
  check: Schema.String,
  /** What was found, in words. */
  message: Schema.String
})
export interface Doubt extends Schema.Schema.Type<typeof Doubt> {}

/** How one of the crew's criteria stands for its result. */
export const Criterion = Schema.Struct({
  /** As the crew says it, with the inputs in place. */
  criterion: Schema.String,
  /** `unknown`: nobody has judged it. */
  verdict: Schema.Literals(["passed", "failed", "unknown"]),
  reason: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Criterion" })
export interface Criterion extends Schema.Schema.Type<typeof Criterion> {}
