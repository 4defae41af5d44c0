/** Executions that are paused and resumed. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { facts, ids, nodes, suspension, type Test } from "./Story.ts"

export const declare = (test: Test): void => {
  test("returns no tasks until it resumes, even if tasks become ready meanwhile", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"], c: [], d: [], e: [] }))
      const [a, c, d] = yield* available({ limit: 3 })
      yield* queue.suspend(c!, suspension({ signals: ["s"], timeoutMillis: 100_000 }))
      yield* queue.release(d!, 1_000)
      yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
      assert.isTrue(yield* queue.holds(a!))
      yield* queue.tell("x", { signals: ["s"], settled: ["a"], nodes: nodes({ f: [] }) })
      yield* elapse(2_000)
      assert.deepStrictEqual(yield* available(), [])
      assert.strictEqual((yield* queue.inspect("x")).status, "idle")
      yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
      assert.deepStrictEqual(ids(yield* available()).toSorted(), ["b", "c", "d", "e", "f"])
    }))

  test("running tasks can be returned and suspended, and stay in the execution", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [], c: [] }))
      const [a, b] = yield* available({ limit: 2 })
      yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
      assert.isTrue(yield* queue.release(a!))
      assert.isTrue(yield* queue.suspend(b!, suspension({ tasks: ["b/1"] }, nodes({ "b/1": [] }))))
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
      assert.deepStrictEqual(ids(yield* available()), ["a", "c", "b/1"])
    }))

  test("a paused execution does not delay others", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }, { paused: true }))
      yield* queue.submit(facts({ b: [] }, { executionId: "y" }))
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))

  test("the newer of two facts counts, regardless of their order of arrival", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }, { upTo: 3 }))
      yield* queue.tell("x", { pause: { paused: true, seq: 2 } })
      const [lease] = yield* available()
      assert.strictEqual(lease!.taskId, "a")
      yield* queue.release(lease!)
      yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
      yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
      const [again] = yield* available()
      assert.strictEqual(again!.taskId, "a")
      yield* queue.release(again!)
      yield* queue.tell("x", { pause: { paused: true, seq: 8 } })
      yield* queue.tell("x", { pause: { paused: false, seq: 7 } })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { pause: { paused: true, seq: 8 } })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { pause: { paused: false, seq: 9 } })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("facts say it as of their `upTo`", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }, { upTo: 10, paused: true }))
      yield* queue.tell("x", { pause: { paused: false, seq: 9 } })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { pause: { paused: false, seq: 11 } })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("a task that was paused keeps its age", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
      yield* queue.submit(facts({ c: [] }, { executionId: "y" }))
      yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
      assert.deepStrictEqual(ids(yield* available()), ["a", "b", "c"])
    }))

  test("tasks that are settled meanwhile are not claimed after it resumes", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
      yield* queue.tell("x", { settled: ["a"] })
      yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))
}
