/** One queue in several parts, which a worker must see as one. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { TaskQueueContract } from "@crewline/core/testing"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe } from "vitest"
import * as QueueServer from "../QueueServer.ts"
import * as RedisServer from "../RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const facts = (executionId: string, nodes: ReadonlyArray<TaskQueue.Node>): TaskQueue.Facts =>
  TaskQueueContract.facts(nodes, { executionId })

const ids = Array.from({ length: 24 }, (_, index) => `x${index}`)
const pair: ReadonlyArray<TaskQueue.Node> = [
  { id: "a", dependencies: [] },
  { id: "b", dependencies: ["a"] }
]

const test = (sentence: string, body: Effect.Effect<void, unknown, TaskQueue.TaskQueue | QueueServer.Backstage>) =>
  it.effect(sentence, () => Effect.provide(body, QueueServer.layer({ buckets: 3 })))

describe.skipIf(missing !== undefined)(missing ?? "a queue in three parts", () => {
  test(
    "hands out tasks of all parts, each once and after its dependencies",
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      for (const id of ids) yield* queue.submit(facts(id, pair))
      const taken: Array<string> = []
      while (taken.length < 2 * ids.length) {
        const leases = yield* queue.take({ worker: "w", limit: 7 })
        assert.isAtMost(leases.length, 7)
        for (const { executionId, taskId } of leases) {
          if (taskId === "b") assert.include(taken, `${executionId} a`)
          taken.push(`${executionId} ${taskId}`)
          yield* queue.tell(executionId, { settled: [taskId] })
        }
      }
      assert.strictEqual(new Set(taken).size, 2 * ids.length)
    })
  )

  test(
    "wakes waiting callers when any part has a task, and hands nothing to callers that have left",
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      for (const id of ids.slice(0, 8)) {
        const gone = yield* Effect.forkChild(queue.take({ worker: "gone", limit: 5 }))
        yield* QueueServer.quiesce
        yield* Fiber.interrupt(gone)
        const waiting = yield* Effect.forkChild(queue.take({ worker: "w", limit: 5 }))
        yield* QueueServer.quiesce
        yield* queue.submit(facts(id, [pair[0]!]))
        const leases = yield* Fiber.join(waiting)
        assert.deepStrictEqual(
          leases.map(({ executionId, worker }) => [executionId, worker]),
          [[id, "w"]]
        )
      }
    })
  )

  test(
    "enforces a worker's lanes across all parts",
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      for (const id of ids) yield* queue.submit(facts(id, [{ id: "a", dependencies: [], lane: "slow" }]))
      const leases = yield* queue.take({ worker: "w", limit: 20, lanes: { slow: 5, default: 20 } })
      assert.strictEqual(leases.length, 5)
    })
  )

  test(
    "reports contents, workers and losses as one",
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const info = { name: "w", concurrency: 24, startedAt: "2026-01-01T00:00:00.000Z", draining: false }
      yield* queue.enlist(info)
      for (const id of ids) yield* queue.submit(facts(id, pair))
      const leases = yield* queue.take({ worker: "w", limit: 24 })
      assert.strictEqual(leases.length, 24)
      const [view] = yield* queue.workers
      assert.strictEqual(view!.running.length, 24)
      const { executions, lanes } = yield* queue.overview()
      assert.strictEqual(executions, 24)
      assert.deepStrictEqual(lanes, [{ lane: "default", ready: 0, leased: 24 }])
      const first = yield* queue.known({ after: undefined, limit: 10 })
      const rest = yield* queue.known({ after: first.at(-1)!.executionId, limit: 100 })
      assert.deepStrictEqual(
        [...first, ...rest].map(({ executionId }) => executionId),
        ids.toSorted()
      )
      for (const id of ids) yield* queue.forget(id)
      const lost = new Set<string>()
      while (lost.size < 24) for (const { executionId } of yield* queue.lost("w")) lost.add(executionId)
      yield* queue.dismiss("w")
      assert.deepStrictEqual(yield* queue.workers, [])
    })
  )
})
