/**
 * A large execution is submitted in parts: if several processes submit it at once, and one dies,
 * the result is one complete graph.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { TaskQueueContract } from "@crewline/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as RedisTaskQueue from "../../src/RedisTaskQueue.ts"
import * as RedisTransport from "../../src/RedisTransport.ts"
import * as RedisServer from "../RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const count = 2_000

/**
 * A long chain of tasks with a final one that waits for all: half of it would never end, or end too
 * soon.
 */
const facts = TaskQueueContract.facts([
  ...Array.from({ length: count }, (_, index) => ({ id: `t${index}`, dependencies: [] })),
  { id: "last", dependencies: Array.from({ length: count }, (_, index) => `t${index}`) }
])

const connection = RedisServer.layerNamed("crewline-test-submitters")

/** A separate machine; `parts`: it dies before it sends another part. */
const machine = Effect.fnUntraced(function* (prefix: string, parts = Number.POSITIVE_INFINITY) {
  let sent = 0
  const transport = Layer.effect(
    RedisTransport.RedisTransport,
    Effect.map(RedisTransport.RedisTransport, (real) => ({
      ...real,
      run: (...call: Parameters<typeof real.run>) =>
        call[0].name === "stage" && sent++ >= parts ? Effect.never : real.run(...call)
    }))
  ).pipe(Layer.provide(RedisTransport.layer))
  const context = yield* Layer.build(
    Layer.fresh(RedisTaskQueue.layerTransport({ prefix })).pipe(
      Layer.provide(Layer.fresh(transport)),
      Layer.provide(connection)
    )
  )
  return yield* Effect.provide(TaskQueue.TaskQueue, context)
})

describe.skipIf(missing !== undefined)(missing ?? "submitters", () => {
  it.live("two at once and a dead one create one complete graph, and no key is left", () =>
    Effect.gen(function* () {
      const prefix = RedisServer.fresh("submitters")
      const dead = yield* machine(prefix, 1)
      const first = yield* machine(prefix)
      const second = yield* machine(prefix)
      const dying = yield* Effect.forkChild(dead.submit(facts))
      yield* Effect.all([first.submit(facts), second.submit(facts)], { concurrency: 2 })
      yield* Fiber.interrupt(dying)
      assert.deepStrictEqual(yield* first.known({ after: undefined, limit: 10 }), [
        { executionId: "x", tenant: "default" }
      ])
      // Each task once, whoever claims it.
      const taken = new Map<string, number>()
      while (taken.size < count) {
        for (const queue of [first, second]) {
          if (taken.size === count) break
          for (const { taskId } of yield* queue.take({ worker: "w", limit: 700 }))
            taken.set(taskId, (taken.get(taskId) ?? 0) + 1)
        }
      }
      assert.deepStrictEqual([...new Set(taken.values())], [1])
      assert.isFalse(taken.has("last"))
      yield* second.tell("x", { settled: [...taken.keys()] })
      const [last] = yield* first.take({ worker: "w", limit: 10 })
      assert.strictEqual(last.taskId, "last")
      yield* first.forget("x")
      const redis = yield* Redis.Redis
      for (let cursor = "0"; ;) {
        const [next, keys] = yield* redis.send<[string, Array<string>]>(
          "SCAN",
          cursor,
          "MATCH",
          `{${prefix}:0}*`,
          "COUNT",
          "1000"
        )
        for (const key of keys) assert.notStrictEqual(yield* redis.send<number>("PTTL", key), -1, `${key} stays`)
        cursor = next
        if (cursor === "0") return
      }
    }).pipe(Effect.scoped, Effect.provide(connection))
  )
})
