/**
 * The types of `Crew.make`: names that must exist, functions that know the output they are given,
 * and the type of what the crew comes to. `Outputs`, `Contexts`, `Orders` and `Conditions` are
 * inferred from the tasks, one entry a task; an absent property is `unknown` in them. "Or string"
 * beside the name of a condition keeps the message of a misspelt one to that name: the inferred
 * literal and the allowed ones would meet in a `never`.
 */
import type * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type * as Agent from "../Agent.ts"
import type { Validator } from "../StandardSchema.ts"
import type * as Task from "../Task.ts"
import type { Manager } from "./Manager.ts"
import type { Synthesis } from "./Synthesis.ts"
import type { ConditionFunction, Definition, GuardrailFunction, Input } from "./Definition.ts"

/** What a task may declare as its output. */
export type OutputDeclaration =
  | Validator
  | { readonly schema: Validator; readonly jsonSchema: Schema.JsonObject }
  | Schema.JsonObject

/** The type of a task's output by its declaration: text without one. */
export type OutputOf<Declaration> = unknown extends Declaration
  ? string
  : Declaration extends Schema.Constraint
    ? Declaration["Type"]
    : Declaration extends StandardSchemaV1
      ? StandardSchemaV1.InferOutput<Declaration>
      : Declaration extends { readonly schema: infer S extends Validator }
        ? OutputOf<S>
        : Schema.Json

type OutputOfNamed<Name, Outputs> = Name extends keyof Outputs ? OutputOf<Outputs[Name]> : unknown

/** The names that a task may refer to: all but its own. */
export type OthersThan<Outputs, Name> = string extends keyof Outputs ? string : Exclude<keyof Outputs & string, Name>

/**
 * A condition on the output of another task: exactly one of `contains`, `matches`, `equals` and
 * `test`. Not a union of four forms, so that a misspelt name is reported as one.
 */
export interface When<Others extends string> extends Omit<Task.When, "task"> {
  readonly task: Others
  /** A function; see `MakeOptions`. */
  readonly test?: object
}

/** A task of `Crew.make`: as in data, with schemas and functions besides. */
export interface TaskOptions<AgentName extends string, Others extends string, Output> extends Omit<
  Task.Task,
  "agent" | "context" | "dependsOn" | "output" | "guardrails" | "when"
> {
  readonly agent?: AgentName
  /**
   * Tasks whose outputs this one reads, in this order. In a sequential crew: all before it, unless
   * given.
   */
  readonly context?: ReadonlyArray<Others>
  /** Tasks that must be settled first, without reading their outputs. */
  readonly dependsOn?: ReadonlyArray<Others>
  /**
   * Effect Schema, Zod or other Standard Schema, `{ schema, jsonSchema }`, or JSON Schema. Default:
   * text.
   */
  readonly output?: Output & OutputDeclaration
  /** Functions of the decoded output, tried first, and sentences that a model judges. */
  readonly guardrails?: ReadonlyArray<string | GuardrailFunction<OutputOf<NoInfer<Output>>>>
  /** The task runs only when this holds; otherwise it is skipped. */
  readonly when?: When<Others>
}

/** A manager of `Crew.make`: its agents are those of the crew. */
export interface ManagerOptions<AgentName extends string> extends Omit<Manager, "agent" | "allow"> {
  readonly agent?: AgentName
  readonly allow?: ReadonlyArray<AgentName>
}

export interface MakeOptions<
  AgentName extends string,
  Process,
  Outputs,
  Contexts,
  Orders,
  Conditions,
  Acceptance,
  Written
> extends Omit<Definition, "process" | "agents" | "tasks" | "inputs" | "manager" | "acceptance" | "synthesis"> {
  /**
   * `parallel` (default): the graph, as wide as it allows. `sequential`: each task after the one
   * before.
   */
  readonly process?: Process
  readonly agents: { readonly [Name in AgentName]: Agent.Agent }
  /**
   * What the result must fulfil: sentences that the manager holds it against; without a manager,
   * the model of the crew.
   */
  readonly acceptance?: Acceptance & ReadonlyArray<string>
  /** True, or how: the manager writes the result from the outputs of the final tasks. */
  readonly synthesis?: Written & (true | Synthesis)
  /** The manager of the crew. Default: none. */
  readonly manager?: ManagerOptions<NoInfer<AgentName>>
  readonly tasks: {
    readonly [Name in keyof Outputs]: TaskOptions<NoInfer<AgentName>, OthersThan<Outputs, Name>, Outputs[Name]>
  } & { readonly [Name in keyof Contexts]: { readonly context?: Contexts[Name] } } & {
    readonly [Name in keyof Orders]: { readonly dependsOn?: Orders[Name] }
  } & {
    readonly [Name in keyof Conditions]: {
      readonly when?: {
        readonly task: Conditions[Name] | string
        readonly test?: ConditionFunction<OutputOfNamed<NoInfer<Conditions[Name]>, NoInfer<Outputs>>>
      }
    }
  }
  /** Inputs by name: a declaration, or a default value that is not an object. */
  readonly inputs?: { readonly [name: string]: Input | string | number | boolean | ReadonlyArray<Schema.Json> }
}

type NamesIn<Lists> = {
  readonly [Name in keyof Lists]: Lists[Name] extends ReadonlyArray<infer N> ? N : never
}[keyof Lists]
type NamesOf<Values> = {
  readonly [Name in keyof Values]: Values[Name] extends string ? Values[Name] : never
}[keyof Values]

type Sinks<Outputs, Contexts, Orders, Conditions> = Exclude<
  keyof Outputs,
  NamesIn<Contexts> | NamesIn<Orders> | NamesOf<Conditions>
>

/**
 * What the crew comes to: the output of the one task that nothing depends on; of several such tasks
 * an object by name. In a sequential crew it is the last task, of which the type checker sees only
 * that no other depends on it: the type is the union of the outputs of such tasks. Names that are
 * no literals leave `Json`. A result that the manager writes is text, or what its schema says.
 */
export type CrewOutput<Process, Outputs, Contexts, Orders, Conditions, Acceptance, Written> = unknown extends Written
  ? OutputOfSinks<Sinks<Outputs, Contexts, Orders, Conditions>, Process, Outputs, Acceptance>
  : OutputOfWritten<Written>

type OutputOfWritten<Written> = [Written] extends [true]
  ? string
  : [Written] extends [object]
    ? "output" extends keyof Written
      ? Schema.Json
      : string
    : Schema.Json

type OutputOfSinks<Names extends keyof Outputs, Process, Outputs, Acceptance> = [Names] extends [never]
  ? Schema.Json
  : string extends Names
    ? Schema.Json
    : [Process] extends ["sequential"]
      ? { readonly [Name in Names]: OutputOf<Outputs[Name]> }[Names]
      : [Process] extends ["parallel" | "hierarchical"]
        ? IsUnion<Names> extends true
          ? IsJudged<Acceptance> extends true
            ? string
            : { readonly [Name in Names]: OutputOf<Outputs[Name]> }
          : OutputOf<Outputs[Names]>
        : Schema.Json

type IsJudged<Acceptance> = unknown extends Acceptance
  ? false
  : Acceptance extends ReadonlyArray<unknown>
    ? Acceptance["length"] extends 0
      ? false
      : true
    : false

type IsUnion<T, Whole = T> = (T extends unknown ? ([Whole] extends [T] ? false : true) : never) extends false
  ? false
  : true
