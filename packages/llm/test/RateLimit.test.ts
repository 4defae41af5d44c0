import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as RateLimit from "../src/RateLimit.ts"
import * as Wrapped from "./Wrapped.ts"

const all = (count: number, model: Llm.Model, request: Llm.Request) =>
  Effect.forEach(Array.from({ length: count }), () => Wrapped.outcome(model.generate(request)), {
    concurrency: "unbounded"
  })

/** The maximum number of calls that started within any window of this many milliseconds. */
const densest = (times: ReadonlyArray<number>, window: number): number => {
  const sorted = times.toSorted((a, b) => a - b)
  let most = 0
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= window) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe("RateLimit", () => {
  it.effect("300 calls at 60 a minute never exceed that in any minute, and take five minutes", () =>
    Effect.gen(function* () {
      const { model, times } = Wrapped.succeeding()
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", requestsPerMinute: 60 })(model)
      const said = Wrapped.notices()
      const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const fiber = yield* Effect.forkChild(all(300, limited, Wrapped.request("x", said)))
      yield* TestClock.adjust(400_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(times.length, 300)
      assert.isAtMost(densest(times, 60_000), 60)
      assert.isAtMost(densest(times, 1_000), 1)
      const took = Math.max(...times) - began
      assert.isAtLeast(took, 270_000)
      assert.isAtMost(took, 330_000)
      assert.deepStrictEqual([...new Set(said.kinds())], ["limited"])
      assert.strictEqual(said.all.length, 299)
    })
  )

  it.effect("respects every minute in several processes whose store answers late", () =>
    Effect.gen(function* () {
      const { model, times } = Wrapped.succeeding()
      const limiter = yield* RateLimit.makeLocalLimiter
      let random = 42
      const next = () => (random = (random * 48_271) % 2_147_483_647)
      // One answer in five arrives up to six seconds late.
      const lag = () => (next() % 5 === 0 ? next() % 6_000 : next() % 50)
      const slow: typeof limiter = {
        ...limiter,
        consume: (options) => Effect.tap(limiter.consume(options), () => Effect.sleep(lag()))
      }
      const processes = Array.from({ length: 4 }, () =>
        RateLimit.make({ limiter: slow, key: "a", requestsPerMinute: 60 })(model)
      )
      const calls = processes.map((process, index) =>
        // Not all at once: a slot reserved while no call waits is the one that is missed.
        Effect.forEach(
          Array.from({ length: 75 }, (_, call) => call),
          (call) => Effect.delay(process.generate(Wrapped.request()), call * 3_000 + index * 700),
          { concurrency: "unbounded" }
        )
      )
      const fiber = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
      yield* TestClock.adjust(900_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(times.length, 300)
      assert.isAtMost(densest(times, 60_000), 60)
      // Only missed slots are lost.
      assert.isAtMost(Math.max(...times), 450_000)
    })
  )

  it.effect("a process that always misses its slots makes its calls in the end", () =>
    Effect.gen(function* () {
      const { model, times } = Wrapped.succeeding()
      const limiter = yield* RateLimit.makeLocalLimiter
      const slow: typeof limiter = {
        ...limiter,
        consume: (options) => Effect.tap(limiter.consume(options), () => Effect.sleep(5_000))
      }
      const limited = RateLimit.make({ limiter: slow, key: "a", requestsPerMinute: 60 })(model)
      const fiber = yield* Effect.forkChild(limited.generate(Wrapped.request()))
      yield* TestClock.adjust(60_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(times.length, 1)
    })
  )

  it.live("keeps its pace with the real clock, too", () =>
    Effect.gen(function* () {
      const { model, times } = Wrapped.succeeding()
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", requestsPerMinute: 3_000 })(model)
      const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* all(75, limited, Wrapped.request())
      const took = Math.max(...times) - began
      // Their exact spacing depends on the machine; without a limit they take no time at all.
      assert.isAtLeast(took, 1_350)
    })
  )

  it.effect("counts estimated tokens, and corrects them by the actual usage", () =>
    Effect.gen(function* () {
      const usage = { ...Wrapped.answer("x").usage, inputTokens: 400, outputTokens: 600 }
      const { model, times } = Wrapped.model(() => Effect.succeed({ ...Wrapped.answer("x"), usage }))
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", tokensPerMinute: 10_000 })(model)
      for (let call = 0; call < 21; call++) {
        const fiber = yield* Effect.forkChild(limited.generate(Wrapped.request()))
        yield* TestClock.adjust(20_000)
        yield* Fiber.join(fiber)
      }
      // After a sufficient pause, no call waits …
      assert.isAtMost(times[20]! - times[0]!, 20 * 20_000)
      const before = times.length
      const fiber = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 21 }), () => limited.generate(Wrapped.request()))
      )
      yield* TestClock.adjust(300_000)
      yield* Fiber.join(fiber)
      // … and in sequence, at 1,000 tokens each, 20 more calls take the time of 20,000 tokens.
      const took = times.at(-1)! - times[before]!
      assert.isAtLeast(took, 110_000)
      assert.isAtMost(took, 132_000)
    })
  )

  it.effect("makes no call during a 429, and keeps its pace afterwards", () =>
    Effect.gen(function* () {
      const limitedReason = new Llm.RateLimited({ description: "slow down", retryAfterMillis: 30_000 })
      const { model, times } = Wrapped.model((_, call) =>
        call === 5 ? Effect.fail(Wrapped.failure(limitedReason)) : Effect.succeed(Wrapped.answer("fine"))
      )
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", requestsPerMinute: 60 })(model)
      const fiber = yield* Effect.forkChild(all(60, limited, Wrapped.request()))
      yield* TestClock.adjust(200_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(times.length, 60)
      assert.isAtLeast(times[5]! - times[4]!, 30_000)
      assert.isAtMost(densest(times, 1_000), 1)
    })
  )

  it.effect("a call interrupted while waiting does not delay others", () =>
    Effect.gen(function* () {
      const { model, times } = Wrapped.succeeding()
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", requestsPerMinute: 60 })(model)
      yield* limited.generate(Wrapped.request())
      const waiting = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      const other = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust(2_100)
      yield* Fiber.join(other)
      assert.strictEqual(times.length, 2)
    })
  )
})
