/**
 * Tasks that wait: for tasks, for signals, for time.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { facts, ids, suspension, type Test, waits } from "./Story.ts"

export const declare = (test: Test): void => {
  conditions(test)
  time(test)
}

/** What is waited for. */
const conditions = (test: Test): void => {
  test("is ready again when all tasks that it spawned are settled", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const [lease] = yield* available()
      const spawn = [
        { id: "a/1", dependencies: [] },
        { id: "a/2", dependencies: ["a/1"] }
      ]
      assert.isTrue(yield* queue.suspend(lease!, suspension({ tasks: ["a/1", "a/2"] }, spawn)))
      assert.deepStrictEqual(ids(yield* available()), ["a/1"])
      yield* queue.tell("x", { settled: ["a/1"] })
      assert.deepStrictEqual(ids(yield* available()), ["a/2"])
      yield* queue.tell("x", { settled: ["a/2"] })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("waits for tasks, regardless of the order in which they settle", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      const spawn = ["1", "2", "3"].map((id) => ({ id, dependencies: [] }))
      yield* queue.suspend(lease!, suspension({ tasks: ["1", "2", "3"], signals: ["s"] }, spawn))
      yield* available()
      yield* queue.tell("x", { settled: ["3"] })
      yield* queue.tell("x", { signals: ["s"] })
      yield* queue.tell("x", { settled: ["1"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { settled: ["2"] })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("can be suspended again, and waits again", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [first] = yield* available()
      yield* queue.suspend(first!, suspension({ tasks: ["a/1"] }, [{ id: "a/1", dependencies: [] }]))
      yield* available()
      yield* queue.tell("x", { settled: ["a/1"] })
      const [second] = yield* available()
      yield* queue.suspend(second!, suspension({ tasks: ["a/2"] }, [{ id: "a/2", dependencies: [] }], 2))
      assert.deepStrictEqual(ids(yield* available()), ["a/2"])
      yield* queue.tell("x", { settled: ["a/2"] })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("can wait for any of several signals and tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      const [a, b] = yield* available()
      const any = { mode: "any", signals: ["s", "t"] } as const
      yield* queue.suspend(a!, suspension({ ...any, tasks: ["a/1"] }, [{ id: "a/1", dependencies: [] }]))
      yield* queue.suspend(b!, suspension({ ...any, tasks: ["b/1", "b/2"] }, [{ id: "b/2", dependencies: [] }]))
      assert.deepStrictEqual(ids(yield* available()), ["a/1", "b/2"])
      yield* queue.tell("x", { settled: ["b/2"] })
      assert.deepStrictEqual(ids(yield* available()), ["b"])
      yield* queue.tell("x", { signals: ["t"] })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("is ready immediately if the signal arrived first", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      yield* queue.tell("x", { signals: ["s"] })
      yield* queue.suspend(lease!, suspension({ signals: ["s"], timeoutMillis: 100 }))
      const [woken] = yield* available()
      assert.strictEqual(woken!.taskId, "a")
      assert.isUndefined(woken!.timedOut)
    }))

  test("… or if the task was settled first", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      yield* queue.tell("x", { nodes: [{ id: "a/1", dependencies: [] }], settled: ["a/1"] })
      yield* queue.suspend(lease!, suspension({ tasks: ["a/1"] }, [{ id: "a/1", dependencies: [] }]))
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("that waits for nothing is ready immediately; one that waits only for a time, at that time", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [first] = yield* available()
      yield* queue.suspend(first!, suspension({}))
      const [second] = yield* available()
      assert.isUndefined(second!.timedOut)
      yield* queue.suspend(second!, suspension({ timeoutMillis: 1_000 }, [], 2))
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { signals: ["s"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(1_000)
      assert.deepStrictEqual(
        (yield* available()).map(({ timedOut }) => timedOut),
        [2]
      )
    }))
}

/** Waits with a time limit. */
const time = (test: Test): void => {
  test("is ready at its deadline, and reports the run that began to wait", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      yield* queue.suspend(lease!, suspension({ signals: ["s"], timeoutMillis: 10_000 }, [], 7))
      assert.strictEqual((yield* queue.inspect("x")).status, "busy")
      yield* elapse(5_000)
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(5_000)
      const [woken] = yield* available()
      assert.strictEqual(woken!.timedOut, 7)
      yield* queue.tell("x", { signals: ["s"] })
      assert.deepStrictEqual(yield* available(), [])
    }))

  test("that was woken does not report a timeout, even if its deadline has passed by then", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      yield* queue.suspend(lease!, suspension({ signals: ["s"], timeoutMillis: 1_000 }))
      yield* queue.tell("x", { signals: ["s"] })
      yield* elapse(2_000)
      const woken = yield* available()
      assert.strictEqual(woken.length, 1)
      assert.isUndefined(woken[0]!.timedOut)
    }))

  test("is not woken by the timer of an earlier wait", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [first] = yield* available()
      yield* queue.suspend(first!, suspension({ signals: ["s"], timeoutMillis: 10_000 }, [], 1))
      yield* queue.tell("x", { signals: ["s"] })
      const [second] = yield* available()
      yield* queue.suspend(second!, suspension({ signals: ["t"], timeoutMillis: 30_000 }, [], 2))
      yield* elapse(20_000)
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(10_000)
      const [third] = yield* available()
      assert.strictEqual(third!.timedOut, 2)
      yield* queue.suspend(third!, suspension({ signals: ["t"] }, [], 3))
      yield* elapse(100_000)
      assert.deepStrictEqual(yield* available(), [])
      assert.strictEqual((yield* queue.inspect("x")).status, "idle")
    }))

  test("is not woken by the condition of an earlier wait", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [first] = yield* available()
      const any = { mode: "any", tasks: ["a/1"], signals: ["s", "t"] } as const
      yield* queue.suspend(first!, suspension(any, [{ id: "a/1", dependencies: [] }]))
      yield* queue.tell("x", { signals: ["s"] })
      const second = (yield* available()).find(({ taskId }) => taskId === "a")
      yield* queue.suspend(second!, suspension({ signals: ["u", "v"] }, [], 2))
      yield* queue.tell("x", { settled: ["a/1"] })
      yield* queue.tell("x", { signals: ["t"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { signals: ["u"] })
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { signals: ["v"] })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("that timed out reports it once", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [first] = yield* available()
      yield* queue.suspend(first!, suspension({ signals: ["s"], timeoutMillis: 100 }))
      yield* elapse(100)
      const [second] = yield* available()
      assert.strictEqual(second!.timedOut, 1)
      yield* queue.suspend(second!, suspension({ signals: ["s"] }, [], 2))
      yield* queue.tell("x", { signals: ["s"] })
      const [third] = yield* available()
      assert.isUndefined(third!.timedOut)
    }))

  test("is the same after a rebuild, with the remaining time", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      const suspended = [
        { id: "a", run: 4, waits: waits({ signals: ["s"], timeoutMillis: 60_000 }), remainingMillis: 10_000 },
        { id: "b", run: 1, waits: waits({ signals: ["s"], timeoutMillis: 60_000 }), remainingMillis: 0 },
        { id: "c", run: 1, waits: waits({ tasks: ["d"] }), remainingMillis: undefined },
        { id: "e", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined }
      ]
      yield* queue.submit(facts({ a: [], b: [], c: [], d: [], e: [] }, { suspended, settled: ["d"] }))
      yield* elapse(1)
      const leases = yield* available()
      assert.deepStrictEqual(ids(leases).toSorted(), ["b", "c"])
      assert.strictEqual(leases.find(({ taskId }) => taskId === "b")?.timedOut, 1)
      yield* elapse(10_000)
      assert.deepStrictEqual(
        (yield* available()).map(({ taskId, timedOut }) => [taskId, timedOut]),
        [["a", 4]]
      )
      yield* queue.tell("x", { signals: ["s"] })
      assert.deepStrictEqual(ids(yield* available()), ["e"])
    }))

  test("that is settled is never woken", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const [lease] = yield* available()
      yield* queue.suspend(lease!, suspension({ signals: ["s"], timeoutMillis: 1_000 }))
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(ids(yield* available()), ["b"])
      yield* queue.tell("x", { signals: ["s"] })
      yield* elapse(2_000)
      assert.deepStrictEqual(yield* available(), [])
    }))
}
