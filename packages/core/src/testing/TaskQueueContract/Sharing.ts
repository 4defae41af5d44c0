/** Tenants that share a queue: fair turns. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { facts, many, type Subject, suspension, type Test, waits } from "./Story.ts"

/** Whose tasks the next so many takes of one task give. */
const turns = ({ available }: Subject, count: number, lanes?: { readonly [lane: string]: number }) =>
  Effect.gen(function* () {
    const tenants: Array<string> = []
    for (let turn = 0; turn < count; turn++) {
      const [lease] = yield* available({ limit: 1, ...(lanes === undefined ? {} : { lanes }) })
      tenants.push(lease?.tenant ?? "nobody")
    }
    return tenants.join(" ")
  })

export const declare = (test: Test): void => {
  test("take turns, regardless of their numbers of ready tasks", (subject) =>
    Effect.gen(function* () {
      const { available, queue } = subject
      yield* queue.submit(facts(many(100), { executionId: "1", tenant: "big" }))
      yield* queue.submit(facts(many(3), { executionId: "2", tenant: "small" }))
      assert.strictEqual(yield* turns(subject, 7), "big small big small big small big")
      yield* queue.submit(facts(many(2), { executionId: "3", tenant: "tiny" }))
      const many10 = yield* available({ limit: 5 })
      assert.strictEqual(many10.filter(({ tenant }) => tenant === "tiny").length, 2)
    }))

  test("take turns even in one take of many tasks", ({ available, queue }) =>
    Effect.gen(function* () {
      yield* queue.submit(facts(many(9), { executionId: "1", tenant: "a" }))
      yield* queue.submit(facts(many(2), { executionId: "2", tenant: "b" }))
      yield* queue.submit(facts(many(1), { executionId: "3", tenant: "c" }))
      const leases = yield* available({ limit: 8 })
      assert.strictEqual(leases.map(({ tenant }) => tenant).join(" "), "a b c a b a a a")
    }))

  test("a tenant that arrives late gets no more than its share", (subject) =>
    Effect.gen(function* () {
      const { queue } = subject
      yield* queue.submit(facts(many(100), { executionId: "1", tenant: "early" }))
      assert.strictEqual(yield* turns(subject, 5), "early early early early early")
      yield* queue.submit(facts(many(100), { executionId: "2", tenant: "late" }))
      assert.strictEqual(yield* turns(subject, 6), "late early late early late early")
    }))

  test("an idle tenant does not accumulate turns", (subject) =>
    Effect.gen(function* () {
      const { queue } = subject
      yield* queue.submit(facts(many(1), { executionId: "1", tenant: "visitor" }))
      assert.strictEqual(yield* turns(subject, 1), "visitor")
      yield* queue.submit(facts(many(100), { executionId: "2", tenant: "host" }))
      assert.strictEqual(yield* turns(subject, 20), "host ".repeat(20).trim())
      yield* queue.submit(facts(many(100), { executionId: "3", tenant: "visitor" }))
      assert.strictEqual(yield* turns(subject, 6), "visitor host visitor host visitor host")
    }))

  test("share each lane separately", (subject) =>
    Effect.gen(function* () {
      const { queue } = subject
      const nodes = ["left", "right"].flatMap((lane) =>
        Object.keys(many(10, lane)).map((id) => ({ id, dependencies: [], lane }))
      )
      yield* queue.submit(facts(nodes, { executionId: "1", tenant: "a" }))
      yield* queue.submit(facts(nodes, { executionId: "2", tenant: "b" }))
      assert.strictEqual(yield* turns(subject, 4, { left: 1 }), "a b a b")
      assert.strictEqual(yield* turns(subject, 4, { right: 1 }), "a b a b")
    }))

  test("a high priority has no effect between tenants", (subject) =>
    Effect.gen(function* () {
      const { queue } = subject
      yield* queue.submit(facts(many(3), { executionId: "1", tenant: "modest", priority: "low" }))
      yield* queue.submit(facts(many(3), { executionId: "2", tenant: "pushing", priority: "high" }))
      assert.strictEqual(yield* turns(subject, 6), "modest pushing modest pushing modest pushing")
    }))

  test("use a turn for each claimed task, including returned tasks", (subject) =>
    Effect.gen(function* () {
      const { available, queue } = subject
      yield* queue.submit(facts(many(9), { executionId: "1", tenant: "a" }))
      yield* queue.submit(facts(many(9), { executionId: "2", tenant: "b" }))
      const [lease] = yield* available({ limit: 1 })
      assert.strictEqual(lease!.tenant, "a")
      yield* queue.release(lease!)
      assert.strictEqual(yield* turns(subject, 3), "b a b")
    }))

  test("a tenant without ready tasks misses its turns: suspended, delayed, paused and waiting tasks do not count", (subject) =>
    Effect.gen(function* () {
      const { available, elapse, queue } = subject
      yield* queue.submit(facts(many(9), { executionId: "1", tenant: "a" }))
      const suspended = [{ id: "p", run: 1, waits: waits({ signals: ["s"] }), remainingMillis: undefined }]
      const delayed = [{ id: "q", millis: 1_000 }]
      yield* queue.submit(facts({ p: [], q: [], r: ["q"] }, { executionId: "2", tenant: "b", suspended, delayed }))
      yield* queue.submit(facts(many(2), { executionId: "3", tenant: "c", paused: true }))
      assert.strictEqual(yield* turns(subject, 2), "a a")
      yield* queue.tell("2", { signals: ["s"] })
      yield* queue.tell("3", { pause: { paused: false, seq: 2 } })
      const [first] = yield* available({ limit: 1 })
      assert.strictEqual(first!.tenant, "b")
      yield* queue.suspend(first!, suspension({ signals: ["t"] }, [], 2))
      assert.strictEqual(yield* turns(subject, 2), "c a")
      yield* elapse(1_000)
      assert.strictEqual(yield* turns(subject, 3), "b c a")
    }))
}
