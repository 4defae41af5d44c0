/**
 * The contract of every layer of `TaskQueue`: the sentences of the port as tests.
 *
 *     TaskQueueContract.suite("local", LocalTaskQueue.layerLocalWith)
 *
 * Each test builds a separate queue, which must be empty at first.
 *
 * @see TaskQueue
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as TaskQueue from "../TaskQueue.ts"
import * as Executions from "./TaskQueueContract/Executions.ts"
import * as Growing from "./TaskQueueContract/Growing.ts"
import * as Lanes from "./TaskQueueContract/Lanes.ts"
import * as Leasing from "./TaskQueueContract/Leasing.ts"
import * as Looking from "./TaskQueueContract/Looking.ts"
import * as Ordering from "./TaskQueueContract/Ordering.ts"
import * as Pausing from "./TaskQueueContract/Pausing.ts"
import * as Sharing from "./TaskQueueContract/Sharing.ts"
import { type Options, subject, type Test } from "./TaskQueueContract/Story.ts"
import * as Suspending from "./TaskQueueContract/Suspending.ts"
import * as Working from "./TaskQueueContract/Working.ts"

export { facts } from "./TaskQueueContract/Story.ts"
export type { Options }

/**
 * Declares the suite; call it at the top of a test file or inside a `describe`. A layer that
 * satisfies the contract passes.
 */
export const suite = <E, R = never>(
  name: string,
  layerWith: (options: TaskQueue.Options) => Layer.Layer<TaskQueue.TaskQueue | R, E>,
  options: Options<R> = {}
): void => {
  const test: Test = (sentence, body, { lanes, timeoutMillis } = {}) =>
    it.effect(
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
    { about: "a worker that was dismissed", declare: Leasing.declareDismissed },
    { about: "a worker that died", declare: Leasing.declareExpiring, applies: ends },
    { about: "looking", declare: Looking.declare },
    { about: "work", declare: Working.declare },
    { about: "afterwards", declare: Executions.declareRemains, applies: ends && options.remains !== undefined }
  ]
  describe.each(groups.filter(({ applies }) => applies ?? true))(`TaskQueue: ${name}: $about`, ({ declare }) => {
    declare(test)
  })
}
