/**
 * Hands ready tasks to workers. A cache of the log plus leases: it stores facts that only grow
 * (tasks, settled tasks, signals) and decides no outcome. It can be lost at any time; a sweep
 * rebuilds it from the log.
 *
 * - A task is handed out when its dependencies are settled, under a lease; at most one live lease
 *   per task.
 * - Suspending a task, adding tasks and testing its wait is one step: an earlier signal wakes the
 *   task at once.
 * - Tenants share fairly: the one that was served least is served next. Within a tenant: higher
 *   priority first, then the longest path to a final task, then the oldest; each task on that path
 *   counts as one second of age, so that nothing starves behind new executions. A task that is
 *   handed back keeps its age.
 * - The limit of a lane bounds its leased tasks across all workers.
 * - News about an unknown execution is ignored.
 * - Nothing here fails: an unreachable queue retries for a while, then the call counts as lost, and
 *   the sweep repairs the state.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Priority } from "./ExecutionEvent.ts"

/** A task as the queue knows it. */
export interface Node {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  /** Tasks that load the same service share a lane; default `defaultLane`. */
  readonly lane?: string
  /**
   * Tasks that follow, on the longest way, after the last of those that it comes with: of one that
   * was spawned, its parent and so on.
   */
  readonly following?: number
}

/**
 * The lane of tasks that name none; in the lanes of a worker it covers all lanes that are not
 * named.
 */
export const defaultLane = "default"

/**
 * What makes a suspended task ready again, as a queue needs it: what is still open, without the
 * groups that it belongs to.
 */
export interface Waits {
  readonly tasks: ReadonlyArray<string>
  readonly signals: ReadonlyArray<string>
  /** Whether all of the tasks are settled and all of the signals have come, or any of them. */
  readonly mode: "all" | "any"
  /** Ready after this many milliseconds, whatever has come. */
  readonly timeoutMillis?: number
}

/** What of that which a task waits for has come. */
export interface Arrivals {
  readonly isSettled: (taskId: string) => boolean
  readonly hasArrived: (signal: string) => boolean
  /**
   * So many tasks at the front of the wait are known to be settled, and are not asked about.
   * Default: none.
   */
  readonly passed?: number
}

/**
 * True when what is waited for has come. Time is not looked at: a wait for nothing but time is a
 * timer, and whoever has the clock sees its end.
 */
export const areSatisfied = (waits: Waits, { hasArrived, isSettled, passed = 0 }: Arrivals): boolean => {
  const { mode, signals, tasks, timeoutMillis } = waits
  if (tasks.length + signals.length === 0) return timeoutMillis === undefined
  if (mode === "any") return tasks.some(isSettled) || signals.some(hasArrived)
  for (let at = passed; at < tasks.length; at++) if (!isSettled(tasks[at]!)) return false
  return signals.every(hasArrived)
}

/** The facts of the log about an execution that a queue needs. */
export interface Facts {
  readonly executionId: string
  readonly tenant: string
  /** Default `normal`. */
  readonly priority?: Priority
  /** The `seq` up to which the log was read for these facts. */
  readonly upTo: number
  readonly nodes: ReadonlyArray<Node>
  readonly settled: ReadonlyArray<string>
  readonly suspended: ReadonlyArray<{
    readonly id: string
    /** The run that was suspended. */
    readonly run: number
    readonly waits: Waits
    readonly remainingMillis: number | undefined
  }>
  /** Tasks whose next attempt must wait, in milliseconds from now. */
  readonly delayed: ReadonlyArray<{ readonly id: string; readonly millis: number }>
  readonly signals: ReadonlyArray<string>
  readonly paused: boolean
}

/** Facts that came after the submission; all of them only grow, except `pause`. */
export interface News {
  readonly nodes?: ReadonlyArray<Node>
  readonly settled?: ReadonlyArray<string>
  readonly signals?: ReadonlyArray<string>
  /** As the log said at `seq`; of two the newer counts, in whatever order they arrive. */
  readonly pause?: { readonly paused: boolean; readonly seq: number }
  /** These news hold every fact of the log up to this `seq`. */
  readonly upTo?: number
}

/** The right to work on one task. */
export interface Lease {
  readonly executionId: string
  readonly tenant: string
  readonly taskId: string
  readonly lane: string
  readonly worker: string
  /** Tells this lease from any other of the same task. */
  readonly nonce: number
  /** The task was suspended, and the wait that this run began has timed out. */
  readonly timedOut: number | undefined
}

/** What a leg of a task waits for when it gives its worker back. */
export interface Suspension {
  /** The run that is suspended: a timer belongs to one wait. */
  readonly run: number
  readonly waits: Waits
  /** The tasks that it spawned. */
  readonly spawn: ReadonlyArray<Node>
}

/**
 * `busy`: something is ready, leased, delayed or timed. `idle`: nothing will happen without news.
 */
export interface Inspection {
  readonly status: "absent" | "idle" | "busy"
  /** It was told all that the log said up to this `seq`; 0: nothing is known. */
  readonly upTo: number
}

/** A worker, as it presents itself. */
export interface WorkerInfo {
  readonly name: string
  /** Tasks that it works on at once, at most. */
  readonly concurrency: number
  /** Maximum number of concurrent tasks by lane; absent: no limit. */
  readonly lanes?: { readonly [lane: string]: number }
  /** The machine, for people. */
  readonly host?: string
  /** Its process, for others on the same machine (`Liveness`). */
  readonly process?: string
  /** ISO 8601. */
  readonly startedAt: string
  /** True: it finishes its tasks and takes no more. */
  readonly draining: boolean
}

export interface WorkerView extends WorkerInfo {
  /** Since it was last heard of, in milliseconds. */
  readonly silentMillis: number
  /**
   * How long it may be silent before its tasks are handed to others, in milliseconds; absent: no
   * limit.
   */
  readonly leaseMillis?: number
  readonly running: ReadonlyArray<{
    readonly executionId: string
    readonly tenant: string
    readonly taskId: string
    readonly lane: string
  }>
}

export interface LaneView {
  readonly lane: string
  readonly ready: number
  readonly leased: number
  /** How many tasks may be handed out at once, by all workers together; absent: any number. */
  readonly limit?: number
  /**
   * For how long the one that is ready longest has waited, in milliseconds; absent: nothing is
   * ready.
   */
  readonly oldestReadyMillis?: number
}

/** How full the queue is. */
export interface Overview {
  readonly executions: number
  readonly lanes: ReadonlyArray<LaneView>
  /** Tasks that become ready at a time: retries, and waits with a time limit. */
  readonly timed: number
}

export interface Options {
  /**
   * How many tasks of a lane may be handed out at once, by all workers together; absent: any
   * number. All processes must be told the same.
   */
  readonly lanes?: { readonly [lane: string]: number }
}

export class TaskQueue extends Context.Service<
  TaskQueue,
  {
    /** True: other processes take from it too, and it outlives this one. */
    readonly isShared: boolean
    /** Takes an execution in, whole or not at all; one that it knows already stays as it is. */
    readonly submit: (facts: Facts) => Effect.Effect<void>
    readonly tell: (executionId: string, news: News) => Effect.Effect<void>
    /**
     * Waits until something is ready; answers with up to `limit` tasks. Interrupting takes nothing.
     */
    readonly take: (options: {
      readonly worker: string
      readonly limit: number
      /**
       * Maximum number of tasks by lane; `default` covers all lanes that are not named. Absent: no
       * limit.
       */
      readonly lanes?: { readonly [lane: string]: number }
    }) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
    /**
     * Leases, before what is leased here is settled, the task that would then be handed out next,
     * in its lane and in its place; only where that is certain: no other becomes ready, and nothing
     * else waits. Released before, it waits again. Absent: a queue that others take from too.
     */
    readonly takeNext?: (lease: Lease) => Effect.Effect<Lease | undefined>
    /**
     * Whether the lease still holds: to be asked after the log was read, and before a start is
     * recorded.
     */
    readonly holds: (lease: Lease) => Effect.Effect<boolean>
    /**
     * Gives the task back until its waits are satisfied, together with the tasks it spawned. False:
     * the lease was lost.
     */
    readonly suspend: (lease: Lease, suspension: Suspension) => Effect.Effect<boolean>
    /**
     * Gives the task back, ready again after `delayMillis` (default 0). False: the lease was lost.
     */
    readonly release: (lease: Lease, delayMillis?: number) => Effect.Effect<boolean>
    /**
     * Waits until leases of this worker are lost (the execution ended, another has the task): their
     * work must stop.
     */
    readonly lost: (worker: string) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
    /** The execution is over, or must be rebuilt: drops it and all its leases. */
    readonly forget: (executionId: string) => Effect.Effect<void>
    readonly inspect: (executionId: string) => Effect.Effect<Inspection>
    /**
     * Executions that it knows, a page of them: for a sweep that forgets what the log has ended.
     */
    readonly known: (options: {
      readonly after: string | undefined
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<{ readonly executionId: string; readonly tenant: string }>>
    /**
     * Registers or updates a worker. It stays registered until it is dismissed or silent for long.
     */
    readonly enlist: (worker: WorkerInfo) => Effect.Effect<void>
    /** The worker has stopped or is dead: removes it and hands its tasks to others at once. */
    readonly dismiss: (worker: string) => Effect.Effect<void>
    /** The workers, without what there is to count: to be asked often. */
    readonly enlisted: Effect.Effect<ReadonlyArray<WorkerInfo>>
    readonly workers: Effect.Effect<ReadonlyArray<WorkerView>>
    /** Of all tenants, or what one of them has in it. */
    readonly overview: (tenant?: string) => Effect.Effect<Overview>
  }
>()("@crewline/core/TaskQueue") {}
