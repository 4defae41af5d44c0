/**
 * The options of a start, the handle to a started execution, and the errors instead of a result.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import type { TaskView } from "../ExecutionView.ts"
import type { Usage } from "../Usage.ts"

export interface StartOptions extends ExecutionEvent.Requester {
  /** Values of the crew's placeholders. */
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** The same key and request again answers with the first execution. */
  readonly idempotencyKey?: string
  /**
   * The id of the execution, made by `newId`, under which its files are already stored, and a hash
   * of the files: a repeated request with the same idempotency key must have the same hash.
   * Default: a new id, without files.
   */
  readonly prepared?: { readonly id: string; readonly hash: string }
  /** True: the crew was generated, so calls that do more than read require approval. */
  readonly generated?: boolean
  /** Of a stored crew, for listing its executions. */
  readonly crewId?: string
  /** Whose tasks are worked on first, among the executions of a tenant; default `normal`. */
  readonly priority?: ExecutionEvent.Priority
}

/** What an execution came to. */
export interface Result<Output = Schema.Json> {
  readonly executionId: string
  /** Of one final task its output; of several an object by task name. */
  readonly output: Output
  /** The verdict for each acceptance criterion of the crew, if it has any. */
  readonly criteria?: ReadonlyArray<ExecutionEvent.Criterion>
  readonly tasks: { readonly [task: string]: TaskView }
  readonly usage: Usage
}

/** A handle to a started execution. */
export interface Handle<Output = Schema.Json> {
  readonly id: string
  /** True when an idempotency key led to an execution that stood already. */
  readonly existing: boolean
  /** ISO 8601, by the clock of the log. */
  readonly startedAt: string
  /** Every event from the first on, with passing deltas; ends with the execution. */
  readonly events: Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
  /** Waits for the end. */
  readonly result: Effect.Effect<Result<Output>, ExecutionFailed | EventLog.EventLogError>
}

/** The execution ended without a result. */
export class ExecutionFailed extends Schema.TaggedError<ExecutionFailed>()("ExecutionFailed", {
  executionId: Schema.String,
  status: ExecutionEvent.Ending.pick(["failed", "cancelled"]),
  code: Schema.String,
  message: Schema.String,
  taskId: Schema.optionalKey(Schema.String),
  /** What a tool or a function of the crew threw, where the task failed for it in this process. */
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** Only what failed or was cancelled can be done again. */
export class NotRetryable extends Schema.TaggedError<NotRetryable>()("NotRetryable", {
  executionId: Schema.String,
  status: Execution.Status.pick(["pending", "running", "waiting", "paused", "completed"])
}) {
  override get message() {
    const is = this.status === "completed" ? "has completed" : "has not ended: cancel it first, or wait"
    return `Execution ${this.executionId} ${is}. Only an execution that failed or was cancelled can be retried.`
  }
}
