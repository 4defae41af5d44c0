/**
 * Facts to submit, and what the tests of the suite do with a queue.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { Waits } from "../../TaskQueue.ts"
import * as TaskQueue from "../../TaskQueue.ts"

/** An empty queue, and its time. */
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
  /** Enough time passes, while this worker lives, that leases of a dead one expire. */
  readonly outlive: (worker: string) => Effect.Effect<void>
  /** Names of what the queue still keeps. */
  readonly remains: Effect.Effect<ReadonlyArray<string>>
}

/**
 * How to test a queue whose time or storage is not that of the test. `R`: what its layer gives
 * besides the queue.
 */
export interface Options<R = never> {
  /** Lets time pass for the queue, in milliseconds. Default: the test's clock. */
  readonly elapse?: (millis: number) => Effect.Effect<void, never, R>
  /**
   * Lets everything happen that needs no time. Default: every fiber of the test runs as far as it
   * can.
   */
  readonly quiesce?: Effect.Effect<void, never, R | TaskQueue.TaskQueue>
  /** For a queue with leases that end: this worker has died, and its time is over. */
  readonly expire?: (worker: string) => Effect.Effect<void, never, R>
  /** For a queue with leases that end: lets that much time pass while this worker lives. */
  readonly outlive?: (worker: string) => Effect.Effect<void, never, R>
  /** For a queue that outlives its process: names of what it still keeps. */
  readonly remains?: Effect.Effect<ReadonlyArray<string>, never, R>
}

export interface Test {
  (
    sentence: string,
    body: (subject: Subject) => Effect.Effect<void, unknown>,
    options?: { readonly lanes?: { readonly [lane: string]: number }; readonly timeoutMillis?: number }
  ): void
}

/** The default worker. */
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

/** The execution `x` by default. */
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

/** This many independent tasks, `prefix1` first. */
export const many = (count: number, prefix = "t"): { readonly [id: string]: ReadonlyArray<string> } =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index + 1}`, []]))

/** What a test works with, in the scope of its layer. */
export const subject = <R>(options: Options<R>): Effect.Effect<Subject, never, R | TaskQueue.TaskQueue> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<R | TaskQueue.TaskQueue>()
    const queue = yield* TaskQueue.TaskQueue
    const quiesce =
      options.quiesce === undefined ? TestClock.adjust(0) : Effect.provideContext(options.quiesce, context)
    const { elapse, expire, outlive, remains } = options
    return {
      queue,
      quiesce,
      elapse: (millis) =>
        elapse === undefined ? TestClock.adjust(millis) : Effect.provideContext(elapse(millis), context),
      available: ({ lanes, limit = 100, worker: name = worker } = {}) =>
        Effect.gen(function* () {
          const taking = queue.take({ worker: name, limit, ...(lanes === undefined ? {} : { lanes }) })
          const fiber = yield* Effect.forkChild(taking)
          yield* quiesce
          const exit = fiber.pollUnsafe()
          if (exit !== undefined) return yield* exit
          yield* Fiber.interrupt(fiber)
          return []
        }),
      expire: (name) =>
        expire === undefined ? Effect.die("no `expire`") : Effect.provideContext(expire(name), context),
      outlive: (name) =>
        outlive === undefined ? Effect.die("no `outlive`") : Effect.provideContext(outlive(name), context),
      remains: remains === undefined ? Effect.die("no `remains`") : Effect.provideContext(remains, context)
    }
  })
