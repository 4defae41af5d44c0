/**
 * The answers of a model in the steps of a generation: small objects with schemas. They contain no
 * dependencies of tasks, which follow from the inputs and outputs of tasks.
 */
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"

const name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, { expected: 'a name such as "market_report"' })
)

/** An output of the crew, and the criteria for its quality. */
export const Deliverables = Schema.Struct({
  crewName: name,
  deliverables: Schema.Array(
    Schema.Struct({
      name,
      description: Agent.Text,
      criteria: Schema.Array(Agent.Text).check(Schema.isMinLength(1), Schema.isMaxLength(5))
    })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(5))
}).annotate({ title: "GeneratorDeliverables" })
export interface Deliverables extends Schema.Schema.Type<typeof Deliverables> {}

/** What justifies more than one agent. */
export const Ground = Schema.Literals(["none", "parallel-work", "different-tools", "independent-review"])
export type Ground = typeof Ground.Type

/** Whether one agent or a crew does the work, and why. */
export const Organisation = Schema.Struct({
  kind: Schema.Literals(["agent", "crew"]),
  ground: Ground,
  reason: Agent.Text
}).annotate({ title: "GeneratorOrganisation" })
export interface Organisation extends Schema.Schema.Type<typeof Organisation> {}

/** The agents and their tasks. */
export const Decomposition = Schema.Struct({
  agents: Schema.Array(
    Schema.Struct({ name, role: Agent.Text, goal: Agent.Text, backstory: Schema.optionalKey(Schema.String) })
  ),
  tasks: Schema.Array(
    Schema.Struct({
      name,
      description: Agent.Text,
      expectedOutput: Agent.Text,
      agent: Schema.String,
      /** Names of inputs, and of outputs of other tasks. */
      reads: Schema.Array(Schema.String),
      /** The name of its output; that of a deliverable if it produces one. */
      produces: name
    })
  ),
  reason: Agent.Text
}).annotate({ title: "GeneratorDecomposition" })
export interface Decomposition extends Schema.Schema.Type<typeof Decomposition> {}

/** The tools of each task. */
export const ToolChoice = Schema.Struct({
  tasks: Schema.Array(
    Schema.Struct({ task: Schema.String, tools: Schema.Array(Agent.ToolName), reason: Schema.String })
  )
}).annotate({ title: "GeneratorTools" })
export interface ToolChoice extends Schema.Schema.Type<typeof ToolChoice> {}
