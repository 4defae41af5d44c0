/** The API for applications: start, follow, cancel and adopt executions of crews. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Adoption from "./Adoption.ts"
import type * as Crew from "./Crew.ts"
import type { Handle, NotRetryable, StartOptions } from "./Crewline/Handle.ts"
import * as Commands from "./Crewline/Commands.ts"
import * as Answering from "./Crewline/Inbox.ts"
import * as Service from "./Crewline/Service.ts"
import * as Steering from "./Crewline/Steering.ts"
import type * as Views from "./Crewline/Views.ts"
import * as EventLog from "./EventLog.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import type { View } from "./ExecutionView.ts"
import type * as Llm from "./Llm.ts"
import * as LocalEventLog from "./LocalEventLog.ts"
import * as LocalTaskQueue from "./LocalTaskQueue.ts"
import type * as Outbox from "./Outbox.ts"
import type * as Plan from "./Plan.ts"
import * as TaskQueue from "./TaskQueue.ts"
import type * as Toolbox from "./Toolbox.ts"
import * as Worker from "./Worker.ts"
import { CodeRegistry } from "./Worker/CodeRegistry.ts"
import { Ledger } from "./Worker/Ledger.ts"
import { LogClock } from "./Worker/LogClock.ts"
import { QueueSync } from "./Worker/QueueSync.ts"
import { Tenure } from "./Worker/Tenure.ts"
import * as Workspace from "./Workspace.ts"

export {
  type AnswerError,
  AskClosed,
  type AsksOptions,
  HashMismatch,
  InvalidAnswer,
  MayNotAnswer,
  UnknownAsk,
  UnknownSignal
} from "./Crewline/Inbox.ts"
export { newId } from "./Crewline/Starting.ts"
export { ExecutionFailed, type Handle, NotRetryable, type Result, type StartOptions } from "./Crewline/Handle.ts"
export { MessageRefused, type SendOptions } from "./Crewline/Steering.ts"
export type { Message, Sent } from "./Message.ts"
export type { View as AskView } from "./AskView.ts"
export type { TaskView, View } from "./ExecutionView.ts"
export type TaskRange = Views.Range
export type ViewJson = Views.ViewJson

export class Crewline extends Context.Service<
  Crewline,
  {
    /**
     * Validates the crew, stores its plan, and lets the workers start. Returns as soon as the
     * execution is durable.
     */
    readonly start: <Output>(
      crew: Crew.Crew<Output>,
      options?: StartOptions
    ) => Effect.Effect<Handle<Output>, Crew.CrewInvalid | EventLog.EventLogError>
    /** The same for an existing plan. */
    readonly startPlan: (
      plan: Plan.Plan,
      options?: Omit<StartOptions, "inputs">
    ) => Effect.Effect<Handle, EventLog.EventLogError>
    readonly follow: (
      executionId: string,
      options?: { readonly after?: number; readonly deltas?: boolean }
    ) => Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
    readonly get: (executionId: string) => Effect.Effect<View, EventLog.EventLogError>
    /** The same as JSON, with all of its tasks or a page of them. */
    readonly getJson: (executionId: string, tasks?: TaskRange) => Effect.Effect<ViewJson, EventLog.EventLogError>
    readonly list: (
      options?: EventLog.ListOptions
    ) => Effect.Effect<ReadonlyArray<EventLog.Summary>, EventLog.EventLogError>
    /**
     * Stops the execution and the calls in flight; does nothing on an ended execution. Returns when
     * it is recorded.
     */
    readonly cancel: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /**
     * No further task begins, on any process; tasks under way run to their end. Returns when it is
     * recorded, and does nothing on an ended execution.
     */
    readonly pause: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /** Lets tasks of a paused execution begin again. */
    readonly resume: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
    /** Sends a signal that a task declares, early or not; the first one of a name counts. */
    readonly signal: (
      executionId: string,
      signal: string,
      value: Schema.Json
    ) => Effect.Effect<void, Answering.UnknownSignal | EventLog.EventLogError>
    /**
     * Sends a message to the manager, or with `taskId` to the agent of a task. Returns when it is
     * recorded. The recipient reads it before its next turn, and continues with it if it has just
     * finished.
     */
    readonly send: Steering.Send
    /** Open and closed asks, oldest first. */
    readonly asks: Answering.Inbox["asks"]
    /**
     * Answers an ask, with its author. Returns the closed ask when it is recorded; the first answer
     * counts.
     */
    readonly answer: Answering.Inbox["answer"]
    /**
     * Takes over an unfinished execution in this process, unless a live process owns it, and
     * returns a handle to it. The crew provides the functions (guardrails, schemas, conditions)
     * that the log does not store.
     */
    readonly adopt: <Output>(
      executionId: string,
      crew?: Crew.Crew<Output>
    ) => Effect.Effect<Handle<Output>, EventLog.EventLogError>
    /**
     * Retries a failed or cancelled execution as a new execution of the same plan. Outputs of
     * completed tasks are copied at no cost; the old execution is not changed. A repeated call
     * returns the same new execution, unless that has failed too: then that one is retried. Tasks
     * that saw a failure, and everything that tasks have spawned, run again. Pass the crew if its
     * functions are not known here.
     */
    readonly retry: <Output>(
      executionId: string,
      crew?: Crew.Crew<Output>
    ) => Effect.Effect<Handle<Output>, NotRetryable | EventLog.EventLogError>
    /**
     * Takes over the executions of a dead worker at once instead of when its lease expires. This is
     * for a worker on another machine or in another container: a process that died on this machine
     * is detected without it. Fails with `WorkerAlive` for a worker that has just renewed its
     * lease, unless `force` is set. Returns how many executions the worker owned; several processes
     * that look for work share them.
     */
    readonly adoptFrom: (
      worker: string,
      options?: Adoption.Options
    ) => Effect.Effect<
      { readonly executions: number },
      Adoption.UnknownWorker | Adoption.WorkerAlive | EventLog.EventLogError
    >
  }
>()("@crewline/core/Crewline") {}

export interface Options extends Service.Options {
  /** The worker of this process. */
  readonly worker?: Worker.Options
  /**
   * Crews whose functions (guardrails, conditions, output schemas) this process has for executions
   * that were started elsewhere. They are looked up by the name of the crew. Crews that are started
   * or adopted here need not be listed.
   */
  readonly crews?: ReadonlyArray<Crew.Crew<unknown>>
}

/** Bounds what a process remembers of executions while it works for a shared queue. */
const maxRememberedTasks = 50_000

/** A local queue has all executions in memory anyway. */
const ledger: Layer.Layer<Ledger, never, EventLog.EventLog | TaskQueue.TaskQueue> = Layer.unwrap(
  Effect.map(TaskQueue.TaskQueue, ({ isShared }) => (isShared ? Ledger.layerBounded(maxRememberedTasks) : Ledger.layer))
)

/**
 * Over any log and queue: starts executions, runs tasks, and takes over executions that others left
 * unfinished.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Crewline | Worker.Worker,
  never,
  EventLog.EventLog | TaskQueue.TaskQueue | Llm.Llm | Toolbox.Toolbox | Workspace.Workspace
> =>
  Layer.effect(Crewline, Service.make(options)).pipe(
    Layer.provideMerge(Worker.layer(options.worker)),
    Layer.provide(QueueSync.layer.pipe(Layer.provideMerge([LogClock.layer, Tenure.layer]))),
    Layer.provide([ledger, CodeRegistry.layerWith(options.crews ?? [])])
  )

/**
 * What people say to executions that run elsewhere, or wait for somebody to run them: nothing is
 * taken up here.
 */
export class Inbox extends Context.Service<Inbox, Answering.Inbox & { readonly send: Steering.Send }>()(
  "@crewline/core/Crewline/Inbox"
) {
  static readonly layer: Layer.Layer<Inbox, never, EventLog.EventLog | TaskQueue.TaskQueue> = Layer.effect(
    Inbox,
    Effect.gen(function* () {
      const decide = yield* Commands.make
      const { state: stateOf } = yield* Ledger
      return { ...(yield* Answering.make(decide)), send: Steering.make({ decide, stateOf }) }
    })
  ).pipe(
    Layer.provide(QueueSync.layer.pipe(Layer.provide(LogClock.layer))),
    Layer.provide([Ledger.layer, CodeRegistry.layerWith([])])
  )
}

/**
 * Everything in the memory of this process: nothing to install, nothing stored. Output files are
 * rejected.
 */
export const layerLocal = (
  options: Options = {}
): Layer.Layer<Crewline | Worker.Worker | EventLog.EventLog | Outbox.Outbox, never, Llm.Llm | Toolbox.Toolbox> =>
  layer({ keepResults: true, ...options }).pipe(
    Layer.provideMerge(LocalEventLog.layerLocal),
    Layer.provide([LocalTaskQueue.layerLocal, Workspace.layerNone])
  )
