/**
 * What a plan is made of: plain JSON, defaults filled in, durations in milliseconds, texts with the inputs in place.
 */
import type * as JsonSchema from "effect/JsonSchema"
import type * as Schema from "effect/Schema"
import type { ModelOptions } from "../Agent.ts"
import type { Limits } from "../Limits.ts"

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

export interface PlannedAgent {
  readonly role: string
  readonly goal: string
  readonly backstory: string
  /** Model reference `provider/model`, or several in the order in which they are asked; absent: the application's default. */
  readonly model?: string | ReadonlyArray<string>
  readonly modelOptions?: ModelOptions
  /** What the agent may spend in one execution. */
  readonly limits?: Limits
}

/** A file that the agent is shown: of the workspace, or at an address. */
export type PlannedAttachment = (
  | { readonly file: string; readonly url?: never }
  | { readonly url: string; readonly file?: never }
) & { readonly mediaType: string; readonly name?: string }

export interface PlannedTask {
  readonly id: string
  readonly description: string
  readonly expectedOutput: string
  readonly agent: string
  /** Tasks whose outputs are given to this one, in this order. */
  readonly context: ReadonlyArray<string>
  /** All that must be settled first: `context`, `dependsOn`, the order of the process and the condition's task. */
  readonly dependencies: ReadonlyArray<string>
  /** Pictures and other files that the agent is shown. The log names them; their bytes go to the model alone. */
  readonly attachments?: ReadonlyArray<PlannedAttachment>
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
  /** What the task may spend, all attempts together. */
  readonly limits?: Limits
  /** True: the same question may be answered from the cache of answers. */
  readonly cache?: true
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
  /** True when agents are reminded of what the crew remembers, and what they come to is remembered. */
  readonly memory?: true
  /** Time limit of the whole execution, in milliseconds from its start. */
  readonly timeoutMillis?: number
  /** What the execution may spend. */
  readonly limits?: Limits
  /** True when functions of the crew (guardrails, conditions, output schemas) are needed to run it. */
  readonly needsCode?: true
}
