/**
 * Hands ready tasks to workers. A cache of the log plus leases: it holds facts that only grow (tasks, settled ones, signals) and
 * decides no outcome. It may be lost at any time; a sweep rebuilds it from the log.
 *
 * - A task is handed out when its dependencies are settled, under a lease; at most one live lease per task.
 * - Suspending, growing and testing what is waited for is one step: a signal that came first wakes the task at once.
 * - Among the ready: higher tier first, then the longest way to a final task, then the oldest.
 * - Told about an execution that it does not know it does nothing.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Execution from "./Execution.ts"
import type { Waits } from "./ExecutionEvent.ts"
import * as internal from "./internal/localTaskQueue.ts"

/** A task as the queue knows it. */
export interface Node {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
}

/** All that the log says about an execution, as far as a queue needs it. */
export interface Facts {
  readonly executionId: string
  readonly tenant: string
  readonly nodes: ReadonlyArray<Node>
  readonly settled: ReadonlyArray<string>
  readonly suspended: ReadonlyArray<{
    readonly id: string
    readonly waits: Waits
    readonly remainingMillis: number | undefined
  }>
  /** Tasks whose next attempt must wait, in milliseconds from now. */
  readonly delayed: ReadonlyArray<{ readonly id: string; readonly millis: number }>
  readonly signals: ReadonlyArray<string>
  readonly paused: boolean
}

/** Facts that came after the submission; all of them only grow, except `paused`. */
export interface News {
  readonly nodes?: ReadonlyArray<Node>
  readonly settled?: ReadonlyArray<string>
  readonly signals?: ReadonlyArray<string>
  readonly paused?: boolean
}

/** The right to work on one task. */
export interface Lease {
  readonly executionId: string
  readonly tenant: string
  readonly taskId: string
  readonly worker: string
  /** Tells this lease from any other of the same task. */
  readonly nonce: number
  /** The task was suspended and its wait has timed out. */
  readonly timedOut: boolean
}

export class TaskQueue extends Context.Service<
  TaskQueue,
  {
    /** Takes an execution in, whole or not at all; one that it knows already stays as it is. */
    readonly submit: (facts: Facts) => Effect.Effect<void>
    readonly tell: (executionId: string, news: News) => Effect.Effect<void>
    /** Waits until something is ready; answers with up to `limit` tasks. Interrupting takes nothing. */
    readonly take: (options: {
      readonly worker: string
      readonly limit: number
    }) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
    /** Gives the task back until its waits are satisfied, together with the tasks it spawned. False: the lease was lost. */
    readonly suspend: (lease: Lease, waits: Waits, spawn: ReadonlyArray<Node>) => Effect.Effect<boolean>
    /** Gives the task back, ready again after `delayMillis` (default 0). False: the lease was lost. */
    readonly release: (lease: Lease, delayMillis?: number) => Effect.Effect<boolean>
    /** Waits until leases of this worker are lost (the execution ended, another has the task): their work must stop. */
    readonly lost: (worker: string) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
    /** The execution is over, or must be rebuilt: drops it and all its leases. */
    readonly forget: (executionId: string) => Effect.Effect<void>
    /** `busy`: something is ready, leased, delayed or timed. `idle`: nothing will happen without news. */
    readonly inspect: (executionId: string) => Effect.Effect<"absent" | "idle" | "busy">
  }
>()("@crewline/core/TaskQueue") {}

/** In process; the reference of every other layer. */
export const layerLocal: Layer.Layer<TaskQueue> = Layer.effect(TaskQueue, internal.make)

/** The facts of a state. `now` is the time in milliseconds since the epoch, by the clock that delays are measured with. */
export const factsOf = (
  state: Execution.Execution,
  options: { readonly tenant: string; readonly now: number }
): Facts => {
  const nodes: Array<Node> = []
  const settled: Array<string> = []
  const suspended: Array<Facts["suspended"][number]> = []
  const delayed: Array<Facts["delayed"][number]> = []
  for (const planned of state.plan.tasks) nodes.push({ id: planned.id, dependencies: planned.dependencies })
  const planned = new Set(state.plan.tasks.map((task) => task.id))
  for (const task of HashMap.values(state.tasks)) {
    const { id } = task.plan
    if (!planned.has(id)) nodes.push({ id, dependencies: task.plan.dependencies })
    if (Execution.isSettled(task)) settled.push(id)
    else if (task.status === "suspended") {
      const total = task.waits!.timeoutMillis
      suspended.push({
        id,
        waits: task.waits!,
        remainingMillis: total === undefined ? undefined : remaining(task.suspendedAt!, total, options.now)
      })
    } else if (task.retryAt !== undefined) {
      delayed.push({ id, millis: remaining(task.retryAt, 0, options.now, task.retryDelayMillis) })
    }
  }
  return {
    executionId: state.id,
    tenant: options.tenant,
    nodes,
    settled,
    suspended,
    delayed,
    signals: [...HashMap.keys(state.signals)],
    paused: state.paused
  }
}

// Never more than the whole delay, whatever the two clocks say of each other.
const remaining = (from: string, millis: number, now: number, atMost = millis): number =>
  Math.min(Math.max(Date.parse(from) + millis - now, 0), atMost)
