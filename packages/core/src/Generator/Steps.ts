/**
 * What a model answers in the steps of a generation: small objects, each by its schema. Nothing in
 * them names a dependency of tasks: it follows from what a task reads and produces.
 */
import * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"

const name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, { expected: 'a name such as "market_report"' })
)

/** What must exist in the end, and how to tell whether it is good. */
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

/** Whether one agent does it or a crew, and why. */
export const Organisation = Schema.Struct({
  kind: Schema.Literals(["agent", "crew"]),
  ground: Ground,
  reason: Agent.Text
}).annotate({ title: "GeneratorOrganisation" })
export interface Organisation extends Schema.Schema.Type<typeof Organisation> {}

/** Who does what. */
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
      /** Names of inputs, and of what other tasks produce. */
      reads: Schema.Array(Schema.String),
      /** The name of its output; that of a deliverable where it produces one. */
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
