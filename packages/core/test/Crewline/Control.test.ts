/** Control of a running execution: pause, resume, priority. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import { inMemory, seconds } from "../fake/InMemory.ts"

const slow = World.llm((request) => Effect.delay(Effect.succeed(World.text(request.caller!.taskId)), 500))

describe("pause", () => {
  it.effect("holds tasks that have not started, completes running ones, and ends with resume", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline, worker } = yield* Process.start({ model: slow })
        const handle = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
        yield* TestClock.adjust(100)
        yield* crewline.pause(handle.id)
        yield* crewline.pause(handle.id)
        yield* seconds(60)
        const paused = yield* crewline.get(handle.id)
        assert.strictEqual(paused.status, "paused")
        assert.deepStrictEqual([paused.tasks["a"]!.status, paused.tasks["b"]!.status], ["completed", "pending"])
        assert.deepStrictEqual(yield* worker.running, [])
        yield* crewline.resume(handle.id)
        yield* crewline.resume(handle.id)
        yield* seconds(1)
        assert.strictEqual((yield* handle.result).output, "b")
        yield* crewline.pause(handle.id)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
      })
    )
  )

  it.effect("works from a process that does not run the execution", () =>
    inMemory(
      Effect.gen(function* () {
        const here = yield* Process.start({ model: slow })
        const there = yield* Process.start({ model: slow })
        const handle = yield* here.crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
        yield* TestClock.adjust(100)
        yield* there.crewline.pause(handle.id)
        yield* seconds(60)
        const paused = yield* here.crewline.get(handle.id)
        assert.deepStrictEqual([paused.tasks["a"]!.status, paused.tasks["b"]!.status], ["completed", "pending"])
        yield* there.crewline.resume(handle.id)
        yield* seconds(30)
        assert.strictEqual((yield* there.crewline.get(handle.id)).status, "completed")
      })
    )
  )
})

describe("priority", () => {
  it.effect("puts an execution before others that wait, and is in the log", () =>
    inMemory(
      Effect.gen(function* () {
        const order: Array<string> = []
        const model = World.llm((request) =>
          Effect.suspend(() => {
            order.push(request.caller!.taskId)
            return Effect.delay(Effect.succeed(World.text("done")), 100)
          })
        )
        const { crewline } = yield* Process.start({ model, options: { worker: { concurrency: 1 } } })
        yield* crewline.startPlan(World.plan({ first: {} }))
        yield* TestClock.adjust(1)
        yield* crewline.startPlan(World.plan({ low: {} }), { priority: "low" })
        yield* crewline.startPlan(World.plan({ normal: {} }))
        const high = yield* crewline.startPlan(World.plan({ high: {} }), { priority: "high" })
        yield* seconds(2)
        assert.deepStrictEqual(order, ["first", "high", "normal", "low"])
        const log = yield* EventLog.EventLog
        const [started] = yield* log.read(high.id)
        assert.strictEqual(started!.type === "ExecutionStarted" && started!.priority, "high")
      })
    )
  )

  it.effect("is part of the request of an idempotency key", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({})
        const plan = World.plan({ a: {} })
        const first = yield* crewline.startPlan(plan, { idempotencyKey: "k", priority: "high" })
        const again = yield* crewline.startPlan(plan, { idempotencyKey: "k", priority: "high" })
        assert.deepStrictEqual([again.id, again.existing], [first.id, true])
        const other = yield* Effect.flip(crewline.startPlan(plan, { idempotencyKey: "k" }))
        assert.strictEqual(other.reason._tag, "KeyReused")
      })
    )
  )
})
