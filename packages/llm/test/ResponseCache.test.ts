import * as Usage from "@crewline/core/Usage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Persistence from "effect/persistence/Persistence"
import * as TestClock from "effect/testing/TestClock"
import * as ResponseCache from "../src/ResponseCache.ts"
import * as Wrapped from "./Wrapped.ts"

const cached = (text: string, more: Parameters<typeof Wrapped.request>[1] = {}) =>
  Wrapped.request(text, { cache: true, ...more })

describe("ResponseCache", () => {
  it.effect("makes the same request once, returns it for free the second time, and reports it", () =>
    Effect.gen(function* () {
      const { asked, model } = Wrapped.succeeding()
      const self = ResponseCache.make()(model)
      const said = Wrapped.notices()
      const deltas: Array<string> = []
      const onDelta = (delta: string) => deltas.push(delta)
      const first = yield* self.generate(cached("x", said))
      assert.deepStrictEqual(said.kinds(), [])
      const second = yield* self.generate(cached("x", { ...said, onDelta }))
      assert.deepStrictEqual(said.kinds(), ["cache-hit"])
      assert.deepStrictEqual(second, { ...first, usage: Usage.zero })
      assert.deepStrictEqual(deltas, ["fine"])
      assert.strictEqual(asked.length, 1)
    })
  )

  it.effect("distinguishes different requests, regardless of the order of fields", () =>
    Effect.gen(function* () {
      const { asked, model } = Wrapped.succeeding()
      const self = ResponseCache.make()(model)
      const tool = { name: "t", description: "d", parameters: { type: "object" } }
      const schema = { type: "string" }
      const different = [
        cached("x"),
        cached("y"),
        cached("x", { options: { temperature: 0 } }),
        cached("x", { options: { temperature: 0, seed: 1 } }),
        cached("x", { tools: [tool] }),
        cached("x", { tools: [tool], toolChoice: "required" }),
        cached("x", { output: { name: "o", schema } })
      ]
      for (const request of different) yield* self.generate(request)
      assert.strictEqual(asked.length, different.length)
      yield* self.generate(cached("x", { options: { seed: 1, temperature: 0 } }))
      assert.strictEqual(asked.length, different.length)
      yield* self.generate(Wrapped.request("x"))
      assert.strictEqual(asked.length, different.length + 1)
    })
  )

  it.effect("lets concurrent equal requests share an answer, but not a failure", () =>
    Effect.gen(function* () {
      const { asked, model } = Wrapped.model((_, call) =>
        Effect.andThen(
          Effect.sleep(100),
          call === 1 ? Effect.fail(Wrapped.overloaded) : Effect.succeed(Wrapped.answer("fine"))
        )
      )
      const self = ResponseCache.make()(model)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 10 }), () => Wrapped.outcome(self.generate(cached("x"))), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust(1_000)
      const outcomes = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outcomes, ["Overloaded", ...Array.from({ length: 9 }, () => "fine")])
      assert.strictEqual(asked.length, 2)
    })
  )

  it.effect("continues for waiting callers when the first caller is interrupted", () =>
    Effect.gen(function* () {
      const { model } = Wrapped.model((_, call) => (call === 1 ? Effect.never : Effect.succeed(Wrapped.answer("fine"))))
      const self = ResponseCache.make()(model)
      const first = yield* Effect.forkChild(self.generate(cached("x")), { startImmediately: true })
      const second = yield* Effect.forkChild(Wrapped.outcome(self.generate(cached("x"))), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), "fine")
    })
  )

  it.effect("evicts old and least recently used answers, and stores no incomplete ones", () =>
    Effect.gen(function* () {
      const { asked, model } = Wrapped.model((request) =>
        Effect.succeed({
          ...Wrapped.answer("fine"),
          finishReason: request.options?.maxOutputTokens === 1 ? "length" : "stop"
        })
      )
      const self = ResponseCache.make({ maxEntries: 2, timeToLiveMillis: 1_000 })(model)
      const ask = (text: string) => Effect.as(self.generate(cached(text)), asked.length)
      for (const text of ["a", "b", "a", "c", "a"]) yield* ask(text)
      assert.strictEqual(asked.length, 3)
      yield* ask("b")
      assert.strictEqual(asked.length, 4)
      yield* TestClock.adjust(1_000)
      yield* ask("b")
      assert.strictEqual(asked.length, 5)
      for (let call = 0; call < 2; call++) yield* self.generate(cached("x", { options: { maxOutputTokens: 1 } }))
      assert.strictEqual(asked.length, 7)
    })
  )

  it.effect("shares answers between processes through a store", () =>
    Effect.gen(function* () {
      const store = yield* (yield* Persistence.BackingPersistence).make("answers")
      const one = Wrapped.succeeding()
      yield* ResponseCache.make({ store })(one.model).generate(cached("x"))
      const other = Wrapped.succeeding()
      const said = Wrapped.notices()
      const answer = yield* ResponseCache.make({ store })(other.model).generate(cached("x", said))
      assert.strictEqual(other.asked.length, 0)
      assert.deepStrictEqual(said.kinds(), ["cache-hit"])
      assert.deepStrictEqual(answer.parts, Wrapped.answer("fine").parts)
    }).pipe(Effect.scoped, Effect.provide(Persistence.layerBackingMemory))
  )
})
