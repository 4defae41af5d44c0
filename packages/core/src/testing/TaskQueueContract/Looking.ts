/** Inspecting a queue: executions, lanes, workers. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as TaskQueue from "../../TaskQueue.ts"
import { facts, many, nodes, suspension, type Test, waits } from "./Story.ts"

/** Without the times, which need not be exact. */
const plain = ({ executions, lanes, timed }: TaskQueue.Overview) => ({
  executions,
  timed,
  lanes: Object.fromEntries(lanes.map(({ lane, leased, limit, ready }) => [lane, [ready, leased, limit]]))
})

export const declare = (test: Test): void => {
  executions(test)
  fullness(test)
  workers(test)
}

/** What there is to know of executions. */
const executions = (test: Test): void => {
  test("reports whether any task can become ready without new facts", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      const status = Effect.map(queue.inspect("x"), (inspection) => inspection.status)
      assert.strictEqual(yield* status, "absent")
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      assert.strictEqual(yield* status, "busy")
      const [lease] = yield* available()
      assert.strictEqual(yield* status, "busy")
      yield* queue.suspend(lease!, suspension({ signals: ["s"] }))
      assert.strictEqual(yield* status, "idle")
      yield* queue.tell("x", { signals: ["s"] })
      assert.strictEqual(yield* status, "busy")
      const [again] = yield* available()
      yield* queue.suspend(again!, suspension({ signals: ["t"], timeoutMillis: 1_000 }))
      assert.strictEqual(yield* status, "busy")
      yield* elapse(1_000)
      assert.strictEqual(yield* status, "busy")
      const [third] = yield* available()
      yield* queue.release(third!, 1_000)
      assert.strictEqual(yield* status, "busy")
      yield* queue.tell("x", { pause: { paused: true, seq: 3 } })
      assert.strictEqual(yield* status, "busy")
      yield* elapse(1_000)
      assert.strictEqual(yield* status, "idle")
      yield* queue.tell("x", { pause: { paused: false, seq: 4 } })
      assert.strictEqual(yield* status, "busy")
      yield* queue.tell("x", { settled: ["a", "b"] })
      assert.strictEqual(yield* status, "idle")
      yield* queue.forget("x")
      assert.strictEqual(yield* status, "absent")
    }))

  test("reports the fact up to which it is complete, which never decreases", ({ queue }) =>
    Effect.gen(function* () {
      const upTo = Effect.map(queue.inspect("x"), (inspection) => inspection.upTo)
      assert.strictEqual(yield* upTo, 0)
      yield* queue.submit(facts({ a: [] }, { upTo: 4 }))
      assert.strictEqual(yield* upTo, 4)
      yield* queue.tell("x", { settled: ["a"] })
      assert.strictEqual(yield* upTo, 4)
      yield* queue.tell("x", { upTo: 12 })
      assert.strictEqual(yield* upTo, 12)
      yield* queue.tell("x", { upTo: 9 })
      assert.strictEqual(yield* upTo, 12)
      yield* queue.tell("x", { pause: { paused: true, seq: 20 } })
      assert.strictEqual(yield* upTo, 12)
      yield* queue.forget("x")
      assert.strictEqual(yield* upTo, 0)
      yield* queue.submit(facts({ a: [] }, { upTo: 2 }))
      assert.strictEqual(yield* upTo, 2)
    }))

  test("lists known executions in pages", ({ queue }) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 25 }, (_, index) => `e${String(index).padStart(2, "0")}`)
      for (const [index, executionId] of names.toReversed().entries()) {
        yield* queue.submit(facts({ a: [] }, { executionId, tenant: `t${index % 3}` }))
      }
      const seen: Array<string> = []
      for (let after: string | undefined, pages = 0; ; pages++) {
        const page = yield* queue.known({ after, limit: 10 })
        seen.push(...page.map(({ executionId }) => executionId))
        if (page.length < 10) {
          assert.strictEqual(pages, 2)
          break
        }
        after = page.at(-1)!.executionId
      }
      assert.deepStrictEqual(seen, names)
      yield* queue.forget("e10")
      assert.deepStrictEqual(yield* queue.known({ after: "e09", limit: 1 }), [{ executionId: "e11", tenant: "t1" }])
      assert.deepStrictEqual(yield* queue.known({ after: "e24", limit: 10 }), [])
    }))
}

/** How full the queue is. */
const fullness = (test: Test): void => {
  test(
    "counts ready, claimed and timed tasks by lane",
    ({ available, queue }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(plain(yield* queue.overview()), {
          executions: 0,
          timed: 0,
          lanes: { openai: [0, 0, 2], unused: [0, 0, 5] }
        })
        yield* queue.submit(
          facts([...nodes(many(4, "o"), "openai"), ...nodes({ d: [], e: ["d"], f: [], g: [], h: [] })], {
            suspended: [
              { id: "f", run: 1, waits: waits({ signals: ["s"], timeoutMillis: 9_000 }), remainingMillis: 9_000 },
              { id: "h", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined }
            ],
            delayed: [{ id: "g", millis: 5_000 }]
          })
        )
        yield* queue.submit(facts(nodes(many(3), "openai"), { executionId: "paused", paused: true }))
        assert.deepStrictEqual(plain(yield* queue.overview()), {
          executions: 2,
          timed: 2,
          lanes: { default: [1, 0, undefined], openai: [4, 0, 2], unused: [0, 0, 5] }
        })
        const leases = yield* available()
        assert.deepStrictEqual(plain(yield* queue.overview()), {
          executions: 2,
          timed: 2,
          lanes: { default: [0, 1, undefined], openai: [2, 2, 2], unused: [0, 0, 5] }
        })
        const d = leases.find(({ taskId }) => taskId === "d")!
        yield* queue.release(d, 5_000)
        yield* queue.tell("x", { signals: ["s"] })
        assert.deepStrictEqual(plain(yield* queue.overview()), {
          executions: 2,
          timed: 2,
          lanes: { default: [2, 0, undefined], openai: [2, 2, 2], unused: [0, 0, 5] }
        })
        yield* queue.forget("x")
        yield* queue.forget("paused")
        assert.deepStrictEqual(plain(yield* queue.overview()), {
          executions: 0,
          timed: 0,
          lanes: { openai: [0, 0, 2], unused: [0, 0, 5] }
        })
      }),
    { lanes: { openai: 2, unused: 5 } }
  )

  test(
    "counts only the tasks of the tenant, and lists lanes of others only if they have a limit",
    ({ available, queue }) =>
      Effect.gen(function* () {
        yield* queue.submit(
          facts([...nodes(many(3), "openai"), ...nodes({ d: [] }, "mine")], {
            tenant: "acme",
            delayed: [{ id: "d", millis: 5_000 }]
          })
        )
        yield* available({ limit: 1 })
        yield* queue.submit(facts(nodes({ a: [] }, "secret"), { executionId: "y", tenant: "globex" }))
        assert.deepStrictEqual(plain(yield* queue.overview("acme")), {
          executions: 1,
          timed: 1,
          lanes: { openai: [2, 1, 9] }
        })
        assert.deepStrictEqual(plain(yield* queue.overview("globex")), {
          executions: 1,
          timed: 0,
          lanes: { openai: [0, 0, 9], secret: [1, 0, undefined] }
        })
        yield* queue.forget("x")
        for (const tenant of ["acme", "nobody"]) {
          const nothing = { executions: 0, timed: 0, lanes: { openai: [0, 0, 9] } }
          assert.deepStrictEqual(plain(yield* queue.overview(tenant)), nothing)
        }
      }),
    { lanes: { openai: 9 } }
  )

  test("reports how long the oldest task has been ready", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts(nodes({ a: [], c: [] }, "one")))
      yield* elapse(100_000)
      yield* queue.submit(facts(nodes({ b: [] }, "two"), { executionId: "y" }))
      yield* elapse(50_000)
      const oldest = Effect.map(queue.overview(), ({ lanes }) =>
        lanes.map(({ lane, oldestReadyMillis }) =>
          // Within a few seconds, because a queue's own clock keeps running.
          [lane, oldestReadyMillis === undefined ? undefined : Math.floor(oldestReadyMillis / 50_000) * 50_000]
        )
      )
      assert.deepStrictEqual(yield* oldest, [
        ["one", 150_000],
        ["two", 50_000]
      ])
      yield* available({ lanes: { two: 1 } })
      assert.deepStrictEqual(yield* oldest, [
        ["one", 150_000],
        ["two", undefined]
      ])
    }))
}

/** Who works on what. */
const workers = (test: Test): void => {
  test("lists workers and their tasks until they are dismissed", ({ available, queue }) =>
    Effect.gen(function* () {
      const info: TaskQueue.WorkerInfo = {
        name: "w1",
        concurrency: 4,
        lanes: { openai: 2, default: 4 },
        host: "machine",
        process: "1.2.3",
        startedAt: "2026-01-01T00:00:00.000Z",
        draining: false
      }
      const list = Effect.map(queue.workers, (views) =>
        views
          .map(({ running, silentMillis, ...view }) => {
            const { leaseMillis: _, ...rest } = view
            assert.isAtLeast(silentMillis, 0)
            assert.isBelow(silentMillis, 60_000)
            return { ...rest, running: running.map(({ taskId }) => taskId).toSorted() }
          })
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      )
      assert.deepStrictEqual(yield* list, [])
      yield* queue.enlist({ ...info, name: "w2" })
      yield* queue.enlist(info)
      yield* queue.submit(facts({ a: [], b: [], c: [], d: [] }, { tenant: "acme" }))
      const [a, b] = yield* available({ worker: "w1", limit: 2 })
      yield* available({ worker: "w2", limit: 1 })
      yield* available({ worker: "unknown", limit: 1 })
      assert.deepStrictEqual(yield* list, [
        { ...info, running: ["a", "b"] },
        { ...info, name: "w2", running: ["c"] }
      ])
      const first = (yield* queue.workers).find(({ name }) => name === "w2")
      assert.deepStrictEqual(first?.running, [{ executionId: "x", tenant: "acme", taskId: "c", lane: "default" }])
      yield* queue.release(a!)
      yield* queue.suspend(b!, suspension({ signals: ["s"] }))
      const infos = yield* queue.enlisted
      assert.deepStrictEqual(infos.map(({ name, process }) => `${name} ${process}`).toSorted(), [
        "w1 1.2.3",
        "w2 1.2.3"
      ])
      const { lanes: _, host: __, process: ___, ...less } = info
      yield* queue.enlist({ ...less, draining: true })
      yield* queue.dismiss("w2")
      assert.deepStrictEqual(yield* list, [{ ...less, draining: true, running: [] }])
      yield* queue.dismiss("w2")
      yield* queue.dismiss("w1")
      assert.deepStrictEqual(yield* list, [])
    }))
}
