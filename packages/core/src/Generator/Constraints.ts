/** The constraints of a generated crew. */
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"
import * as Limits from "../Limits.ts"
import * as Policy from "../Policy.ts"
import * as Task from "../Task.ts"

const whole = (least: number) =>
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(least, { expected: `a whole number, ${least} or more` }))

export const Constraints = Schema.Struct({
  /** The maximum number of agents, without the manager. Default: 8. */
  maxAgents: Schema.optionalKey(whole(1)),
  /** The maximum number of tasks. Default: 30. */
  maxTasks: Schema.optionalKey(whole(1)),
  /** The tools that may be used, by name or pattern. Default: all tools. */
  tools: Schema.optionalKey(Schema.Array(Policy.ToolPattern)),
  /** The models that may be used; the first is that of the crew. Default: the application's. */
  models: Schema.optionalKey(Schema.Array(Agent.ModelReference)),
  /** What one execution of the crew may spend. */
  limits: Schema.optionalKey(Limits.Limits),
  /** How long one execution of the crew may take. */
  timeout: Schema.optionalKey(Task.Duration),
  /** False: no tool whose calls wait for a person. Default: true. */
  asksPeople: Schema.optionalKey(Schema.Boolean),
  /** The style of texts, as a description. */
  style: Schema.optionalKey(Agent.Text)
}).annotate({ identifier: "GeneratorConstraints", description: "The constraints of a generated crew" })

export interface Constraints extends Schema.Schema.Type<typeof Constraints> {}

export const defaultMaxAgents = 8
export const defaultMaxTasks = 30
