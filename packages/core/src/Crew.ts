/**
 * A crew: agents and a graph of tasks, declared. Plain data plus, for crews written in TypeScript, the functions that data
 * cannot hold.
 */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Agent from "./Agent.ts"
import * as Task from "./Task.ts"

/** A value that an execution is given by name, for the placeholders. */
export const Input = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  /** The value when an execution gives none. Without a default the input is required. */
  default: Schema.optionalKey(Schema.Json)
})
export interface Input {
  readonly description?: string
  readonly default?: Schema.Json
}

/** A crew as plain JSON data, agents and tasks by name in declared order. */
export const Definition = Schema.Struct({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  /** `parallel` (default): the graph, as wide as it allows. `sequential`: each task after the one before. */
  process: Schema.optionalKey(Schema.Literals(["parallel", "sequential"])),
  agents: Schema.Record(Schema.String, Agent.Agent),
  tasks: Schema.Record(Schema.String, Task.Task),
  inputs: Schema.optionalKey(Schema.Record(Schema.String, Input)),
  /** The model of agents that name none. Default: the application's. */
  model: Schema.optionalKey(Agent.ModelReference),
  /** Time limit of a whole execution. Default: none. */
  timeout: Schema.optionalKey(Task.Duration)
}).annotate({ identifier: "Crew", description: "A crew of agents and its tasks" })

export interface Definition {
  readonly name: string
  readonly description?: string
  readonly process?: "parallel" | "sequential"
  readonly agents: { readonly [name: string]: Agent.Agent }
  readonly tasks: { readonly [name: string]: Task.Task }
  readonly inputs?: { readonly [name: string]: Input }
  readonly model?: string
  readonly timeout?: Task.Duration
}

/** What a function of the crew is told besides the output. */
export interface CodeContext {
  /** The task whose output is looked at. */
  readonly task: string
  /** The inputs of the execution. */
  readonly inputs: { readonly [name: string]: Schema.Json }
}

/** Accepts with `true`, or refuses with a complaint that the agent is shown. A function that throws fails the attempt. */
export type GuardrailFunction<Output = any> = (
  output: Output,
  context: CodeContext
) => Verdict | Promise<Verdict> | Effect.Effect<Verdict>
export type Verdict = true | string

/** Tells from the output of another task whether this one runs. */
export type ConditionFunction<Output = any> = (
  output: Output,
  context: CodeContext
) => boolean | Promise<boolean> | Effect.Effect<boolean>

/** The functions of one task. */
export interface TaskCode {
  /** Validates and decodes the JSON of the output; an Effect Schema comes wrapped as a Standard Schema. */
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
 * A crew. `Output` is what its executions come to: the output of the task that nothing depends on, or, of several such
 * tasks, an object of theirs by name.
 */
export interface Crew<out Output = Schema.Json> {
  readonly definition: Definition
  readonly code: Code
  /** Exists only for the type checker. */
  readonly "~output"?: Output
}

/** What is wrong with a crew: stable, for programs. */
export const ProblemCode = Schema.Literals([
  "unknown-key",
  "missing-key",
  "wrong-type",
  "invalid-value",
  "empty",
  "duplicate-name",
  "invalid-name",
  "unknown-agent",
  "unknown-task",
  "unknown-tool",
  "self-dependency",
  "cycle",
  "missing-agent",
  "missing-input",
  "yaml-syntax",
  "no-tasks",
  "no-agents",
  "invalid-output-schema",
  "output-file-outside-workspace"
])

/** One thing that is wrong with a crew. */
export const Problem = Schema.Struct({
  code: ProblemCode,
  /** Where, from the root of the crew: `["tasks", "write", "context", 0]`. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** What is wrong and what to do, as a sentence. */
  message: Schema.String,
  /** The name that was probably meant. */
  suggestion: Schema.optionalKey(Schema.String),
  /** In a file: line and column of it, from 1. */
  line: Schema.optionalKey(Schema.Int),
  column: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "CrewProblem" })
export type Problem = typeof Problem.Type

/** The crew cannot be run. Holds everything that is wrong with it at once. */
export class CrewInvalid extends Schema.TaggedError<CrewInvalid>()("CrewInvalid", {
  problems: Schema.Array(Problem)
}) {
  override get message() {
    return this.problems.map((problem) => problem.message).join("\n")
  }
}

export declare const validate: (crew: Crew<unknown>) => Result.Result<void, CrewInvalid>
export declare const fromJson: (input: unknown) => Result.Result<Crew, CrewInvalid>
export declare const toJson: (crew: Crew<unknown>) => Definition
