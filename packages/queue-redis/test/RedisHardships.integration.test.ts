/** The queue on servers that lose its functions, run out of memory, or forbid publishing. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { TaskQueueContract } from "@crewline/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { setTimeout as sleep } from "node:timers/promises"
import * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import * as RedisProcess from "./RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** A chain of two. */
const facts = (executionId: string): TaskQueue.Facts =>
  TaskQueueContract.facts({ first: [], second: ["first"] }, { executionId })

/** Works until this many tasks are done. */
const work = Effect.fnUntraced(function* (queue: TaskQueue.TaskQueue["Service"], count: number) {
  for (let done = 0; done < count; done++) {
    const [lease] = yield* queue.take({ worker: "worker", limit: 1 })
    yield* queue.tell(lease.executionId, { settled: [lease.taskId] })
  }
})

const queueOn = ({ port }: RedisProcess.RedisProcess, options: RedisTaskQueue.Options = {}) =>
  Layer.build(
    RedisTaskQueue.layer({ giveUpMillis: 200, ...options }).pipe(
      Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${port}`) }))
    )
  ).pipe(Effect.flatMap((context) => Effect.provide(TaskQueue.TaskQueue, context)))

/** Waits until the server has the functions of these scripts. */
const loaded = (redis: RedisProcess.RedisProcess, scripts: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    for (;;) {
      const list = await redis.cli("function", "list")
      if (scripts.every((script) => list.includes(`crewline_${script}_`))) return
      await sleep(5)
    }
  })

const known = { after: undefined, limit: 10 }

describe.skipIf(missing !== undefined)(missing ?? "a server", () => {
  it.live("that has lost its functions receives them again", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make()
      const queue = yield* queueOn(redis)
      yield* queue.submit(facts("x"))
      yield* work(queue, 1)
      yield* loaded(redis, ["submit", "turn"])
      yield* Effect.promise(() => redis.cli("function", "flush"))
      yield* work(queue, 1)
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "idle", upTo: 1 })
      yield* loaded(redis, ["turn", "step"])
    })
  )

  it.live("without memory accepts nothing new, and completes work in progress", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make({ config: ["maxmemory-policy noeviction"] })
      const queue = yield* queueOn(redis)
      const cli = (...args: ReadonlyArray<string>) => Effect.promise(() => redis.cli(...args))
      yield* queue.submit(facts("seen"))
      yield* work(queue, 2)
      yield* queue.forget("seen")
      yield* queue.submit(facts("before"))
      assert.deepStrictEqual(yield* queue.known(known), [{ executionId: "before", tenant: "default" }])
      yield* loaded(redis, ["submit", "turn", "step", "known"])
      yield* cli("config", "set", "maxmemory", "1")
      assert.match(yield* cli("set", "a", "b"), /^OOM/)

      yield* queue.submit(facts("meanwhile"))
      assert.deepStrictEqual(yield* queue.inspect("meanwhile"), { status: "absent", upTo: 0 })
      yield* work(queue, 2)
      assert.deepStrictEqual(yield* queue.inspect("before"), { status: "idle", upTo: 1 })
      yield* queue.forget("before")
      assert.deepStrictEqual(yield* queue.known(known), [])

      yield* cli("config", "set", "maxmemory", "0")
      yield* queue.submit(facts("meanwhile"))
      yield* work(queue, 2)
    })
  )

  it.live("without memory and without functions still has its tasks settled and claimed, by scripts", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make({
        config: ["maxmemory-policy noeviction", "user default on nopass ~* &* +@all -function|load"]
      })
      const queue = yield* queueOn(redis)
      yield* queue.submit(facts("x"))
      yield* Effect.promise(() => redis.cli("config", "set", "maxmemory", "1"))
      yield* work(queue, 2)
      yield* Effect.promise(() => redis.cli("config", "set", "maxmemory", "0"))
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "idle", upTo: 1 })
    })
  )

  it.live("that forbids publishing loses no slot in a lane: waiting workers poll", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make({ config: ["user default on nopass resetchannels ~* +@all"] })
      const queue = yield* queueOn(redis, { lanes: { default: 1 }, pollMillis: 20 })
      yield* queue.submit(facts("x"))
      yield* queue.submit(facts("y"))
      yield* work(queue, 4)
      assert.deepStrictEqual((yield* queue.overview()).lanes, [{ lane: "default", ready: 0, leased: 0, limit: 1 }])
    })
  )
})
