/** Leases: released, lost, and those of workers that died. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as TaskQueue from "../../TaskQueue.ts"
import { facts, ids, many, nodes, suspension, type Subject, type Test, worker } from "./Story.ts"

const nonces = (leases: ReadonlyArray<TaskQueue.Lease>) => new Set(leases.map(({ nonce }) => nonce))

/** The leases reported to this worker as lost, until there are this many. */
const lost = ({ queue }: Subject, count: number, name = worker) =>
  Effect.gen(function* () {
    const told: Array<TaskQueue.Lease> = []
    while (told.length < count) told.push(...(yield* queue.lost(name)))
    return told
  })

export const declare = (test: Test): void => {
  test("a task has at most one valid lease", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const leases: Array<TaskQueue.Lease> = []
      for (let turn = 0; turn < 4; turn++) {
        const [lease] = yield* available({ worker: `w${turn % 2}` })
        leases.push(lease!)
        const holding = yield* Effect.filter(leases, (each) => queue.holds(each))
        assert.deepStrictEqual(holding, [lease])
        assert.deepStrictEqual(yield* available(), [])
        yield* queue.release(lease!)
        assert.isFalse(yield* queue.holds(lease!))
      }
      assert.strictEqual(nonces(leases).size, 4)
    }))

  test("a returned task is ready again after its delay", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available()
      assert.isTrue(yield* queue.release(lease!, 10_000))
      assert.strictEqual((yield* queue.inspect("x")).status, "busy")
      yield* elapse(5_000)
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(5_000)
      const [again] = yield* available()
      assert.strictEqual(again!.taskId, "a")
      assert.notStrictEqual(again!.nonce, lease!.nonce)
    }))

  test("a stale lease neither returns nor suspends its task", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [stale] = yield* available()
      yield* queue.release(stale!)
      const [current] = yield* available()
      assert.isFalse(yield* queue.release(stale!))
      assert.isFalse(yield* queue.release(stale!, 1_000))
      assert.isFalse(yield* queue.suspend(stale!, suspension({ signals: ["s"] })))
      assert.isTrue(yield* queue.holds(current!))
      assert.deepStrictEqual(yield* available(), [])
      assert.isTrue(yield* queue.release(current!))
    }))

  test("ends with a suspension, and when its task is settled by anyone", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      const [a, b] = yield* available()
      assert.isTrue(yield* queue.suspend(a!, suspension({ signals: ["s"] })))
      assert.isFalse(yield* queue.holds(a!))
      assert.isFalse(yield* queue.suspend(a!, suspension({ signals: ["s"] })))
      assert.isFalse(yield* queue.release(a!))
      yield* queue.tell("x", { settled: ["b"] })
      assert.isFalse(yield* queue.holds(b!))
      assert.isFalse(yield* queue.suspend(b!, suspension({ signals: ["s"] })))
      assert.isFalse(yield* queue.release(b!))
      assert.deepStrictEqual(yield* available(), [])
    }))

  test("workers of an ended execution are notified", (subject) =>
    Effect.gen(function* () {
      const { available, queue, quiesce } = subject
      yield* queue.submit(facts({ a: [], b: [], c: [] }))
      const leases = yield* available({ limit: 2 })
      const others = yield* available({ worker: "w2" })
      const waiting = yield* Effect.forkChild(lost(subject, 2))
      yield* quiesce
      assert.isUndefined(waiting.pollUnsafe())
      yield* queue.forget("x")
      assert.deepStrictEqual(nonces(yield* Fiber.join(waiting)), nonces(leases))
      assert.deepStrictEqual(nonces(yield* lost(subject, 1, "w2")), nonces(others))
    }))

  test("a worker is notified if another process settles its task", (subject) =>
    Effect.gen(function* () {
      const { available, queue } = subject
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const leases = yield* available()
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(nonces(yield* lost(subject, 1)), nonces(leases))
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))

  test("a worker is not notified of tasks that it returned itself", ({ available, queue, quiesce }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      const [a, b] = yield* available()
      const waiting = yield* Effect.forkChild(queue.lost(worker))
      yield* queue.release(a!)
      yield* queue.suspend(b!, suspension({ signals: ["s"] }))
      yield* queue.forget("x")
      yield* quiesce
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    }))
}

/** A worker that has stopped, or is dead. */
export const declareDismissed = (test: Test): void => {
  test("loses its leases immediately: other workers get the tasks with their original age", (subject) =>
    Effect.gen(function* () {
      const { available, queue } = subject
      yield* queue.submit(facts({ a: [], b: ["a"], c: [], d: [] }))
      const leases = yield* available({ worker: "dead", limit: 2 })
      assert.deepStrictEqual(ids(leases), ["a", "c"])
      yield* queue.dismiss("dead")
      assert.deepStrictEqual(nonces(yield* lost(subject, 2, "dead")), nonces(leases))
      assert.deepStrictEqual(ids(yield* available({ worker: "alive" })), ["a", "c", "d"])
      for (const lease of leases) {
        assert.isFalse(yield* queue.holds(lease))
        assert.isFalse(yield* queue.release(lease))
        assert.isFalse(yield* queue.suspend(lease, suspension({ signals: ["s"] })))
      }
    }))

  test("does not affect leases of other workers", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [] }))
      const [kept] = yield* available({ worker: "alive", limit: 1 })
      yield* available({ worker: "dead", limit: 1 })
      yield* queue.dismiss("dead")
      assert.isTrue(yield* queue.holds(kept!))
      assert.deepStrictEqual(ids(yield* available({ worker: "alive" })), ["b"])
      assert.isTrue(yield* queue.release(kept!))
    }))

  test(
    "returns its permits, and waiting workers get its tasks",
    ({ available, queue, quiesce }) =>
      Effect.gen(function* () {
        yield* queue.submit(facts(nodes(many(2), "narrow")))
        assert.strictEqual((yield* available({ worker: "dead" })).length, 1)
        const waiting = yield* Effect.forkChild(queue.take({ worker: "alive", limit: 1 }))
        yield* quiesce
        yield* queue.dismiss("dead")
        assert.deepStrictEqual(ids(yield* Fiber.join(waiting)), ["t1"])
        const [lane] = (yield* queue.overview()).lanes
        assert.deepStrictEqual([lane!.ready, lane!.leased], [1, 1])
      }),
    { lanes: { narrow: 1 } }
  )
}

/** For a queue whose leases end. */
export const declareExpiring = (test: Test): void => {
  test("its tasks are claimed by others, and its leases are invalid", ({ available, expire, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"], c: [] }))
      const stale = yield* available({ worker: "dead" })
      assert.deepStrictEqual(ids(stale), ["a", "c"])
      yield* expire("dead")
      const current = yield* available({ worker: "alive" })
      assert.deepStrictEqual(ids(current), ["a", "c"])
      for (const lease of stale) {
        assert.isFalse(yield* queue.holds(lease))
        assert.isFalse(yield* queue.release(lease))
        assert.isFalse(yield* queue.suspend(lease, suspension({}, nodes({ "a/1": [] }))))
      }
      assert.deepStrictEqual(yield* available(), [])
      assert.isTrue(yield* queue.release(current[0]!))
    }))

  test("it has no leases, whether or not another worker has claimed the tasks", ({ available, expire, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available({ worker: "dead" })
      yield* expire("dead")
      assert.isFalse(yield* queue.holds(lease!))
      assert.isFalse(yield* queue.release(lease!, 1_000_000))
      assert.isFalse(yield* queue.suspend(lease!, suspension({ signals: ["s"] })))
      assert.deepStrictEqual(ids(yield* available({ worker: "alive" })), ["a"])
    }))

  test("its tasks keep their age", ({ available, expire, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts(many(3)))
      yield* available({ worker: "dead", limit: 2 })
      yield* expire("dead")
      assert.deepStrictEqual(ids(yield* available({ worker: "alive" })), ["t1", "t2", "t3"])
    }))

  test(
    "the permits of its tasks are returned",
    ({ available, expire, queue }) =>
      Effect.gen(function* () {
        yield* queue.submit(facts(nodes(many(4), "narrow")))
        assert.strictEqual((yield* available({ worker: "dead" })).length, 2)
        assert.deepStrictEqual(yield* available({ worker: "alive" }), [])
        yield* expire("dead")
        assert.deepStrictEqual(ids(yield* available({ worker: "alive" })), ["t1", "t2"])
        const [lane] = (yield* queue.overview()).lanes
        assert.deepStrictEqual([lane!.ready, lane!.leased], [2, 2])
      }),
    { lanes: { narrow: 2 } }
  )

  test("waiting workers get its tasks", ({ available, expire, queue, quiesce }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      yield* available({ worker: "dead" })
      const waiting = yield* Effect.forkChild(queue.take({ worker: "alive", limit: 1 }))
      yield* quiesce
      yield* expire("dead")
      assert.deepStrictEqual(ids(yield* Fiber.join(waiting)), ["a"])
    }))

  test("tasks that it settled stay settled", ({ available, expire, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      yield* available({ worker: "dead" })
      yield* queue.tell("x", { settled: ["a"] })
      yield* expire("dead")
      assert.deepStrictEqual(ids(yield* available()), ["b"])
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(yield* available(), [])
    }))

  test("its tasks in a paused execution wait until the execution resumes", ({ available, expire, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      yield* available({ worker: "dead" })
      yield* queue.tell("x", { pause: { paused: true, seq: 2 } })
      yield* expire("dead")
      assert.deepStrictEqual(yield* available(), [])
      yield* queue.tell("x", { pause: { paused: false, seq: 3 } })
      assert.deepStrictEqual(ids(yield* available()), ["a"])
    }))

  test("a live worker keeps its leases for any time", ({ available, outlive, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      const [lease] = yield* available({ worker })
      yield* outlive(worker)
      assert.isTrue(yield* queue.holds(lease!))
      assert.deepStrictEqual(yield* available({ worker: "other" }), [])
      assert.isTrue(yield* queue.release(lease!))
    }))
}
