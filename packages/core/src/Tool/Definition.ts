/**
 * A tool: data for the model plus an effect, what a call may have to wait for before it, and the
 * two ways in which a call fails.
 */
import type * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { Origin } from "../MemoryOptions.ts"
import type * as Task from "../Task.ts"
import type { Files } from "../Workspace.ts"
import type { Kind, Source } from "./Traits.ts"

/**
 * Why a call failed, for programs: lower case, words joined by hyphens. `address-refused` and
 * `path-refused` come from the guards, `policy-denied` from the policy, and `arguments-invalid`
 * from the validation of the arguments; tools can use other codes.
 */
export const Code = Schema.String

/** The call was wrong in a way that the model can mend; the message tells it how. */
export class ToolRetry extends Schema.TaggedError<ToolRetry>()("ToolRetry", {
  message: Schema.String,
  code: Schema.optionalKey(Code)
}) {}

/** The call cannot succeed; the message is shown to the model. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  message: Schema.String,
  code: Schema.optionalKey(Code),
  cause: Schema.optionalKey(Schema.Defect()),
  /** The function of the tool threw something other than `ToolRetry` or `ToolFailed`. */
  isDefect: Schema.optionalKey(Schema.Literal(true))
}) {}

export type ToolError = ToolRetry | ToolFailed

/**
 * Who calls, and under which key: the same call delivered again after a crash carries the same
 * `idempotencyKey`.
 */
export interface ToolContext {
  readonly tenant: string
  /** The user whose execution it is; absent: unknown. */
  readonly userId?: string
  readonly executionId: string
  readonly taskId: string
  /** The fencing token of the run, and the turn of the attempt that made the call, from 1. */
  readonly run: number
  readonly turn: number
  readonly agent: string
  readonly callId: string
  readonly idempotencyKey: string
  /** The files of the execution, shared by its tasks on all machines. */
  readonly workspace: Files
  /** The least trusted origin of what the agent was shown before the call. Absent: `agent`. */
  readonly trust?: Origin
  /** What the call has waited for. */
  readonly met?: Met
  /**
   * Calls another tool of the agent: decided by the same policies, and recorded as a call within
   * this one. A call that would wait, such as for a person's approval, is refused. A tool that is
   * idempotent must make the same calls in the same order when it runs again. Absent: it cannot
   * call tools here.
   */
  readonly call?: (tool: string, args: Schema.JsonObject) => Effect.Effect<Schema.Json, ToolError>
}

/**
 * A task that a call adds: as in a crew, without functions of its own. It depends on others of the
 * same call, by name.
 */
export interface SpawnedTask extends Pick<
  Task.Task,
  | "description"
  | "expectedOutput"
  | "agent"
  | "context"
  | "dependsOn"
  | "tools"
  | "output"
  | "guardrails"
  | "maxRepairs"
  | "maxTurns"
  | "retry"
  | "timeout"
  | "onFailure"
  | "limits"
  | "cache"
  | "approvals"
> {
  /** What it is called in lists. Default: its name. */
  readonly title?: string
  /** The task of the crew whose output schema and functions it uses. Default: it has none. */
  readonly codeOf?: string
}

/** What a call waits for before its tool runs. Times in milliseconds. */
export type Need =
  /** A person's answer. */
  | {
      readonly _tag: "Question"
      readonly question: string
      /** Of the answer: JSON Schema, draft 2020-12. */
      readonly schema: JsonSchema.JsonSchema
      /** How long people have; absent: for ever. */
      readonly timeoutMillis?: number
      /** The answer when nobody gives one in time; absent: the call fails. */
      readonly default?: Schema.Json
    }
  /** Tasks that the call adds. */
  | {
      readonly _tag: "Tasks"
      readonly tasks: { readonly [name: string]: SpawnedTask }
      /**
       * `all`: all are settled. A number: so many completed, or so many cannot be reached any more.
       */
      readonly need: "all" | number
      /**
       * What becomes of tasks that are not needed any more: they are cancelled, unless they are
       * kept.
       */
      readonly rest?: "keep"
      readonly timeoutMillis?: number
      /** Their outputs are looked at for signs that they are no success. */
      readonly checked?: true
    }
  /** A signal that the calling task declares. */
  | { readonly _tag: "Signal"; readonly signal: string; readonly timeoutMillis?: number }
  | { readonly _tag: "Time"; readonly millis: number }

/**
 * What a task that was added came to; `running`: it is not over, and is not waited for any longer.
 */
export interface SpawnedResult {
  readonly status: "completed" | "failed" | "skipped" | "cancelled" | "running"
  readonly output?: Schema.Json
  /** Why it failed, in words and as a code, and after how many attempts. */
  readonly error?: string
  readonly code?: string
  readonly attempts?: number
  /** What was decided about the failure, where that is not what the task declares. */
  readonly policy?: "continue" | "skip" | "abort"
  /** The output is what its agent had when a limit was reached. */
  readonly partial?: true
  /** Signs that the output is not the success that it says it is. */
  readonly doubts?: ReadonlyArray<{ readonly check: string; readonly message: string }>
  /** Of what gives the result of the crew: how it stands with each of the crew's criteria. */
  readonly criteria?: ReadonlyArray<{
    readonly criterion: string
    readonly verdict: "passed" | "failed" | "unknown"
    readonly reason?: string
  }>
}

/** What a wait came to. */
export type Met =
  | { readonly _tag: "Answer"; readonly value: Schema.Json }
  | { readonly _tag: "Tasks"; readonly tasks: { readonly [name: string]: SpawnedResult } }
  /** Without a value when the time was up. */
  | { readonly _tag: "Signal"; readonly value?: Schema.Json }
  | { readonly _tag: "Time" }

export interface Tool {
  readonly name: string
  readonly description: string
  /** JSON Schema (2020-12) of the arguments object. */
  readonly parameters: JsonSchema.JsonSchema
  /**
   * Other names of arguments, which are replaced before policies decide about a call: the argument
   * that each replaces; or, with `parentOf`, the argument that contains a path relative to the
   * directory in the alias.
   */
  readonly aliases?: { readonly [alias: string]: string | { readonly parentOf: string } }
  /** Arguments that are paths of the workspace (one path or a list), which are normalised first. */
  readonly paths?: ReadonlyArray<string>
  /**
   * True when running the same call twice does no harm (reading, computing): then a crash in the
   * middle simply runs it again.
   */
  readonly idempotent: boolean
  /** JSON Schema (2020-12) of the result. Absent: any JSON. */
  readonly output?: JsonSchema.JsonSchema
  /** The most powerful effect of a call. Absent: `Traits.defaultKind`. */
  readonly kind?: Kind
  /** Absent: `code`. */
  readonly source?: Source
  /** Time limit of one call, in milliseconds. Absent: only that of the task. */
  readonly timeoutMillis?: number
  /**
   * Maximum length of a result, in characters of JSON, before it is truncated for a model, which
   * can read the rest. Absent: `Traits.defaultMaxResult`.
   */
  readonly maxResult?: number
  /**
   * Details of the implementation that no other field contains, such as an address; part of the
   * hash.
   */
  readonly definition?: Schema.Json
  /** True: within an attempt, the same arguments may be answered with an earlier result. */
  readonly cacheable?: true
  /**
   * Where what it answers comes from. Default: `tool`. What is remembered of it is trusted no more
   * than that.
   */
  readonly origin?: Origin
  /**
   * Whether a person must approve the call before anything else happens, and how long people have.
   * Absent: never.
   */
  readonly approval?: (
    args: Schema.JsonObject
  ) => Effect.Effect<boolean | { readonly timeoutMillis?: number }, ToolError>
  /**
   * What the call waits for. May be asked again after a crash, so that it must have no effect of
   * its own. Absent: nothing.
   */
  readonly need?: (args: Schema.JsonObject, context: ToolContext) => Effect.Effect<Need, ToolError>
  /** The arguments have passed `parameters`, under their own names. Interrupting stops the work. */
  readonly execute: (args: Schema.JsonObject, context: ToolContext) => Effect.Effect<Schema.Json, ToolError>
}
