/**
 * What an application calls: start a crew, follow it, cancel it, take it up again.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Crew from "./Crew.ts"
import * as EventLog from "./EventLog.ts"
import * as LocalEventLog from "./LocalEventLog.ts"
import type * as Execution from "./Execution.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import { CodeRegistry } from "./Worker/CodeRegistry.ts"
import * as internal from "./Crewline/Service.ts"
import { Ledger } from "./Worker/Ledger.ts"
import type * as Llm from "./Llm.ts"
import type * as Plan from "./Plan.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as LocalTaskQueue from "./LocalTaskQueue.ts"
import type * as Toolbox from "./Toolbox.ts"
import type { Usage } from "./Usage.ts"
import * as Worker from "./Worker.ts"
import * as Workspace from "./Workspace.ts"

export interface StartOptions {
  /** Values of the crew's placeholders. */
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** The same key and request again answers with the first execution. */
  readonly idempotencyKey?: string
  /** Of a stored crew, for listing its executions. */
  readonly crewId?: string
  /** Whose tasks are worked on first, among the executions of a tenant; default `normal`. */
  readonly priority?: ExecutionEvent.Priority
}

/** The execution ended without a result. */
export class ExecutionFailed extends Schema.TaggedError<ExecutionFailed>()("ExecutionFailed", {
  executionId: Schema.String,
  status: Schema.Literals(["failed", "cancelled"]),
  code: Schema.String,
  message: Schema.String,
  taskId: Schema.optionalKey(Schema.String)
}) {}

/** Only what failed or was cancelled can be done again. */
export class NotRetryable extends Schema.TaggedError<NotRetryable>()("NotRetryable", {
  executionId: Schema.String,
  status: Schema.Literals(["pending", "running", "waiting", "paused", "completed"])
}) {
  override get message() {
    const is = this.status === "completed" ? "has completed" : "has not ended: cancel it first, or wait"
    return `Execution ${this.executionId} ${is}. Only an execution that failed or was cancelled can be retried.`
  }
}

export interface TaskView {
  readonly status: "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "skipped" | "cancelled"
  /** Attempts begun. */
  readonly attempts: number
  readonly agent: string
  readonly output?: Schema.Json
  readonly outputFile?: string
  /** True: the outcome was taken over from the execution that this one retries, and cost nothing here. */
  readonly reused?: true
  /** Why it was skipped. */
  readonly skipped?: Pick<ExecutionEvent.TaskSkipped, "reason" | "because">
  readonly error?: ExecutionEvent.Failure
  readonly usage: Usage
  readonly startedAt?: string
  readonly endedAt?: string
}

/** The state of an execution for people and for the API. */
export interface View {
  readonly id: string
  readonly crewName: string
  readonly crewId?: string
  /** The execution that this one retries. */
  readonly retryOf?: string
  readonly status: Execution.Status
  readonly tasks: { readonly [task: string]: TaskView }
  readonly output?: Schema.Json
  readonly error?: ExecutionEvent.Failure & { readonly taskId?: string }
  readonly usage: Usage
  readonly startedAt: string
  readonly endedAt?: string
  readonly lastSeq: number
}

/** What an execution came to. */
export interface Result<Output = Schema.Json> {
  readonly executionId: string
  /** Of one final task its output; of several an object by task name. */
  readonly output: Output
  readonly tasks: { readonly [task: string]: TaskView }
  readonly usage: Usage
}

/** A started execution, for the one who started it. */
export interface Handle<Output = Schema.Json> {
  readonly id: string
  /** True when an idempotency key led to an execution that stood already. */
  readonly existing: boolean
  /** Every event from the first on, with passing deltas; ends with the execution. */
  readonly events: Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
  /** Waits for the end. */
  readonly result: Effect.Effect<Result<Output>, ExecutionFailed | EventLog.EventLogError>
}

export class Crewline extends Context.Service<
  Crewline,
  {
    /** Validates, freezes, stores, and lets the workers begin. Answers as soon as the execution is durable. */
    readonly start: <Output>(
      crew: Crew.Crew<Output>,
      options?: StartOptions
    ) => Effect.Effect<Handle<Output>, Crew.CrewInvalid | EventLog.EventLogError>
    /** The same for a plan that was made already. */
    readonly startPlan: (
      plan: Plan.Plan,
      options?: Omit<StartOptions, "inputs">
    ) => Effect.Effect<Handle, EventLog.EventLogError>
    readonly follow: (
      executionId: string,
      options?: { readonly after?: number; readonly deltas?: boolean }
    ) => Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
    readonly get: (executionId: string) => Effect.Effect<View, EventLog.EventLogError>
    readonly list: (
      options?: EventLog.ListOptions
    ) => Effect.Effect<ReadonlyArray<EventLog.Summary>, EventLog.EventLogError>
    /** Stops the execution and the calls in flight; on an ended one does nothing. Answers when it is recorded. */
    readonly cancel: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /** No further task begins, on any process; what is under way goes on. Answers when it is recorded; on an ended one does nothing. */
    readonly pause: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /** Undoes `pause`. */
    readonly unpause: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /** Answers a signal that a suspended task waits for; the first answer wins. */
    readonly signal: (
      executionId: string,
      signal: string,
      value: Schema.Json
    ) => Effect.Effect<void, EventLog.EventLogError>
    /** Takes up an unfinished execution, with the code (guardrails, schemas, conditions) of the given crew. */
    readonly resume: <Output>(
      executionId: string,
      crew?: Crew.Crew<Output>
    ) => Effect.Effect<Handle<Output>, EventLog.EventLogError>
    /**
     * Does again what failed or was cancelled, as a new execution of the same plan: outputs that stand are taken over, and cost nothing
     * again; the old execution stays as it is. Asked again it answers with the same new execution, unless that has failed too: then
     * that one is retried. Tasks that saw a failure, and all that tasks have spawned, are done anew. Give the crew when its functions
     * are not known here.
     */
    readonly retry: <Output>(
      executionId: string,
      crew?: Crew.Crew<Output>
    ) => Effect.Effect<Handle<Output>, NotRetryable | EventLog.EventLogError>
  }
>()("@crewline/core/Crewline") {}

export interface Options {
  /** The worker of this process. */
  readonly worker?: Worker.Options
  /**
   * For how long this process owns an execution unless it renews, in milliseconds; default 15,000. Another process on the same log
   * takes an execution up when its owner has been silent for so long.
   */
  readonly leaseMillis?: number
  /** How often ownership is renewed, and unfinished executions are looked for, in milliseconds; default a third of the lease. */
  readonly sweepMillis?: number
  /**
   * Crews whose functions (guardrails, conditions, output schemas) this process has for executions that were started elsewhere. They
   * are known by the name of the crew; crews that are started or resumed here are known without.
   */
  readonly crews?: ReadonlyArray<Crew.Crew<unknown>>
  /** True: a handle keeps the result of its execution from the end on, for logs that forget. Default: false; `layerLocal`: true. */
  readonly keepResults?: boolean
}

/** Tasks of executions that a process keeps in mind while it works for a queue that others share. */
const rememberedTasks = 50_000

/** A queue in process has every execution whole in memory anyway. */
const ledger: Layer.Layer<Ledger, never, EventLog.EventLog | TaskQueue.TaskQueue> = Layer.unwrap(
  Effect.map(TaskQueue.TaskQueue, ({ isShared }) => (isShared ? Ledger.layerBounded(rememberedTasks) : Ledger.layer))
)

/** Over any log and queue: `start` here, work here, and take up what others left unfinished. */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Crewline | Worker.Worker,
  never,
  EventLog.EventLog | TaskQueue.TaskQueue | Llm.Llm | Toolbox.Toolbox | Workspace.Workspace
> =>
  Layer.effect(Crewline, internal.make(options)).pipe(
    Layer.provideMerge(Worker.layer(options.worker)),
    Layer.provide([ledger, CodeRegistry.layerWith(options.crews ?? [])])
  )

/** Everything in the memory of this process: nothing installed, nothing kept. Output files are refused. */
export const layerLocal = (
  options: Options = {}
): Layer.Layer<Crewline | Worker.Worker | EventLog.EventLog, never, Llm.Llm | Toolbox.Toolbox> =>
  layer({ keepResults: true, ...options }).pipe(
    Layer.provideMerge(LocalEventLog.layerLocal),
    Layer.provide([LocalTaskQueue.layerLocal, Workspace.layerNone])
  )
