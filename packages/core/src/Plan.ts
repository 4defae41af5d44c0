/**
 * A crew plus its inputs: interpolated, validated, frozen. Exactly what will run, as plain JSON, so that any worker on any
 * machine can run it. Static and generated crews meet here.
 */
import type * as JsonSchema from "effect/JsonSchema"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Crew from "./Crew.ts"

/** A condition on the output of one earlier task; the task runs only when it holds. */
export type Condition =
  | { readonly task: string; readonly contains: string }
  | { readonly task: string; readonly matches: string }
  | { readonly task: string; readonly equals: Schema.Json; readonly path?: string }
  | { readonly task: string; readonly code: true }

/** A guardrail of a task: a sentence that a model judges, or the n-th function of the crew's code for the task. */
export type Guardrail =
  | { readonly kind: "sentence"; readonly text: string }
  | { readonly kind: "code"; readonly index: number }

/** Attempts and the backoff between them: full jitter below `initialMillis * factor^(attempt-1)`, at most `maxMillis`. */
export interface Retry {
  /** How many times the task is tried in all, at least 1. */
  readonly attempts: number
  readonly initialMillis: number
  readonly factor: number
  readonly maxMillis: number
}

/** Parameters of the model call; absent ones are the provider's defaults. */
export interface ModelOptions {
  readonly temperature?: number
  readonly topP?: number
  readonly maxOutputTokens?: number
  readonly seed?: number
  readonly stop?: ReadonlyArray<string>
}

export interface PlannedAgent {
  readonly role: string
  readonly goal: string
  readonly backstory: string
  /** Model reference `provider/model`; absent: the application's default. */
  readonly model?: string
  readonly modelOptions?: ModelOptions
}

export interface PlannedTask {
  readonly id: string
  readonly description: string
  readonly expectedOutput: string
  readonly agent: string
  /** Tasks whose outputs are given to this one, in this order. */
  readonly context: ReadonlyArray<string>
  /** All that must be settled first: `context`, `dependsOn`, the order of the process and the condition's task. */
  readonly dependencies: ReadonlyArray<string>
  /** Names of the tools the agent may use here. */
  readonly tools: ReadonlyArray<string>
  /** JSON Schema (2020-12) of the output; absent: text. */
  readonly output?: JsonSchema.JsonSchema
  /** True when the crew's code validates the output too (a Schema, Zod or Standard Schema was given). */
  readonly outputCode?: true
  readonly guardrails: ReadonlyArray<Guardrail>
  /** How often an output that its schema or a guardrail refuses is sent back with the complaint. */
  readonly maxRepairs: number
  /** Model turns of one attempt, tool turns included. */
  readonly maxTurns: number
  readonly retry: Retry
  /** Time limit of one attempt, in milliseconds. */
  readonly timeoutMillis?: number
  /** What a final failure does: end the execution, skip the descendants, or let them run and see that it failed. */
  readonly onFailure: "fail" | "skip" | "continue"
  readonly when?: Condition
  /** File that receives the output, relative to the workspace directory. */
  readonly outputFile?: string
}

export interface Plan {
  readonly version: 1
  /** The crew's name. */
  readonly name: string
  readonly process: "parallel" | "sequential"
  readonly agents: { readonly [name: string]: PlannedAgent }
  /** In declared order. */
  readonly tasks: ReadonlyArray<PlannedTask>
  readonly inputs: { readonly [name: string]: Schema.Json }
  /** Time limit of the whole execution, in milliseconds from its start. */
  readonly timeoutMillis?: number
  /** True when functions of the crew (guardrails, conditions, output schemas) are needed to run it. */
  readonly needsCode?: true
}

export interface MakeOptions {
  /** Values of the crew's placeholders. */
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** The tools that exist; absent: the crew's tool names are not checked. */
  readonly tools?: ReadonlyArray<string>
  /** Model of agents for which neither they nor the crew name one; absent: the application's default at run time. */
  readonly defaultModel?: string
}

/** Validates the crew, fills its placeholders, and freezes the result. Reports everything that is wrong at once. */
export declare const make: (crew: Crew.Crew<unknown>, options?: MakeOptions) => Result.Result<Plan, Crew.CrewInvalid>
