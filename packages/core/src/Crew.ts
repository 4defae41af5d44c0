/**
 * A crew: agents and a graph of tasks, declared. Plain data plus, for crews written in TypeScript, the functions that data
 * cannot hold. Nothing here throws: what is wrong with a crew is told by `validate`, `fromJson` and `Plan.make`, all at once.
 */
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Agent from "./Agent.ts"
import type * as CrewBuilder from "./Crew/Builder.ts"
import * as CrewInspection from "./Crew/Inspection.ts"
import * as Limits from "./Limits.ts"
import * as Task from "./Task.ts"

/** A value that an execution is given by name, for the placeholders. */
export const Input = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  /** The value when an execution gives none. Without a default, a placeholder that uses the input needs a value. */
  default: Schema.optionalKey(Schema.Json)
}).annotate({ description: "An input of a crew" })

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
  model: Schema.optionalKey(Agent.Models),
  /** True: its agents are reminded of what earlier tasks and executions of this crew came to. Default: false. */
  memory: Schema.optionalKey(Schema.Boolean),
  /** Time limit of a whole execution. Default: none. */
  timeout: Schema.optionalKey(Task.Duration),
  /** What one execution may spend. Default: no limit. */
  limits: Schema.optionalKey(Limits.Limits)
}).annotate({ identifier: "Crew", description: "A crew of agents and its tasks" })

export interface Definition {
  readonly name: string
  readonly description?: string
  readonly process?: "parallel" | "sequential"
  readonly agents: { readonly [name: string]: Agent.Agent }
  readonly tasks: { readonly [name: string]: Task.Task }
  readonly inputs?: { readonly [name: string]: Input }
  readonly model?: Agent.Models
  readonly memory?: boolean
  readonly timeout?: Task.Duration
  readonly limits?: Limits.Limits
}

/** What a function of the crew is told besides the output. */
export interface CodeContext {
  /** The task whose output is looked at. */
  readonly task: string
  /** The inputs of the execution. */
  readonly inputs: { readonly [name: string]: Schema.Json }
}

/**
 * Accepts the decoded output of its task with `true`, or refuses it with a complaint that the agent is shown. A function that
 * throws, fails the attempt.
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

/** What kind of thing is wrong with a crew: stable, for programs. */
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
  "unknown-input",
  "yaml-syntax",
  "no-tasks",
  "no-agents",
  "invalid-output-schema",
  "output-file-outside-workspace",
  "attachment-outside-workspace"
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
  problems: Schema.Array(Problem),
  /** The file that the crew was read from. */
  filename: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const count = this.problems.length === 1 ? "1 problem" : `${this.problems.length} problems`
    const where = this.filename === undefined ? "" : ` in ${this.filename}`
    return `The crew${where} is not valid, ${count}:${this.problems.map((problem) => `\n- ${describe(problem)}`).join("")}`
  }
}

/** A problem as one line, with the place in the file when it is known. */
export const describe = (problem: Problem): string =>
  problem.line === undefined
    ? problem.message
    : `line ${problem.line}, column ${problem.column ?? 1}: ${problem.message}`

/**
 * A crew in TypeScript. The type checker refuses names of agents and tasks that do not exist, a task that refers to itself, and
 * functions that expect another output than their task declares. Whatever else is wrong is told by `validate` and when the crew
 * is started.
 *
 * The output of the crew is inferred: that of the task that nothing depends on, or an object of several such tasks by name.
 * Limits: a name chosen at run time (`context: [long ? "essay" : "note"]`) counts as both; in a sequential crew the type is the
 * union over the tasks that no other names; a task that may be skipped is typed as if it ran.
 */
export const make = <
  const AgentName extends string,
  const Outputs,
  const Contexts,
  const Orders,
  const Conditions,
  const Process extends "parallel" | "sequential" = "parallel"
>(
  options: CrewBuilder.MakeOptions<AgentName, Process, Outputs, Contexts, Orders, Conditions>
): Crew<CrewBuilder.CrewOutput<Process, Outputs, Contexts, Orders, Conditions>> => CrewInspection.build(options)

/** A crew from its data: agents and tasks by name, or as lists of objects with a `name`. */
export const fromJson = (input: unknown): Result.Result<Crew, CrewInvalid> => {
  const { crew, problems } = CrewInspection.fromData(input)
  return problems.length === 0 ? Result.succeed(crew) : Result.fail(new CrewInvalid({ problems }))
}

/** The crew's data, which `fromJson` takes. Functions are no data: what they guard or decide is not in it. */
export const toJson = (crew: Crew<unknown>): Definition => crew.definition

/** Everything that is wrong with a crew, whatever its inputs will be. Costs nothing for a crew that was looked at before. */
export const validate = (crew: Crew<unknown>): Result.Result<void, CrewInvalid> => {
  const { problems } = CrewInspection.inspect(crew)
  return problems.length === 0 ? Result.void : Result.fail(new CrewInvalid({ problems }))
}
