/** Graphs that grow while they run. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { facts, ids, many, nodes, suspension, type Test } from "./Story.ts"

export const declare = (test: Test): void => {
  test("spawned tasks may depend on siblings and on settled tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      yield* available()
      yield* queue.tell("x", { settled: ["a"] })
      const [b] = yield* available()
      const spawn = nodes({ "b/3": ["b/1", "b/2"], "b/1": ["a"], "b/2": ["b/1", "a"], "b/4": ["a"] })
      yield* queue.suspend(b!, suspension({ tasks: ["b/3"] }, spawn))
      assert.deepStrictEqual(ids(yield* available()), ["b/1", "b/4"])
      yield* queue.tell("x", { settled: ["b/1"] })
      assert.deepStrictEqual(ids(yield* available()), ["b/2"])
      yield* queue.tell("x", { settled: ["b/2"] })
      assert.deepStrictEqual(ids(yield* available()), ["b/3"])
    }))

  test("spawned tasks are in their lanes, ordered by their longest paths", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      const spawn = [
        ...nodes({ "a/1": [], "a/2": [], "a/3": ["a/2"] }),
        { id: "a/4", dependencies: [], lane: "openai" }
      ]
      yield* queue.suspend(lease!, suspension({ tasks: ["a/3"] }, spawn))
      assert.deepStrictEqual(ids(yield* available({ lanes: { openai: 1 } })), ["a/4"])
      assert.deepStrictEqual(ids(yield* available()), ["a/2", "a/1"])
    }))

  test("spawned tasks are as far from the end as their parent, and precede nearer tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(
        facts({ a: [], b: ["a"], c: ["b"], long: [], next: ["long"], end: ["next"], x: [], y: ["x"] })
      )
      const [a] = yield* available({ limit: 1 })
      assert.strictEqual(a!.taskId, "a")
      // After its children `a` continues, then `b`, then `c`.
      const spawn = nodes({ "a/1": [], "a/2": [], "a/3": ["a/2"] }).map((node) => ({ ...node, following: 3 }))
      yield* queue.suspend(a!, suspension({ tasks: ["a/1", "a/3"] }, spawn))
      assert.deepStrictEqual(ids(yield* available()), ["a/2", "a/1", "long", "x"])
    }))

  test("a lost lease adds no tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [stale] = yield* available()
      yield* queue.release(stale!)
      const [lease] = yield* available()
      assert.isFalse(yield* queue.suspend(stale!, suspension({ tasks: ["a/1"] }, nodes({ "a/1": [] }))))
      assert.isTrue(yield* queue.holds(lease!))
      assert.deepStrictEqual(yield* available(), [])
    }))

  test("known tasks are unchanged", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const [a] = yield* available()
      yield* queue.tell("x", { nodes: [{ id: "b", dependencies: [], lane: "other" }, ...nodes({ a: [], c: ["b"] })] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.suspend(a!, suspension({ tasks: ["c"] }, nodes({ b: [], c: [], a: [] })))
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { settled: ["a"], nodes: nodes({ a: [] }) })
      const [b] = yield* available()
      assert.deepStrictEqual([b!.taskId, b!.lane], ["b", "default"])
      yield* queue.tell("x", { settled: ["b"] })
      assert.deepStrictEqual(ids(yield* available()), ["c"])
    }))

  test("facts can contain tasks together with the events that settle them", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      yield* available()
      yield* queue.tell("x", { nodes: nodes({ b: [], c: ["b"], d: ["a"], e: ["b", "a"] }), settled: ["b"] })
      assert.deepStrictEqual(ids(yield* available()), ["c"])
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(ids(yield* available()), ["d", "e"])
    }))

  test("a dependency can become known after its dependents", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], c: ["a", "b"] }))
      yield* available()
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { nodes: nodes({ b: [] }) })
      assert.deepStrictEqual(ids(yield* available()), ["b"])
      yield* queue.tell("x", { settled: ["b"] })
      assert.deepStrictEqual(ids(yield* available()), ["c"])
      yield* queue.tell("x", { nodes: nodes({ e: ["d", "f"] }) })
      yield* queue.tell("x", { nodes: nodes({ d: [], f: [] }), settled: ["d", "f"] })
      assert.deepStrictEqual(ids(yield* available()), ["e"])
    }))

  test("thousands of tasks can be added together, and wake the task that waits for all of them", ({
    available,
    queue
  }) =>
    Effect.gen(function* () {
      const children = many(3_000, "a/")
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const [lease] = yield* available()
      yield* queue.suspend(lease!, suspension({ tasks: Object.keys(children) }, nodes(children)))
      let count = 0
      for (;;) {
        const leases = yield* available({ limit: 500 })
        if (leases.length === 0) break
        if (leases[0]!.taskId === "a") {
          assert.strictEqual(leases.length, 1)
          break
        }
        count += leases.length
        yield* queue.tell("x", { settled: ids(leases) })
      }
      assert.strictEqual(count, 3_000)
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))
}
