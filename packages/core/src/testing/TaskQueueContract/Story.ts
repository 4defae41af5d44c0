/**
 * Facts to submit, and what the tests of the suite do with a queue.
 */
import type * as Effect from "effect/Effect"
import type { Waits } from "../../ExecutionEvent.ts"
import type * as TaskQueue from "../../TaskQueue.ts"

/** A queue that knows nothing yet, and its time. */
export interface Subject {
  readonly queue: TaskQueue.TaskQueue["Service"]
  /** Lets time pass for the queue, in milliseconds. */
  readonly elapse: (millis: number) => Effect.Effect<void>
  /** Lets everything happen that needs no time. */
  readonly quiesce: Effect.Effect<void>
  /** What can be taken now, without waiting. */
  readonly available: (options?: {
    readonly worker?: string
    readonly limit?: number
    readonly lanes?: { readonly [lane: string]: number }
  }) => Effect.Effect<ReadonlyArray<TaskQueue.Lease>>
  /** This worker has died, and its time is over. */
  readonly expire: (worker: string) => Effect.Effect<void>
  /** So much time passes while this worker lives that leases of a dead one are over. */
  readonly outlive: (worker: string) => Effect.Effect<void>
  /** Names of what the queue still keeps. */
  readonly remains: Effect.Effect<ReadonlyArray<string>>
}

export interface Test {
  (
    sentence: string,
    body: (subject: Subject) => Effect.Effect<void, unknown>,
    options?: { readonly lanes?: { readonly [lane: string]: number }; readonly timeoutMillis?: number }
  ): void
}

/** Who takes when a test does not say. */
export const worker = "w1"

export const nodes = (
  dependencies: { readonly [id: string]: ReadonlyArray<string> },
  lane?: string
): ReadonlyArray<TaskQueue.Node> =>
  Object.entries(dependencies).map(([id, dependencies]) => ({
    id,
    dependencies,
    ...(lane === undefined ? {} : { lane })
  }))

/** The execution `x`, unless it says otherwise. */
export const facts = (
  graph: { readonly [id: string]: ReadonlyArray<string> } | ReadonlyArray<TaskQueue.Node>,
  more: Partial<TaskQueue.Facts> = {}
): TaskQueue.Facts => ({
  upTo: 1,
  executionId: "x",
  tenant: "default",
  nodes: isNodes(graph) ? graph : nodes(graph),
  settled: [],
  suspended: [],
  delayed: [],
  signals: [],
  paused: false,
  ...more
})

const isNodes = (
  graph: { readonly [id: string]: ReadonlyArray<string> } | ReadonlyArray<TaskQueue.Node>
): graph is ReadonlyArray<TaskQueue.Node> => Array.isArray(graph)

export const waits = (more: Partial<Waits>): Waits => ({ tasks: [], signals: [], mode: "all", ...more })

export const suspension = (
  more: Partial<Waits>,
  spawn: ReadonlyArray<TaskQueue.Node> = [],
  run = 1
): TaskQueue.Suspension => ({ run, waits: waits(more), spawn })

export const ids = (leases: ReadonlyArray<TaskQueue.Lease>): ReadonlyArray<string> =>
  leases.map((lease) => lease.taskId)

/** So many independent tasks, `prefix1` first. */
export const many = (count: number, prefix = "t"): { readonly [id: string]: ReadonlyArray<string> } =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index + 1}`, []]))
