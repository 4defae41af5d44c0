/** The order in which tasks are handed out within one tenant. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { facts, ids, many, nodes, suspension, type Test, worker } from "./Story.ts"

export const declare = (test: Test): void => {
  readiness(test)
  rank(test)
  takers(test)
}

/** When a task is ready. */
const readiness = (test: Test): void => {
  test("a task once, when its dependencies are settled", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] }))
      assert.deepStrictEqual(ids(yield* available()), ["a"])
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(ids(yield* available()), ["b", "c"])
      yield* queue.tell("x", { settled: ["b"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { settled: ["c"] })
      assert.deepStrictEqual(ids(yield* available()), ["d"])
    }))

  test("a task whose dependency is reported as settled twice, only when all dependencies are settled", ({
    available,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [], c: ["a", "b"], d: ["a", "a", "b"] }))
      assert.deepStrictEqual(ids(yield* available()), ["a", "b"])
      yield* queue.tell("x", { settled: ["a", "a"] })
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { settled: ["b"] })
      assert.deepStrictEqual(ids(yield* available()), ["c", "d"])
    }))
}

/** Which ready task is first. */
const rank = (test: Test): void => {
  test("the longest path to a final task first, then the oldest", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ short: [], long: [], middle: ["long"], end: ["middle"], also: [] }))
      assert.deepStrictEqual(ids(yield* available()), ["long", "short", "also"])
    }))

  test("the longest path includes tasks that are submitted again with their dependencies", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ first: [] }))
      yield* queue.tell("x", { nodes: nodes({ after: ["late"] }) })
      yield* queue.tell("x", { nodes: nodes({ after: ["late"], late: [] }) })
      assert.deepStrictEqual(ids(yield* available()), ["late", "first"])
    }))

  test("a task that has waited a second longer for each task on the paths of others, before these", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ last: [] }, { executionId: "x" }))
      yield* elapse(1_500)
      yield* queue.submit(facts({ near: [], end1: ["near"] }, { executionId: "y" }))
      yield* queue.submit(facts({ far: [], next: ["far"], end2: ["next"] }, { executionId: "z" }))
      assert.deepStrictEqual(ids(yield* available()), ["far", "last", "near"])
    }))

  test("of two tasks with equal priority by path and age, the one that was ready first", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ old: [] }, { executionId: "x" }))
      yield* elapse(1_000)
      yield* queue.submit(facts({ new: [], near: [], end: ["near"] }, { executionId: "y" }))
      assert.deepStrictEqual(ids(yield* available()), ["old", "near", "new"])
    }))

  test("the oldest first, regardless of its execution", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }, { executionId: "z" }))
      yield* queue.submit(facts({ c: [], d: ["c"] }, { executionId: "y" }))
      yield* queue.submit(facts({ e: [], f: ["e"] }, { executionId: "x" }))
      assert.deepStrictEqual(ids(yield* available()), ["a", "c", "e"])
      yield* queue.tell("x", { settled: ["e"] })
      yield* queue.tell("z", { settled: ["a"] })
      yield* queue.tell("y", { settled: ["c"] })
      assert.deepStrictEqual(ids(yield* available()), ["f", "b", "d"])
    }))

  test("high before normal before low, and then by path and age", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ low1: [], low2: ["low1"] }, { executionId: "low", priority: "low" }))
      yield* queue.submit(facts({ normal: [] }, { executionId: "unsaid" }))
      yield* queue.submit(facts({ also: [] }, { executionId: "normal", priority: "normal" }))
      yield* queue.submit(facts({ high: [], deep: [], after: ["deep"] }, { executionId: "high", priority: "high" }))
      assert.deepStrictEqual(ids(yield* available({ limit: 2 })), ["deep", "high"])
      yield* queue.submit(facts({ late: [] }, { executionId: "late", priority: "high" }))
      assert.deepStrictEqual(ids(yield* available()), ["late", "normal", "also", "low1"])
    }))

  test("a returned task before younger ones: it keeps its age", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [], c: [], d: [] }))
      const [a, b] = yield* available({ limit: 2 })
      yield* queue.release(b!)
      yield* queue.release(a!)
      const [again, second] = yield* available({ limit: 2 })
      assert.deepStrictEqual([again!.taskId, second!.taskId], ["a", "b"])
      yield* queue.release(again!, 100)
      yield* elapse(100)
      assert.deepStrictEqual(ids(yield* available()), ["a", "c", "d"])
    }))

  test("a task that was woken after older ones", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      const [lease] = yield* available({ limit: 1 })
      yield* queue.suspend(lease!, suspension({ signals: ["s"] }))
      yield* queue.tell("x", { signals: ["s"] })
      assert.deepStrictEqual(ids(yield* available()), ["b", "a"])
    }))
}

/** Who gets it. */
const takers = (test: Test): void => {
  test("no more than the limit", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts(many(3)))
      assert.strictEqual((yield* available({ limit: 2 })).length, 2)
      assert.strictEqual((yield* available({ limit: 2 })).length, 1)
    }))

  test("to each waiting worker", ({ queue, quiesce }) =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(queue.take({ worker: "w1", limit: 1 }))
      yield* quiesce
      const second = yield* Effect.forkChild(queue.take({ worker: "w2", limit: 1 }))
      yield* quiesce
      yield* queue.submit(facts({ a: [], b: [] }))
      const [one] = yield* Fiber.join(first)
      const [other] = yield* Fiber.join(second)
      assert.deepStrictEqual([one.worker, other.worker], ["w1", "w2"])
      assert.deepStrictEqual(ids([one, other]).toSorted(), ["a", "b"])
    }))

  test("to a waiting worker, regardless of what made the task ready", ({ available, elapse, queue, quiesce }) =>
    Effect.gen(function* () {
      const next = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(queue.take({ worker, limit: 1 }))
        yield* quiesce
        return Effect.map(Fiber.join(fiber), ([lease]) => lease)
      })
      let wait = yield* next
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const first = yield* wait
      wait = yield* next
      yield* queue.release(first)
      const second = yield* wait
      assert.strictEqual(second.taskId, "a")
      wait = yield* next
      yield* queue.release(second, 50)
      yield* elapse(100)
      const third = yield* wait
      assert.strictEqual(third.taskId, "a")
      wait = yield* next
      yield* queue.suspend(third, suspension({ tasks: ["a/1"] }, [{ id: "a/1", dependencies: [] }]))
      const child = yield* wait
      assert.strictEqual(child.taskId, "a/1")
      wait = yield* next
      yield* queue.tell("x", { settled: ["a/1"] })
      const fourth = yield* wait
      assert.strictEqual(fourth.taskId, "a")
      wait = yield* next
      yield* queue.suspend(fourth, suspension({ signals: ["s"], timeoutMillis: 50 }, [], 2))
      yield* elapse(100)
      const fifth = yield* wait
      assert.strictEqual(fifth.timedOut, 2)
      wait = yield* next
      yield* queue.suspend(fifth, suspension({ signals: ["s"] }, [], 3))
      yield* queue.tell("x", { signals: ["s"] })
      assert.strictEqual((yield* wait).taskId, "a")
      wait = yield* next
      yield* queue.tell("x", { pause: { paused: true, seq: 2 } })
      yield* queue.tell("x", { settled: ["a"] })
      yield* queue.tell("x", { pause: { paused: false, seq: 3 } })
      assert.strictEqual((yield* wait).taskId, "b")
      assert.deepStrictEqual(yield* available(), [])
    }))

  test("nothing to an interrupted take", ({ available, queue, quiesce }) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(queue.take({ worker, limit: 1 }))
      yield* quiesce
      yield* Fiber.interrupt(fiber)
      yield* queue.submit(facts({ a: [] }))
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("a lease that contains its tenant", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts([{ id: "a", dependencies: [], lane: "openai" }], { tenant: "acme", executionId: "e" }))
      const [lease] = yield* available({ worker: "me" })
      assert.deepStrictEqual(lease, {
        nonce: lease!.nonce,
        executionId: "e",
        tenant: "acme",
        taskId: "a",
        lane: "openai",
        worker: "me",
        timedOut: undefined
      })
    }))
}
