/**
 * What every layer of `TaskQueue` must do: the sentences of the port as tests.
 *
 *     TaskQueueContract.suite("local", TaskQueue.layerLocalWith)
 *
 * Each test builds a queue of its own, which must know nothing at first.
 *
 * @see TaskQueue
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as TaskQueue from "../TaskQueue.ts"
import * as Executions from "./TaskQueueContract/Executions.ts"
import * as Growing from "./TaskQueueContract/Growing.ts"
import * as Lanes from "./TaskQueueContract/Lanes.ts"
import * as Leasing from "./TaskQueueContract/Leasing.ts"
import * as Looking from "./TaskQueueContract/Looking.ts"
import * as Ordering from "./TaskQueueContract/Ordering.ts"
import * as Pausing from "./TaskQueueContract/Pausing.ts"
import * as Sharing from "./TaskQueueContract/Sharing.ts"
import { type Subject, type Test, worker as defaultWorker } from "./TaskQueueContract/Story.ts"
import * as Suspending from "./TaskQueueContract/Suspending.ts"
import * as Working from "./TaskQueueContract/Working.ts"

/** How a queue is tested whose time or storage is not that of the test. `R`: what its layer gives besides the queue. */
export interface Options<R = never> {
  /** The tests run on the real clock. */
  readonly isLive?: boolean
  /** Lets time pass for the queue, in milliseconds. Default: the test's clock. */
  readonly elapse?: (millis: number) => Effect.Effect<void, never, R>
  /** Lets everything happen that needs no time. Default: every fiber of the test runs as far as it can. */
  readonly quiesce?: Effect.Effect<void, never, R | TaskQueue.TaskQueue>
  /** For a queue with leases that end: this worker has died, and its time is over. */
  readonly expire?: (worker: string) => Effect.Effect<void, never, R>
  /** For a queue with leases that end: lets that much time pass while this worker lives. */
  readonly outlive?: (worker: string) => Effect.Effect<void, never, R>
  /** For a queue that outlives its process: names of what it still keeps. */
  readonly remains?: Effect.Effect<ReadonlyArray<string>, never, R>
}

/** Declares the suite; call it at the top of a test file or inside a `describe`. A layer that keeps all its promises passes. */
export const suite = <E, R = never>(
  name: string,
  layerWith: (options: TaskQueue.Options) => Layer.Layer<TaskQueue.TaskQueue | R, E>,
  options: Options<R> = {}
): void => {
  const define = options.isLive === true ? it.live : it.effect

  const test: Test = (sentence, body, { lanes, timeoutMillis } = {}) =>
    define(
      sentence,
      () =>
        Effect.flatMap(subject(options), body).pipe(Effect.provide(layerWith(lanes === undefined ? {} : { lanes }))),
      timeoutMillis
    )

  const ends = options.expire !== undefined && options.outlive !== undefined
  const groups: ReadonlyArray<{
    readonly about: string
    readonly declare: (test: Test) => void
    readonly applies?: boolean
  }> = [
    { about: "hands out", declare: Ordering.declare },
    { about: "tenants", declare: Sharing.declare },
    { about: "lanes", declare: Lanes.declare },
    { about: "executions", declare: Executions.declare },
    { about: "a suspended task", declare: Suspending.declare },
    { about: "growing", declare: Growing.declare },
    { about: "pausing", declare: Pausing.declare },
    { about: "leases", declare: Leasing.declare },
    { about: "a worker that died", declare: Leasing.declareExpiring, applies: ends },
    { about: "looking", declare: Looking.declare },
    { about: "work", declare: Working.declare },
    { about: "afterwards", declare: Executions.declareRemains, applies: ends && options.remains !== undefined }
  ]
  describe.each(groups.filter(({ applies }) => applies ?? true))(`TaskQueue: ${name}: $about`, ({ declare }) => {
    declare(test)
  })
}

/** What a test works with, in the scope of its layer. */
const subject = <R>(options: Options<R>): Effect.Effect<Subject, never, R | TaskQueue.TaskQueue> =>
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
      available: ({ lanes, limit = 100, worker = defaultWorker } = {}) =>
        Effect.gen(function* () {
          const taking = queue.take({ worker, limit, ...(lanes === undefined ? {} : { lanes }) })
          const fiber = yield* Effect.forkChild(taking)
          yield* quiesce
          const exit = fiber.pollUnsafe()
          if (exit !== undefined) return yield* exit
          yield* Fiber.interrupt(fiber)
          return []
        }),
      expire: (worker) =>
        expire === undefined ? Effect.die("no `expire`") : Effect.provideContext(expire(worker), context),
      outlive: (worker) =>
        outlive === undefined ? Effect.die("no `outlive`") : Effect.provideContext(outlive(worker), context),
      remains: remains === undefined ? Effect.die("no `remains`") : Effect.provideContext(remains, context)
    }
  })
