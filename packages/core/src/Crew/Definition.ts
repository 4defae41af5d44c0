/**
 * A crew as it is declared: its data, which is plain JSON, and the functions of crews written in
 * TypeScript, which data cannot hold.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Agent from "../Agent.ts"
import * as Limits from "../Limits.ts"
import * as MemoryOptions from "../MemoryOptions.ts"
import * as Name from "../Name.ts"
import * as Policy from "../Policy.ts"
import * as Task from "../Task.ts"
import * as Manager from "./Manager.ts"
import * as Synthesis from "./Synthesis.ts"

/** A value that an execution is given by name, for the placeholders. */
export const Input = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  /**
   * The value when an execution gives none. Without a default, a placeholder that uses the input
   * needs a value.
   */
  default: Schema.optionalKey(Schema.Json)
}).annotate({ description: "An input of a crew" })

export interface Input extends Schema.Schema.Type<typeof Input> {}

const on = Schema.optionalKey(Schema.Boolean)

/** What is looked for in the outputs of delegated work. */
export const Checks = Schema.Struct({
  /** The output is empty. */
  emptyOutput: on,
  /** It claims an action that no tool has taken. */
  claimedAction: on,
  /** It cites an address that the agent was not shown. */
  citedSource: on,
  /** It leaves out an item of a list that was asked for. */
  droppedItem: on
}).annotate({ description: "Checks that detect false successes" })

/** A crew as plain JSON data, agents and tasks by name in declared order. */
export const Definition = Schema.Struct({
  name: Name.Name,
  description: Schema.optionalKey(Schema.String),
  /**
   * `parallel` (default): the graph, as wide as it allows. `sequential`: each task after the one
   * before. `hierarchical`: as `parallel`, and a manager assigns the tasks that name no agent.
   */
  process: Schema.optionalKey(Schema.Literals(["parallel", "sequential", "hierarchical"])),
  agents: Schema.Record(Schema.String, Agent.Agent),
  tasks: Schema.Record(Schema.String, Task.Task),
  inputs: Schema.optionalKey(Schema.Record(Schema.String, Input)),
  /** The model of agents that name none. Default: the application's. */
  model: Schema.optionalKey(Agent.Models),
  /** The manager of the crew. Default: none. */
  manager: Schema.optionalKey(Manager.Manager),
  /**
   * What the result of the crew must fulfil: sentences that the manager holds it against; without a
   * manager, the model of the crew.
   */
  acceptance: Schema.optionalKey(Schema.Array(Agent.Text)),
  /**
   * True, or how: the manager writes the result from the outputs of the final tasks. Default: where
   * the crew has `acceptance` and several final tasks, because that needs one result.
   */
  synthesis: Schema.optionalKey(Schema.Union([Schema.Literal(true), Synthesis.Synthesis])),
  /** Checks that look for false successes, by name; each is on unless it is `false` here. */
  checks: Schema.optionalKey(Checks),
  /**
   * What a tool does whose function throws: its agent is told the message and goes on (`tell`,
   * default), or the task fails without another attempt (`fail`). `ToolRetry` and `ToolFailed` are
   * always told.
   */
  onToolDefect: Schema.optionalKey(Schema.Literals(["tell", "fail"])),
  /**
   * True, or how: its agents are reminded of what earlier tasks and executions of this crew came
   * to. Default: false.
   */
  memory: Schema.optionalKey(Schema.Union([Schema.Boolean, MemoryOptions.MemoryOptions])),
  /**
   * Which tool calls are allowed in all of its tasks. Default: calls of the tools that it lists.
   */
  policy: Schema.optionalKey(Policy.Policy),
  /** Time limit of a whole execution. Default: none. */
  timeout: Schema.optionalKey(Task.Duration),
  /** What one execution may spend. Default: no limit. */
  limits: Schema.optionalKey(Limits.Declared)
}).annotate({ identifier: "Crew", description: "A crew of agents and its tasks" })

export interface Definition extends Schema.Schema.Type<typeof Definition> {}

/** What a function of the crew receives besides the output. */
export interface CodeContext {
  /** The task whose output is looked at. */
  readonly task: string
  /** The inputs of the execution. */
  readonly inputs: { readonly [name: string]: Schema.Json }
  /** Outputs of the tasks in its `context`, by task name; tasks without output are absent. */
  readonly outputs: { readonly [task: string]: Schema.Json }
}

/**
 * Accepts the decoded output of its task with `true`, or refuses it with a complaint that the agent
 * is shown. A function that throws, fails the attempt.
 */
export type GuardrailFunction<Output = unknown> = (
  output: Output,
  context: CodeContext
) => Verdict | Promise<Verdict> | Effect.Effect<Verdict>

/** `true`, or the complaint. */
export type Verdict = true | string

/** Tells from the decoded output of another task whether this one runs. */
export type ConditionFunction<Output = unknown> = (
  output: Output,
  context: CodeContext
) => boolean | Promise<boolean> | Effect.Effect<boolean>

/** The functions of one task. */
export interface TaskCode {
  /**
   * Validates and decodes the JSON of the output; an Effect Schema comes wrapped as a Standard
   * Schema.
   */
  readonly output?: StandardSchemaV1
  /** In the order of `Plan.Guardrail.index`. */
  readonly guardrails?: ReadonlyArray<GuardrailFunction>
  readonly when?: ConditionFunction
}

/** The functions of a crew, by task. */
export interface Code {
  readonly [task: string]: TaskCode
}

/**
 * A crew. `Output` is what its executions come to: the output of the task that nothing depends on,
 * or, of several such tasks, an object of theirs by name.
 */
export interface Crew<out Output = Schema.Json> {
  readonly definition: Definition
  readonly code: Code
  /** Exists only for the type checker. */
  readonly "~output"?: Output
}
