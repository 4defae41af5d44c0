/**
 * What every layer of `TaskQueue` must do. Run it with `TaskQueueContract.suite(name, layer)` in a test file.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { Waits } from "../ExecutionEvent.ts"
import * as TaskQueue from "../TaskQueue.ts"

export interface Options {
  /** Lets time pass for the queue, in milliseconds. Default: the test's clock. */
  readonly elapse?: (millis: number) => Effect.Effect<void>
}

const worker = "w1"

const facts = (
  nodes: { readonly [id: string]: ReadonlyArray<string> },
  more: Partial<TaskQueue.Facts> = {}
): TaskQueue.Facts => ({
  upTo: 1,
  executionId: "x",
  tenant: "default",
  nodes: Object.entries(nodes).map(([id, dependencies]) => ({ id, dependencies })),
  settled: [],
  suspended: [],
  delayed: [],
  signals: [],
  paused: false,
  ...more
})

const waits = (more: Partial<Waits>): Waits => ({ tasks: [], signals: [], mode: "all", ...more })

const suspension = (
  more: Partial<Waits>,
  spawn: ReadonlyArray<TaskQueue.Node> = [],
  run = 1
): TaskQueue.Suspension => ({ run, waits: waits(more), spawn })

const ids = (leases: ReadonlyArray<TaskQueue.Lease>) => leases.map((lease) => lease.taskId)

/** A layer that keeps all its promises passes every test here. */
export const suite = <E>(name: string, layer: Layer.Layer<TaskQueue.TaskQueue, E>, options: Options = {}): void => {
  const elapse = options.elapse ?? ((millis) => TestClock.adjust(millis))

  const test = (
    sentence: string,
    body: (queue: TaskQueue.TaskQueue["Service"]) => Effect.Effect<void, unknown>
  ): void => it.effect(sentence, () => Effect.provide(Effect.flatMap(TaskQueue.TaskQueue, body), layer))

  /** What can be taken now, without waiting. */
  const available = (queue: TaskQueue.TaskQueue["Service"], limit = 100) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(queue.take({ worker, limit }))
      yield* elapse(1)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return [...(yield* Fiber.join(fiber))]
      yield* Fiber.interrupt(fiber)
      return []
    })

  describe(`TaskQueue: ${name}`, () => {
    test("hands a task out once, when its dependencies are settled", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] }))
        assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
        assert.deepStrictEqual(yield* available(queue), [])
        yield* queue.tell("x", { settled: ["a"] })
        assert.deepStrictEqual(ids(yield* available(queue)).sort(), ["b", "c"])
        yield* queue.tell("x", { settled: ["b"] })
        yield* queue.tell("x", { settled: ["b"] })
        assert.deepStrictEqual(yield* available(queue), [])
        yield* queue.tell("x", { settled: ["c"] })
        assert.deepStrictEqual(ids(yield* available(queue)), ["d"])
      }))

    test("hands out the longest way to a final task first, then the oldest", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ short: [], long: [], middle: ["long"], end: ["middle"], also: [] }))
        assert.deepStrictEqual(ids(yield* available(queue)), ["long", "short", "also"])
      }))

    test("keeps to the limit", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [], b: [], c: [] }))
        assert.strictEqual((yield* available(queue, 2)).length, 2)
        assert.strictEqual((yield* available(queue, 2)).length, 1)
      }))

    test("wakes one that waits, in the order of waiting", (queue) =>
      Effect.gen(function* () {
        const first = yield* Effect.forkChild(queue.take({ worker: "w1", limit: 1 }))
        yield* elapse(1)
        const second = yield* Effect.forkChild(queue.take({ worker: "w2", limit: 1 }))
        yield* elapse(1)
        yield* queue.submit(facts({ a: [], b: [] }))
        assert.strictEqual((yield* Fiber.join(first))[0].worker, "w1")
        assert.strictEqual((yield* Fiber.join(second))[0].worker, "w2")
      }))

    test("an interrupted take takes nothing", (queue) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(queue.take({ worker, limit: 1 }))
        yield* elapse(1)
        yield* Fiber.interrupt(fiber)
        yield* queue.submit(facts({ a: [] }))
        assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
      }))

    test("takes an execution in once, whatever is submitted again", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [] }))
        yield* available(queue)
        yield* queue.submit(facts({ a: [], other: [] }))
        assert.deepStrictEqual(yield* available(queue), [])
      }))

    test("rebuilds from facts: settled, suspended, delayed, signals, paused", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(
          facts(
            { a: [], b: ["a"], c: ["a"], d: ["a"], e: [], f: [] },
            {
              settled: ["a"],
              suspended: [
                { id: "c", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined },
                { id: "e", run: 1, waits: waits({ signals: ["known"] }), remainingMillis: undefined },
                { id: "f", run: 1, waits: waits({ tasks: ["a"] }), remainingMillis: undefined }
              ],
              delayed: [{ id: "d", millis: 100 }],
              signals: ["known"],
              paused: true
            }
          )
        )
        assert.deepStrictEqual(yield* available(queue), [])
        yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
        assert.deepStrictEqual(ids(yield* available(queue)).sort(), ["b", "e", "f"])
        yield* elapse(100)
        assert.deepStrictEqual(ids(yield* available(queue)), ["d"])
        yield* queue.tell("x", { signals: ["s"] })
        assert.deepStrictEqual(ids(yield* available(queue)), ["c"])
      }))

    test("rebuilt, lets nothing wait for what is settled already", (queue) =>
      Effect.gen(function* () {
        const suspended = [{ id: "b", run: 1, waits: waits({ tasks: ["a"] }), remainingMillis: undefined }]
        yield* queue.submit(facts({ a: [], b: [] }, { settled: ["a"], suspended }))
        assert.deepStrictEqual(ids(yield* available(queue)), ["b"])
      }))

    test("does nothing for an execution that it does not know", (queue) =>
      Effect.gen(function* () {
        yield* queue.tell("nowhere", { nodes: [{ id: "a", dependencies: [] }], settled: ["b"], signals: ["s"] })
        yield* queue.forget("nowhere")
        assert.strictEqual((yield* queue.inspect("nowhere")).status, "absent")
        assert.deepStrictEqual(yield* available(queue), [])
      }))

    test("a task that is given back is ready again, not before its delay", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [] }))
        const [lease] = yield* available(queue)
        assert.isTrue(yield* queue.release(lease!, 1_000))
        yield* elapse(990)
        assert.deepStrictEqual(yield* available(queue), [])
        yield* elapse(10)
        const [again] = yield* available(queue)
        assert.strictEqual(again!.taskId, "a")
        assert.notStrictEqual(again!.nonce, lease!.nonce)
      }))

    test("a stale lease gives nothing back and suspends nothing", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [] }))
        const [stale] = yield* available(queue)
        yield* queue.release(stale!)
        const [current] = yield* available(queue)
        assert.isFalse(yield* queue.release(stale!))
        assert.isFalse(yield* queue.suspend(stale!, suspension({ signals: ["s"] })))
        assert.deepStrictEqual(yield* available(queue), [])
        assert.isTrue(yield* queue.release(current!))
      }))

    describe("a suspended task", () => {
      test("is ready again when all that it spawned is settled", (queue) =>
        Effect.gen(function* () {
          yield* queue.submit(facts({ a: [], b: ["a"] }))
          const [lease] = yield* available(queue)
          const spawn = [
            { id: "a/1", dependencies: [] },
            { id: "a/2", dependencies: ["a/1"] }
          ]
          assert.isTrue(yield* queue.suspend(lease!, suspension({ tasks: ["a/1", "a/2"] }, spawn)))
          assert.deepStrictEqual(ids(yield* available(queue)), ["a/1"])
          yield* queue.tell("x", { settled: ["a/1"] })
          assert.deepStrictEqual(ids(yield* available(queue)), ["a/2"])
          yield* queue.tell("x", { settled: ["a/2"] })
          assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
        }))

      test("may be suspended again, and waits again", (queue) =>
        Effect.gen(function* () {
          yield* queue.submit(facts({ a: [] }))
          const [first] = yield* available(queue)
          yield* queue.suspend(first!, suspension({ tasks: ["a/1"] }, [{ id: "a/1", dependencies: [] }]))
          yield* available(queue)
          yield* queue.tell("x", { settled: ["a/1"] })
          const [second] = yield* available(queue)
          yield* queue.suspend(second!, suspension({ tasks: ["a/2"] }, [{ id: "a/2", dependencies: [] }]))
          assert.deepStrictEqual(ids(yield* available(queue)), ["a/2"])
          yield* queue.tell("x", { settled: ["a/2"] })
          assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
        }))

      test("may wait for any of several", (queue) =>
        Effect.gen(function* () {
          yield* queue.submit(facts({ a: [] }))
          const [lease] = yield* available(queue)
          yield* queue.suspend(
            lease!,
            suspension({ mode: "any", tasks: ["a/1"], signals: ["s"] }, [{ id: "a/1", dependencies: [] }])
          )
          yield* available(queue)
          yield* queue.tell("x", { signals: ["s"] })
          assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
        }))

      test("is ready at once when the signal came first", (queue) =>
        Effect.gen(function* () {
          yield* queue.submit(facts({ a: [] }))
          const [lease] = yield* available(queue)
          yield* queue.tell("x", { signals: ["s"] })
          yield* queue.suspend(lease!, suspension({ signals: ["s"] }))
          const [woken] = yield* available(queue)
          assert.strictEqual(woken!.taskId, "a")
          assert.isUndefined(woken!.timedOut)
        }))

      test("is ready when its time is over, and says so", (queue) =>
        Effect.gen(function* () {
          yield* queue.submit(facts({ a: [] }))
          const [lease] = yield* available(queue)
          yield* queue.suspend(lease!, suspension({ signals: ["s"], timeoutMillis: 500 }))
          assert.strictEqual((yield* queue.inspect("x")).status, "busy")
          yield* elapse(490)
          assert.deepStrictEqual(yield* available(queue), [])
          yield* elapse(10)
          const [woken] = yield* available(queue)
          assert.strictEqual(woken!.timedOut, 1)
          yield* queue.tell("x", { signals: ["s"] })
          assert.deepStrictEqual(yield* available(queue), [])
        }))
    })

    test("a paused execution hands out nothing until it goes on", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [], b: ["a"] }))
        yield* queue.tell("x", { pause: { paused: true, seq: 5 } })
        assert.deepStrictEqual(yield* available(queue), [])
        yield* queue.tell("x", { pause: { paused: false, seq: 6 } })
        assert.deepStrictEqual(ids(yield* available(queue)), ["a"])
      }))

    test("those who work for an execution that is over are told", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [], b: [] }))
        const leases = yield* available(queue)
        const lost = yield* Effect.forkChild(queue.lost(worker))
        yield* elapse(1)
        yield* queue.forget("x")
        yield* elapse(1)
        const told = [...(yield* Fiber.join(lost))]
        while (told.length < leases.length) told.push(...(yield* queue.lost(worker)))
        assert.deepStrictEqual(new Set(told.map((lease) => lease.nonce)), new Set(leases.map((lease) => lease.nonce)))
        assert.strictEqual(told.length, leases.length)
        assert.strictEqual((yield* queue.inspect("x")).status, "absent")
      }))

    test("whoever works on a task that another settled is told", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [], b: ["a"] }))
        const [lease] = yield* available(queue)
        yield* queue.tell("x", { settled: ["a"] })
        assert.deepStrictEqual(
          (yield* queue.lost(worker)).map((each) => each.nonce),
          [lease!.nonce]
        )
        assert.isFalse(yield* queue.release(lease!))
        assert.deepStrictEqual(ids(yield* available(queue)), ["b"])
      }))

    test("tells whether anything will happen without news", (queue) =>
      Effect.gen(function* () {
        yield* queue.submit(facts({ a: [] }))
        assert.strictEqual((yield* queue.inspect("x")).status, "busy")
        const [lease] = yield* available(queue)
        assert.strictEqual((yield* queue.inspect("x")).status, "busy")
        yield* queue.suspend(lease!, suspension({ signals: ["s"] }))
        assert.strictEqual((yield* queue.inspect("x")).status, "idle")
      }))

    test("ten thousand tasks go through many takers, each once and after its dependencies", (queue) =>
      Effect.gen(function* () {
        const width = 100
        const nodes: Record<string, ReadonlyArray<string>> = {}
        for (let n = 0; n < 10_000; n++) {
          const above = n - width
          nodes[`t${n}`] = above < 0 ? [] : [`t${above}`, ...(n % width === 0 ? [] : [`t${above - 1}`])]
        }
        yield* queue.submit(facts(nodes))
        const done = new Set<string>()
        let wrong = 0
        const taker = (name: string) =>
          Effect.gen(function* () {
            while (done.size < 10_000) {
              const leases = yield* queue.take({ worker: name, limit: 16 })
              for (const { taskId } of leases) {
                if (done.has(taskId) || !nodes[taskId]!.every((dependency) => done.has(dependency))) wrong++
                done.add(taskId)
              }
              yield* queue.tell("x", { settled: ids(leases) })
            }
          })
        const takers = yield* Effect.forEach(["w1", "w2", "w3", "w4"], (each) => Effect.forkChild(taker(each)))
        while (done.size < 10_000) yield* elapse(1)
        yield* Fiber.interruptAll(takers)
        assert.strictEqual(wrong, 0)
      }))
  })
}
