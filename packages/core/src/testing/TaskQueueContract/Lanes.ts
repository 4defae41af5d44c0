/**
 * Lanes: how many tasks of one service a worker takes, and how many all workers have together.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as TaskQueue from "../../TaskQueue.ts"
import { facts, ids, many, nodes, suspension, type Subject, type Test, worker } from "./Story.ts"

const count = (leases: ReadonlyArray<TaskQueue.Lease>): { readonly [lane: string]: number } => {
  const counts: Record<string, number> = {}
  for (const { lane } of leases) counts[lane] = (counts[lane] ?? 0) + 1
  return counts
}

const mixed = facts([
  ...nodes(many(4, "o"), "openai"),
  ...nodes(many(2, "a"), "anthropic"),
  ...nodes(many(2, "l"), "ollama"),
  ...nodes(many(2, "n"))
])

/**
 * Fills the lane `narrow` (limit 2) from three tasks; returns the fiber that waits for the third.
 */
const full = ({ available, queue, quiesce }: Subject) =>
  Effect.gen(function* () {
    yield* queue.submit(facts(nodes({ a: [], b: [], c: [] }, "narrow")))
    const leases = yield* available()
    assert.deepStrictEqual(ids(leases), ["a", "b"])
    const fiber = yield* Effect.forkChild(queue.take({ worker: "w2", limit: 5 }))
    yield* quiesce
    assert.isUndefined(fiber.pollUnsafe())
    return { leases, third: Effect.map(Fiber.join(fiber), ids) }
  })

/** A test with room for two tasks in the lane `narrow`. */
const limited =
  (test: Test) =>
  (sentence: string, body: (subject: Subject) => Effect.Effect<void, unknown>): void =>
    test(sentence, body, { lanes: { narrow: 2 } })

export const declare = (test: Test): void => {
  shares(test)
  limits(test)
  permits(test)
}

/** How many of each lane a worker takes. */
const shares = (test: Test): void => {
  test("a task without a lane is in the default lane", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts({ a: [] }))
      assert.deepStrictEqual(count(yield* available()), { default: 1 })
    }))

  test("a worker takes of each so many as it says; `default` counts for all that it does not name", ({
    available,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(mixed)
      const first = count(yield* available({ lanes: { openai: 1, default: 3 } }))
      assert.strictEqual(first["openai"], 1)
      assert.strictEqual((first["anthropic"] ?? 0) + (first["ollama"] ?? 0) + (first["default"] ?? 0), 3)
      assert.strictEqual((yield* available({ lanes: { openai: 1, default: 3 }, limit: 2 })).length, 2)
    }))

  test("a worker without `default` takes only of those that it names, and of none where it has no room", ({
    available,
    queue
  }) =>
    Effect.gen(function* () {
      yield* queue.submit(mixed)
      assert.deepStrictEqual(count(yield* available({ lanes: { openai: 2, ollama: 0 } })), { openai: 2 })
      assert.deepStrictEqual(yield* available({ lanes: { nothing: 5 } }), [])
      assert.deepStrictEqual(yield* available({ lanes: { ollama: 0 } }), [])
      assert.deepStrictEqual(yield* available({ lanes: {} }), [])
      assert.deepStrictEqual(count(yield* available({ lanes: { openai: 9, ollama: 9 } })), { openai: 2, ollama: 2 })
    }))

  test("a worker that waits for one lane is not woken by another", ({ available, queue, quiesce }) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(queue.take({ worker, limit: 9, lanes: { openai: 1 } }))
      yield* quiesce
      yield* queue.submit(facts(nodes({ a: [] }, "anthropic"), { executionId: "1" }))
      yield* quiesce
      assert.isUndefined(fiber.pollUnsafe())
      yield* queue.submit(facts(nodes({ b: [], c: [] }, "openai"), { executionId: "2" }))
      assert.deepStrictEqual(ids(yield* Fiber.join(fiber)), ["b"])
      assert.deepStrictEqual(ids(yield* available()).toSorted(), ["a", "c"])
    }))
}

/** How many of a lane all workers take together. */
const limits = (test: Test): void => {
  limited(test)("no more than the limit are claimed across all workers and executions", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts(nodes(many(3), "narrow"), { executionId: "1", tenant: "a" }))
      yield* queue.submit(facts(nodes(many(3), "narrow"), { executionId: "2", tenant: "b" }))
      yield* queue.submit(facts(nodes(many(3), "wide"), { executionId: "3", tenant: "b" }))
      const first = yield* available({ worker: "w1", limit: 1, lanes: { narrow: 9 } })
      const second = yield* available({ worker: "w2" })
      assert.deepStrictEqual(count([...first, ...second]), { narrow: 2, wide: 3 })
      assert.deepStrictEqual(yield* available({ worker: "w3" }), [])
    })
  )

  test(
    "the lane `default` has a limit of its own: that of no other",
    ({ available, queue }) =>
      Effect.gen(function* () {
        yield* queue.submit(facts([...nodes(many(3, "d")), ...nodes(many(3, "o"), "other")]))
        assert.deepStrictEqual(count(yield* available()), { default: 1, other: 3 })
      }),
    { lanes: { default: 1 } }
  )

  test(
    "the limit holds with many workers, and all tasks complete",
    ({ elapse, queue, quiesce }) =>
      Effect.gen(function* () {
        const total = 120
        yield* queue.submit(facts(nodes(many(total / 2, "a"), "narrow"), { executionId: "1", tenant: "a" }))
        yield* queue.submit(facts(nodes(many(total / 2, "b"), "narrow"), { executionId: "2", tenant: "b" }))
        let working = 0
        let most = 0
        let done = 0
        const work = (name: string) =>
          Effect.forever(
            Effect.gen(function* () {
              const leases = yield* queue.take({ worker: name, limit: 2 })
              working += leases.length
              most = Math.max(most, working)
              // Until every worker has received its tasks.
              yield* Effect.sleep(1)
              for (const lease of leases) {
                working--
                done++
                yield* queue.tell(lease.executionId, { settled: [lease.taskId] })
              }
            })
          )
        const workers = yield* Effect.forEach(Object.keys(many(8, "w")), (name) => Effect.forkChild(work(name)))
        while (done < total) {
          yield* elapse(1)
          yield* quiesce
        }
        yield* Fiber.interruptAll(workers)
        assert.strictEqual(most, 3)
        assert.strictEqual(done, total)
        const lane = (yield* queue.overview()).lanes.find(({ lane }) => lane === "narrow")
        assert.deepStrictEqual(lane, { lane: "narrow", ready: 0, leased: 0, limit: 3 })
      }),
    { lanes: { narrow: 3 } }
  )
}

/** When there is room again. */
const permits = (test: Test): void => {
  limited(test)("a permit returns when its task is settled", (subject) =>
    Effect.gen(function* () {
      const { third } = yield* full(subject)
      yield* subject.queue.tell("x", { settled: ["b"] })
      assert.deepStrictEqual(yield* third, ["c"])
      assert.deepStrictEqual(yield* subject.available(), [])
    })
  )

  limited(test)("… only once, even if it is reported again", (subject) =>
    Effect.gen(function* () {
      const { queue, available } = subject
      yield* queue.submit(facts(nodes(many(4), "narrow")))
      yield* available()
      yield* queue.tell("x", { settled: ["t1"] })
      yield* queue.tell("x", { settled: ["t1", "t1"] })
      assert.deepStrictEqual(ids(yield* available()), ["t3"])
    })
  )

  limited(test)("… when it is returned", (subject) =>
    Effect.gen(function* () {
      const { leases, third } = yield* full(subject)
      yield* subject.queue.release(leases[1]!)
      assert.deepStrictEqual(yield* third, ["b"])
    })
  )

  limited(test)("… when it is returned with a delay", (subject) =>
    Effect.gen(function* () {
      const { leases, third } = yield* full(subject)
      yield* subject.queue.release(leases[0]!, 1_000)
      assert.deepStrictEqual(yield* third, ["c"])
      yield* subject.elapse(1_000)
      assert.deepStrictEqual(yield* subject.available(), [])
      yield* subject.queue.tell("x", { settled: ["c"] })
      assert.deepStrictEqual(ids(yield* subject.available()), ["a"])
    })
  )

  limited(test)("… when it is suspended", (subject) =>
    Effect.gen(function* () {
      const { leases, third } = yield* full(subject)
      yield* subject.queue.suspend(leases[0]!, suspension({ signals: ["s"] }))
      assert.deepStrictEqual(yield* third, ["c"])
    })
  )

  limited(test)("… when its execution is forgotten", (subject) =>
    Effect.gen(function* () {
      yield* subject.queue.submit(facts(nodes({ other: [] }, "narrow"), { executionId: "other", priority: "low" }))
      const { third } = yield* full(subject)
      yield* subject.queue.forget("x")
      assert.deepStrictEqual(yield* third, ["other"])
    })
  )

  limited(test)("a stale lease returns no permit", (subject) =>
    Effect.gen(function* () {
      const { available, queue } = subject
      yield* queue.submit(facts(nodes(many(5), "narrow")))
      const [stale] = yield* available({ limit: 1 })
      yield* queue.release(stale!)
      assert.deepStrictEqual(ids(yield* available()), ["t1", "t2"])
      assert.isFalse(yield* queue.release(stale!))
      assert.isFalse(yield* queue.suspend(stale!, suspension({ signals: ["s"] })))
      assert.deepStrictEqual(yield* available(), [])
    })
  )
}
