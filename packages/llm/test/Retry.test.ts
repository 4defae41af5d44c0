import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Retry from "../src/Retry.ts"
import * as Wrapped from "./Wrapped.ts"

const flaky = (failures: number, error = Wrapped.overloaded) =>
  Wrapped.model((_, call) => (call <= failures ? Effect.fail(error) : Effect.succeed(Wrapped.answer("fine"))))

describe("Retry", () => {
  it.effect("retries after delays within doubling bounds, and reports it", () =>
    Effect.gen(function* () {
      const { model, times } = flaky(3)
      const said = Wrapped.notices()
      const retrying = Retry.make({ initialMillis: 100 })(model)
      const fiber = yield* Effect.forkChild(retrying.generate(Wrapped.request("x", said)))
      yield* TestClock.adjust(1_000)
      assert.strictEqual((yield* Fiber.join(fiber)).model, "model")
      assert.deepStrictEqual(said.kinds(), ["retried", "retried", "retried"])
      const delays = said.all.map(({ delayMillis }) => delayMillis!)
      for (const [index, delay] of delays.entries()) assert.isAtMost(delay, 100 * 2 ** index)
      assert.deepStrictEqual(
        times.slice(1).map((time, index) => time - times[index]!),
        delays
      )
    })
  )

  it.effect("never retries before the time given by the provider, and not at all if that is too late", () =>
    Effect.gen(function* () {
      const limited = (retryAfterMillis: number) =>
        Wrapped.failure(new Llm.RateLimited({ description: "slow down", retryAfterMillis }))
      const { model, times } = flaky(1, limited(5_000))
      const fiber = yield* Effect.forkChild(Retry.make()(model).generate(Wrapped.request()))
      yield* TestClock.adjust(6_000)
      yield* Fiber.join(fiber)
      assert.isAtLeast(times[1]! - times[0]!, 5_000)
      const late = flaky(1, limited(31_000))
      assert.strictEqual(yield* Wrapped.outcome(Retry.make()(late.model).generate(Wrapped.request())), "RateLimited")
    })
  )

  it.effect("gives up after its attempts, and at once if a retry cannot help", () =>
    Effect.gen(function* () {
      const { asked, model } = flaky(9)
      const fiber = yield* Effect.forkChild(
        Wrapped.outcome(Retry.make({ maxAttempts: 3 })(model).generate(Wrapped.request()))
      )
      yield* TestClock.adjust(60_000)
      assert.strictEqual(yield* Fiber.join(fiber), "Overloaded")
      assert.strictEqual(asked.length, 3)
      const wrong = flaky(9, Wrapped.failure(new Llm.Authentication({ description: "wrong key" })))
      yield* Wrapped.outcome(Retry.make()(wrong.model).generate(Wrapped.request()))
      assert.strictEqual(wrong.asked.length, 1)
    })
  )

  it.effect("does not repeat streamed text", () =>
    Effect.gen(function* () {
      const deltas: Array<string> = []
      const { model } = Wrapped.model(({ onDelta }, call) => {
        onDelta?.(call === 1 ? "Once up" : "Once upon a time")
        return call === 1 ? Effect.fail(Wrapped.overloaded) : Effect.succeed(Wrapped.answer("Once upon a time"))
      })
      const request = Wrapped.request("x", { onDelta: (delta) => deltas.push(delta) })
      const fiber = yield* Effect.forkChild(Retry.make()(model).generate(request))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(deltas, ["Once up"])
    })
  )
})
