import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as CircuitBreaker from "../src/CircuitBreaker.ts"
import * as Wrapped from "./Wrapped.ts"

describe("CircuitBreaker", () => {
  it.effect("opens, refuses, retries and closes, and reports each", () =>
    Effect.gen(function* () {
      let works = false
      const { asked, model } = Wrapped.model(() =>
        works ? Effect.succeed(Wrapped.answer("fine")) : Effect.fail(Wrapped.overloaded)
      )
      const store = yield* CircuitBreaker.makeLocalStore
      const guarded = CircuitBreaker.make({ store, failures: 2, openMillis: 10_000 })(model)
      const said = Wrapped.notices()
      const call = Wrapped.outcome(guarded.generate(Wrapped.request("x", said)))
      assert.deepStrictEqual([yield* call, yield* call, yield* call], ["Overloaded", "Overloaded", "CircuitOpen"])
      assert.strictEqual(asked.length, 2)
      assert.deepStrictEqual(said.kinds(), ["breaker-opened", "breaker-refused"])
      const error = yield* Effect.flip(guarded.generate(Wrapped.request()))
      assert.isTrue(error.reason.isRetryable)
      assert.deepInclude(error.reason, { retryAfterMillis: 10_000 })
      // The trial call fails: it stays open for twice as long.
      yield* TestClock.adjust(10_000)
      assert.deepStrictEqual([yield* call, yield* call], ["Overloaded", "CircuitOpen"])
      yield* TestClock.adjust(19_999)
      assert.strictEqual(yield* call, "CircuitOpen")
      works = true
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* call, yield* call], ["fine", "fine"])
      assert.strictEqual(said.all.at(-1)?.kind, "breaker-closed")
    })
  )

  it.effect("is not opened by failures unrelated to the provider's health", () =>
    Effect.gen(function* () {
      const reasons = [
        new Llm.InvalidRequest({ description: "x" }),
        new Llm.RateLimited({ description: "x" }),
        new Llm.BudgetExceeded({ description: "x" }),
        new Llm.ContentRefused({ description: "x" })
      ]
      const { asked, model } = Wrapped.model((_, call) => Effect.fail(Wrapped.failure(reasons[call % reasons.length]!)))
      const store = yield* CircuitBreaker.makeLocalStore
      const guarded = CircuitBreaker.make({ store, failures: 1 })(model)
      for (let call = 0; call < 8; call++) yield* Wrapped.outcome(guarded.generate(Wrapped.request()))
      assert.strictEqual(asked.length, 8)
    })
  )

  it.effect("stays open as long as the provider requests", () =>
    Effect.gen(function* () {
      const reason = new Llm.Overloaded({ description: "down", retryAfterMillis: 60_000 })
      const { model } = Wrapped.model(() => Effect.fail(Wrapped.failure(reason)))
      const store = yield* CircuitBreaker.makeLocalStore
      const guarded = CircuitBreaker.make({ store, failures: 1 })(model)
      yield* Wrapped.outcome(guarded.generate(Wrapped.request()))
      yield* TestClock.adjust(59_000)
      assert.strictEqual(yield* Wrapped.outcome(guarded.generate(Wrapped.request())), "CircuitOpen")
    })
  )
})
