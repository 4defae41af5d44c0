/** Executions that are submitted, updated and removed. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as TaskQueue from "../../TaskQueue.ts"
import { facts, ids, many, nodes, suspension, type Test, waits, worker } from "./Story.ts"

export const declare = (test: Test): void => {
  submission(test)
  identity(test)
  end(test)
}

/** What is taken in. */
const submission = (test: Test): void => {
  test("are accepted once, even if they are submitted again", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }))
      const [lease] = yield* available()
      const again = facts({ a: [], b: ["a"], other: [] }, { tenant: "another", upTo: 9, settled: ["a"], paused: true })
      yield* queue.submit(again)
      assert.deepStrictEqual(yield* available(), [])
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "busy", upTo: 1 })
      assert.isTrue(yield* queue.holds(lease!))
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(
        (yield* available()).map(({ taskId, tenant }) => [taskId, tenant]),
        [["b", "default"]]
      )
    }))

  test("are rebuilt from facts: settled, suspended, delayed, signals, paused, lanes, priority, all together", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      const graph = [
        ...nodes({ a: [], b: ["a"], c: ["a"], d: ["a"], e: [], f: [], g: ["d"], h: ["b", "a"] }),
        { id: "i", dependencies: ["a"], lane: "openai" }
      ]
      yield* queue.submit(
        facts(graph, {
          tenant: "acme",
          priority: "high",
          upTo: 40,
          settled: ["a"],
          suspended: [
            { id: "c", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined },
            { id: "e", run: 2, waits: waits({ signals: ["known"] }), remainingMillis: undefined },
            { id: "f", run: 3, waits: waits({ tasks: ["a", "b"], mode: "any" }), remainingMillis: 90_000 }
          ],
          delayed: [{ id: "d", millis: 10_000 }],
          signals: ["known"],
          paused: true
        })
      )
      yield* queue.submit(facts({ low: [] }, { executionId: "y", tenant: "acme", priority: "low" }))
      assert.deepStrictEqual(ids(yield* available()), ["low"])
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "busy", upTo: 40 })
      yield* queue.tell("x", { pause: { paused: false, seq: 41 } })
      const ready = yield* available()
      assert.deepStrictEqual(ids(ready).toSorted(), ["b", "e", "f", "i"])
      assert.deepStrictEqual(
        ready.map(({ timedOut }) => timedOut),
        ready.map(() => undefined)
      )
      assert.strictEqual(ready.find(({ taskId }) => taskId === "i")?.lane, "openai")
      yield* elapse(5_000)
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(5_000)
      assert.deepStrictEqual(ids(yield* available()), ["d"])
      yield* queue.tell("x", { signals: ["s"], settled: ["b"] })
      assert.deepStrictEqual(ids(yield* available()).toSorted(), ["c", "h"])
      yield* queue.tell("x", { settled: ["c", "d", "e", "f", "i"] })
      assert.deepStrictEqual(ids(yield* available()), ["g"])
    }))

  test("after a rebuild, no task waits for settled tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      const suspended = [{ id: "b", run: 1, waits: waits({ tasks: ["a"] }), remainingMillis: undefined }]
      yield* queue.submit(facts({ a: [], b: [], c: ["a"] }, { settled: ["a"], suspended }))
      assert.deepStrictEqual(ids(yield* available()).toSorted(), ["b", "c"])
    }))

  test("without a remaining delay are ready immediately", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: ["a"] }, { settled: ["a"], delayed: [{ id: "b", millis: 0 }] }))
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))

  test("with unsatisfiable dependencies wait: an unknown task, the task itself, a cycle", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: ["nobody"], b: ["b"], c: ["e"], d: ["c"], e: ["d"], f: [] }))
      assert.deepStrictEqual(ids(yield* available()), ["f"])
      yield* queue.tell("x", { settled: ["f"] })
      assert.deepStrictEqual(yield* available(), [])
      assert.strictEqual((yield* queue.inspect("x")).status, "idle")
    }))
}

/** Whose names are whose. */
const identity = (test: Test): void => {
  test("with the same names of tasks and signals are independent", ({ available, queue }) =>
    Effect.gen(function* () {
      for (const executionId of ["x", "y"]) {
        yield* queue.submit(facts({ a: [], b: ["a"], c: [] }, { executionId }))
      }
      const leases = yield* available()
      const ofX = leases.filter(({ executionId }) => executionId === "x")
      const ofY = leases.filter(({ executionId }) => executionId === "y")
      assert.deepStrictEqual(
        [ids(ofX), ids(ofY)],
        [
          ["a", "c"],
          ["a", "c"]
        ]
      )
      yield* queue.suspend(ofX[1]!, suspension({ signals: ["s"] }))
      yield* queue.suspend(ofY[1]!, suspension({ signals: ["s"] }))
      yield* queue.tell("y", { signals: ["s"], settled: ["a"] })
      const woken = yield* available()
      assert.deepStrictEqual(woken.map((lease) => `${lease.executionId} ${lease.taskId}`).toSorted(), ["y b", "y c"])
      yield* queue.forget("y")
      assert.isTrue(yield* queue.holds(ofX[0]!))
      assert.isFalse(yield* queue.holds(ofY[0]!))
      assert.strictEqual((yield* queue.inspect("x")).status, "busy")
    }))

  test("may have names with any characters", ({ available, queue }) =>
    Effect.gen(function* () {
      const executionId = "ex:{ö} *?[1]"
      const task = "a:b|c\0d/é\n"
      const after = "%s"
      yield* queue.submit(
        facts([{ id: task, dependencies: [], lane: "l:{x} ü" }, ...nodes({ [after]: [task] })], {
          executionId,
          tenant: "t:{y}"
        })
      )
      const [lease] = yield* available({ worker: "w:{z}" })
      assert.deepStrictEqual(
        [lease!.executionId, lease!.taskId, lease!.lane, lease!.tenant, lease!.worker],
        [executionId, task, "l:{x} ü", "t:{y}", "w:{z}"]
      )
      yield* queue.suspend(lease!, suspension({ signals: ["a:b"], tasks: [":"] }, nodes({ ":": [] })))
      yield* queue.tell(executionId, { signals: ["a:b"], settled: [":"] })
      assert.deepStrictEqual(ids(yield* available()), [task])
      yield* queue.tell(executionId, { settled: [task] })
      assert.deepStrictEqual(ids(yield* available()), [after])
      assert.deepStrictEqual(yield* queue.known({ after: undefined, limit: 9 }), [{ executionId, tenant: "t:{y}" }])
    }))
}

/** What is unknown or forgotten. */
const end = (test: Test): void => {
  test("that are unknown: operations have no effect", ({ available, queue }) =>
    Effect.gen(function* () {
      const news = { settled: ["b"], signals: ["s"], pause: { paused: true, seq: 3 }, upTo: 3 }
      yield* queue.tell("nowhere", { nodes: nodes({ a: [], b: [] }), ...news })
      yield* queue.forget("nowhere")
      const lease: TaskQueue.Lease = {
        executionId: "nowhere",
        tenant: "default",
        taskId: "a",
        lane: "default",
        worker,
        nonce: 0,
        timedOut: undefined
      }
      assert.isFalse(yield* queue.holds(lease))
      assert.isFalse(yield* queue.release(lease))
      assert.isFalse(yield* queue.release(lease, 1_000))
      assert.isFalse(yield* queue.suspend(lease, suspension({}, nodes({ "a/1": [] }))))
      assert.deepStrictEqual(yield* queue.inspect("nowhere"), { status: "absent", upTo: 0 })
      assert.deepStrictEqual(yield* queue.known({ after: undefined, limit: 9 }), [])
      assert.deepStrictEqual(yield* queue.overview(), { executions: 0, lanes: [], timed: 0 })
      assert.deepStrictEqual(yield* available(), [])
      // Facts reported earlier are not kept for executions that are submitted later.
      yield* queue.submit(facts({ b: [] }, { executionId: "nowhere" }))
      assert.deepStrictEqual(ids(yield* available()), ["b"])
    }))

  test("that are forgotten: nothing is claimed, returned or suspended", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [], c: [], d: ["a"] }))
      const [a, b] = yield* available({ limit: 2 })
      yield* queue.suspend(b!, suspension({ signals: ["s"], timeoutMillis: 1_000 }))
      yield* queue.forget("x")
      assert.isFalse(yield* queue.holds(a!))
      assert.isFalse(yield* queue.release(a!))
      assert.isFalse(yield* queue.suspend(a!, suspension({}, nodes({ "a/1": [] }))))
      yield* queue.tell("x", { settled: ["a"], signals: ["s"] })
      yield* elapse(2_000)
      assert.deepStrictEqual(yield* available(), [])
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "absent", upTo: 0 })
      yield* queue.forget("x")
    }))

  test("can be submitted again after they were forgotten; earlier leases have no effect", ({
    available,
    elapse,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [], b: [], c: [] }, { signals: ["s"] }))
      const [a, b, c] = yield* available()
      yield* queue.suspend(b!, suspension({ signals: ["t"], timeoutMillis: 1_000 }))
      yield* queue.release(c!, 1_000)
      yield* queue.forget("x")
      const suspended = [{ id: "b", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined }]
      yield* queue.submit(facts({ a: [], b: [], d: ["c"] }, { suspended, upTo: 7 }))
      const [again] = yield* available()
      assert.strictEqual(again!.taskId, "a")
      assert.notStrictEqual(again!.nonce, a!.nonce)
      assert.isFalse(yield* queue.holds(a!))
      assert.isFalse(yield* queue.release(a!))
      assert.isTrue(yield* queue.holds(again!))
      yield* elapse(2_000)
      assert.deepStrictEqual(yield* available(), [])
      assert.deepStrictEqual(yield* queue.inspect("x"), { status: "busy", upTo: 7 })
    }))
}

/** For a queue that outlives its process. */
export const declareRemains = (test: Test): void => {
  test(
    "nothing remains of forgotten executions, regardless of their state",
    ({ available, elapse, expire, queue, remains }) =>
      Effect.gen(function* () {
        const graph = [...nodes(many(6), "narrow"), ...nodes({ a: [], b: ["a", "nobody"], c: [] })]
        const suspended = [{ id: "c", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: 1_000_000 }]
        for (const executionId of ["1", "2", "3"]) {
          yield* queue.submit(facts(graph, { executionId, tenant: `t${executionId}`, suspended, signals: ["r"] }))
        }
        yield* queue.submit(facts(graph, { executionId: "4", paused: true }))
        yield* queue.submit(facts({ late: [], later: [] }, { executionId: "5" }))
        const waiting = yield* available({ limit: 2, lanes: { default: 2 } })
        for (const each of waiting) yield* queue.suspend(each, suspension({ signals: ["s"], timeoutMillis: 1_000 }))
        yield* elapse(1_000)
        for (const { executionId, taskId } of waiting.slice(1)) yield* queue.tell(executionId, { settled: [taskId] })
        const leases = yield* available({ limit: 6 })
        yield* queue.suspend(leases[0]!, suspension({ tasks: ["new"] }, nodes({ new: [] })))
        yield* queue.release(leases[1]!, 1_000_000)
        yield* queue.release(leases[2]!)
        yield* queue.tell("4", { pause: { paused: false, seq: 9 }, settled: ["a"] })
        yield* available({ limit: 3 })
        yield* expire(worker)
        yield* available({ limit: 2 })
        for (const { executionId } of yield* queue.known({ after: undefined, limit: 99 })) {
          yield* queue.forget(executionId)
        }
        yield* queue.enlist({ name: worker, concurrency: 1, startedAt: "2026-01-01T00:00:00.000Z", draining: false })
        yield* queue.dismiss(worker)
        yield* expire(worker)
        yield* elapse(20_000)
        assert.deepStrictEqual(yield* available(), [])
        assert.deepStrictEqual(yield* remains, [])
      }),
    { lanes: { narrow: 2 } }
  )
}
