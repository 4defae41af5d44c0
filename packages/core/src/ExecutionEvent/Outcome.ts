/** How tasks and executions fail, end, or are skipped, as events record it. */
import * as Schema from "effect/Schema"

/** Why something failed, as data for people and for programs. */
export const Failure = Schema.Struct({
  /**
   * Stable, kebab-case: `model-error`, `output-invalid`, `guardrail-refused`, `max-turns`,
   * `tool-loop`, `timeout`, `crashed`, …
   */
  code: Schema.String,
  /** What was wrong and what to do; secrets removed. */
  message: Schema.String,
  isRetryable: Schema.Boolean
})
export interface Failure extends Schema.Schema.Type<typeof Failure> {}

/** The failure of an execution, with the task that caused it. */
export const ExecutionFailure = Schema.Struct({ ...Failure.fields, taskId: Schema.optionalKey(Schema.String) })
export interface ExecutionFailure extends Schema.Schema.Type<typeof ExecutionFailure> {}

/** Why a task was skipped. */
export const Skipped = Schema.Struct({
  reason: Schema.Literals(["condition", "dependency-failed"]),
  /** The task that caused it. */
  because: Schema.optionalKey(Schema.String)
})
export interface Skipped extends Schema.Schema.Type<typeof Skipped> {}

/** How an execution ends. */
export const Ending = Schema.Literals(["completed", "failed", "cancelled"])
export type Ending = typeof Ending.Type
