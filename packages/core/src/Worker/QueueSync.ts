/** Keeps the queue in sync with the log: the queue learns only what the log has recorded. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import * as QueueFacts from "../QueueFacts.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Tenant from "../Tenant.ts"
import { CodeRegistry } from "./CodeRegistry.ts"
import { type Committed, Ledger } from "./Ledger.ts"
import { LogClock } from "./LogClock.ts"
import * as Refusals from "./Refusals.ts"
import * as TakeOver from "./TakeOver.ts"

export class QueueSync extends Context.Service<
  QueueSync,
  {
    /**
     * Sends the queue the facts of an execution, if the queue does not know it or knows too little.
     */
    readonly enqueue: (state: Execution.Execution) => Effect.Effect<void, EventLog.EventLogError>
    /** Sends the queue what was committed here; `lease`: under the lease of its task. */
    readonly announce: (committed: Committed, lease?: TaskQueue.Lease) => Effect.Effect<void>
    /** Tells the queue what others committed and was read here, where they have not done so. */
    readonly heard: (read: Committed) => Effect.Effect<void>
    /** Tells the queue why the log refused an operation under a lease. */
    readonly refused: (
      lease: TaskQueue.Lease,
      refusal: Decision.Refusal
    ) => Effect.Effect<unknown, EventLog.EventLogError>
  }
>()("@crewline/core/Worker/QueueSync/QueueSync") {
  static readonly layer: Layer.Layer<
    QueueSync,
    never,
    EventLog.EventLog | TaskQueue.TaskQueue | Ledger | CodeRegistry | LogClock
  > = Layer.effect(
    QueueSync,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function* () {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const ledger = yield* Ledger
  const registry = yield* CodeRegistry
  const now = yield* LogClock
  const takeOver = TakeOver.complete(log, ledger)

  const ended = (executionId: string): Effect.Effect<void> => {
    registry.forget(executionId)
    ledger.forget(executionId)
    return queue.forget(executionId)
  }

  /**
   * Submits the execution; what was committed meanwhile was told to a queue that did not know it
   * yet, and is told again.
   */
  const enqueue = Effect.fnUntraced(function* (given: Execution.Execution) {
    const state = yield* takeOver(given)
    if (state.status !== "running") return yield* ended(state.id)
    const tenant = yield* Tenant.Current
    yield* queue.submit(QueueFacts.factsOf(state, { tenant, now: yield* now }))
    // Of one that has just begun there is nothing yet that a worker would not find out when it
    // takes a task.
    const isNew = state.lastSeq === 1
    const newest = queue.isShared && !isNew ? yield* ledger.state(state.id) : ledger.seen(state.id)
    if (newest === undefined || newest.lastSeq === state.lastSeq) return
    yield* newest.status === "running" ? queue.tell(state.id, QueueFacts.newsOf(newest)) : ended(state.id)
  })

  const rebuild = Effect.fnUntraced(function* (executionId: string) {
    yield* queue.forget(executionId)
    yield* enqueue(yield* ledger.state(executionId))
  })

  /** What was committed here, under the lease of the task that it is about. */
  const announce = Effect.fnUntraced(function* ({ events, state }: Committed, lease?: TaskQueue.Lease) {
    const settled: Array<string> = []
    for (const event of events) {
      switch (event.type) {
        case "ExecutionEnded":
          return yield* ended(state.id)
        case "TaskRetried":
          if (lease !== undefined) yield* queue.release(lease, event.delayMillis)
          break
        case "TaskReleased":
          if (lease !== undefined) yield* queue.release(lease)
          break
        case "TaskSuspended":
          if (lease !== undefined) {
            const spawn = QueueFacts.spawnedNodes(state, event.taskId, event.spawn)
            yield* queue.suspend(lease, { run: event.run, waits: QueueFacts.waitsOf(state, event.waits), spawn })
          }
          break
        case "SignalReceived":
          yield* queue.tell(state.id, { signals: [event.signal] })
          break
        case "AskAnswered":
          yield* queue.tell(state.id, { signals: [event.ask] })
          break
        case "ExecutionPaused":
        case "ExecutionResumed":
          yield* queue.tell(state.id, { pause: { paused: event.type === "ExecutionPaused", seq: event.seq } })
          break
        default:
          if (ExecutionEvent.isTerminal(event)) settled.push((event as ExecutionEvent.TaskCompleted).taskId)
      }
    }
    if (settled.length > 0) yield* queue.tell(state.id, { settled })
  })

  /**
   * What others committed and was read here. A queue that is shared was told by them; only an end
   * is told again, because it stops what still runs.
   */
  const heard = (read: Committed): Effect.Effect<void> => {
    if (!queue.isShared) return announce(read)
    return read.state.status === "running" ? Effect.void : ended(read.state.id)
  }

  const refused = Refusals.make({ queue, ledger, now, ended, rebuild })

  return QueueSync.of({ announce, enqueue, heard, refused })
})
