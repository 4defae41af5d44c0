/** What a generation comes to, as data. */
import * as Schema from "effect/Schema"
import { Estimate } from "./Estimate.ts"
import { Step } from "./Optimiser.ts"
import { Problem } from "./Problem.ts"

/** The reason of a choice in the crew. */
export const Reason = Schema.Struct({
  /**
   * What was chosen: `organisation`, `decomposition`, `tools.<task>`, `dependencies`, `manager`.
   */
  about: Schema.String,
  choice: Schema.String,
  reason: Schema.String
}).annotate({ identifier: "GeneratorReason" })
export interface Reason extends Schema.Schema.Type<typeof Reason> {}

export const Generated = Schema.Struct({
  /**
   * The crew as data. With problems it is a draft, whose agents and tasks are lists, to match the
   * paths of the problems; `null` if no draft was made.
   */
  crew: Schema.NullOr(Schema.JsonObject),
  rationale: Schema.Array(Reason),
  /** `null` if the crew cannot be planned. */
  estimate: Schema.NullOr(Estimate),
  /** Empty: the crew is valid. */
  problems: Schema.Array(Problem),
  /** What the optimiser changed. */
  optimisation: Schema.Array(Step),
  goal: Schema.String,
  /** The model that answered last; absent: no model answered. */
  model: Schema.optionalKey(Schema.String),
  promptVersion: Schema.String,
  /** How many answers were refused. */
  rounds: Schema.Int
}).annotate({ identifier: "GeneratedCrew", description: "The result of a generation" })
export interface Generated extends Schema.Schema.Type<typeof Generated> {}
