/** The problems of a generated crew: typed, so that they can be sent back to the model. */
import * as Schema from "effect/Schema"
import * as Crew from "../Crew.ts"

/** The codes of problems: those of any crew, and those of generated crews. */
export const ProblemCode = Schema.Literals([
  ...Crew.ProblemCode.literals,
  // The step has no result.
  "no-result",
  // Between what tasks read and produce.
  "unknown-output",
  "duplicate-output",
  "unused-input",
  "missing-deliverable",
  "unneeded-output",
  "too-many-agents",
  "too-many-tasks",
  "unused-agent",
  "tool-not-allowed",
  "tool-denied",
  "tool-asks",
  "model-not-allowed",
  "missing-manager",
  "manager-powers",
  "unfounded-crew",
  "over-limit",
  "over-timeout",
  "unknown-cost"
])
export type ProblemCode = typeof ProblemCode.Type

export const Problem = Schema.Struct({
  code: ProblemCode,
  /** The path from the root of the crew. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** A sentence that states the problem and the remedy. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "GeneratorProblem", description: "A problem of a generated crew" })
export interface Problem extends Schema.Schema.Type<typeof Problem> {}
