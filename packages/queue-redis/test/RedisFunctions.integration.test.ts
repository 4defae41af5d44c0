/** The queue's functions on a server that loses them, and on one that has no memory left. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import * as RedisProcess from "./RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** A chain of two. */
const facts = (executionId: string): TaskQueue.Facts => ({
  executionId,
  tenant: "default",
  upTo: 1,
  nodes: [
    { id: "first", dependencies: [] },
    { id: "second", dependencies: ["first"] }
  ],
  settled: [],
  suspended: [],
  delayed: [],
  signals: [],
  paused: false
})

/** Works until so many tasks are done. */
const work = Effect.fnUntraced(function* (queue: TaskQueue.TaskQueue["Service"], count: number) {
  for (let done = 0; done < count; done++) {
    const [lease] = yield* queue.take({ worker: "worker", limit: 1 })
    yield* queue.tell(lease.executionId, { settled: [lease.taskId] })
  }
})

const queueOn = ({ port }: RedisProcess.RedisProcess) =>
  Layer.build(
    RedisTaskQueue.layer({ giveUpMillis: 200 }).pipe(
      Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${port}`) }))
    )
  ).pipe(Effect.flatMap((context) => Effect.provide(TaskQueue.TaskQueue, context)))

describe.skipIf(missing !== undefined)(missing ?? "a server", () => {
  it.live("that has lost the functions gets them again", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make()
      const queue = yield* queueOn(redis)
      yield* queue.submit(facts("x"))
      assert.include(yield* Effect.promise(() => redis.cli("function", "list")), "crewline_submit_")
      yield* work(queue, 1)
      yield* Effect.promise(() => redis.cli("function", "flush"))
      yield* work(queue, 1)
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "idle", upTo: 1 })
      assert.include(yield* Effect.promise(() => redis.cli("function", "list")), "crewline_turn_")
    })
  )

  it.live("without memory takes nothing in, and lets what is under way come to its end", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make({ config: ["maxmemory-policy noeviction"] })
      const queue = yield* queueOn(redis)
      const cli = (...args: ReadonlyArray<string>) => Effect.promise(() => redis.cli(...args))
      // Without memory it takes no new functions either.
      yield* queue.submit(facts("seen"))
      yield* work(queue, 2)
      yield* queue.forget("seen")
      yield* queue.submit(facts("before"))
      const known = queue.known({ after: undefined, limit: 10 })
      assert.deepStrictEqual(yield* known, [{ executionId: "before", tenant: "default" }])
      yield* cli("config", "set", "maxmemory", "1")
      assert.match(yield* cli("set", "a", "b"), /^OOM/)

      yield* queue.submit(facts("meanwhile"))
      assert.deepStrictEqual(yield* queue.inspect("meanwhile"), { status: "absent", upTo: 0 })
      yield* work(queue, 2)
      assert.deepStrictEqual(yield* queue.inspect("before"), { status: "idle", upTo: 1 })
      yield* queue.forget("before")
      assert.deepStrictEqual(yield* known, [])

      yield* cli("config", "set", "maxmemory", "0")
      yield* queue.submit(facts("meanwhile"))
      yield* work(queue, 2)
    })
  )
})
