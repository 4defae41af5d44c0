import * as TaskQueue from "@crewline/core/TaskQueue"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Layer from "effect/Layer"
import * as RedisConnection from "../../src/RedisConnection.ts"
import * as RedisTaskQueue from "../../src/RedisTaskQueue.ts"
import * as RedisProcess from "../RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const info = (name: string): TaskQueue.WorkerInfo => ({
  name,
  concurrency: 4,
  startedAt: "2026-01-01T00:00:00.000Z",
  draining: false
})

describe.skipIf(missing !== undefined)(missing ?? "workers of a Redis that was emptied", () => {
  it.live("are registered again with their next heartbeat, unless they were dismissed", () =>
    Effect.gen(function* () {
      const redis = yield* RedisProcess.make()
      yield* Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        yield* queue.enlist(info("gone"))
        yield* queue.enlist(info("stays"))
        const names = Effect.map(queue.workers, (views) => views.map(({ name }) => name).toSorted())
        assert.deepStrictEqual(yield* names, ["gone", "stays"])
        yield* queue.dismiss("gone")
        yield* Effect.promise(() => redis.cli("flushall"))
        const known = yield* Effect.repeat(Effect.delay(queue.workers, 20), { until: (views) => views.length > 0 })
        assert.deepInclude(known[0], { ...info("stays"), leaseMillis: 15_000 })
        assert.deepStrictEqual(yield* names, ["stays"])
      }).pipe(
        Effect.provide(
          RedisTaskQueue.layer({ heartbeatMillis: 30 }).pipe(
            Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${redis.port}`) }))
          )
        )
      )
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )
})
