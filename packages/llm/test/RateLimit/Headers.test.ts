/** Rate limits in the headers of providers, and calls that respect them. */
import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "fast-check"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as RateLimitHeaders from "../../src/RateLimit/Headers.ts"
import * as PromptEstimate from "../../src/PromptEstimate.ts"
import * as RateLimit from "../../src/RateLimit.ts"
import * as Wrapped from "../Wrapped.ts"

const headersOf = (fields: Readonly<Record<string, string>>) => new Headers(fields)

describe("the headers of rate limits", () => {
  const openAi = (reset: string, more: Readonly<Record<string, string>> = {}) =>
    RateLimitHeaders.parse(
      headersOf({
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": reset,
        ...more
      })
    )

  it("contain durations in many formats", () => {
    const resets: ReadonlyArray<readonly [string, number]> = [
      ["1s", 1_000],
      ["6m0s", 360_000],
      ["120ms", 120],
      ["7.66s", 7_660],
      ["1h2m3s", 3_723_000],
      ["1d2h", 93_600_000],
      ["2m59.56s", 179_560],
      ["12", 12_000],
      ["0", 0]
    ]
    for (const [text, resetMillis] of resets) {
      assert.deepStrictEqual(openAi(text), [{ of: "requests", limit: 60, remaining: 59, resetMillis }], text)
    }
  })

  it("are ignored if they make no sense", () => {
    for (const text of ["", "soon", "1x", "-1", "1s2", "1735689600", "2026-03-03T10:00:00Z"]) {
      assert.deepStrictEqual(openAi(text), [], text)
    }
    for (const limit of ["0", "-1", "many", "1e9"]) {
      assert.deepStrictEqual(openAi("1s", { "x-ratelimit-limit-requests": limit }), [], limit)
    }
    assert.deepStrictEqual(openAi("1s", { "x-ratelimit-remaining-requests": "70" }), [
      { of: "requests", limit: 60, remaining: 60, resetMillis: 1_000 }
    ])
  })

  it("contain times of the provider's own clock", () => {
    const fields = (of: string, remaining: string) => ({
      [`anthropic-ratelimit-${of}-limit`]: "1000",
      [`anthropic-ratelimit-${of}-remaining`]: remaining,
      [`anthropic-ratelimit-${of}-reset`]: "2020-01-01T00:00:30Z"
    })
    const states = RateLimitHeaders.parse(
      headersOf({
        date: "Wed, 01 Jan 2020 00:00:10 GMT",
        ...fields("requests", "999"),
        ...fields("input-tokens", "10"),
        ...fields("output-tokens", "0")
      })
    )
    assert.deepStrictEqual(states, [
      { of: "requests", limit: 1_000, remaining: 999, resetMillis: 20_000 },
      { of: "input-tokens", limit: 1_000, remaining: 10, resetMillis: 20_000 },
      { of: "output-tokens", limit: 1_000, remaining: 0, resetMillis: 20_000 }
    ])
    // Without a date, the distance of that time is unknown.
    assert.deepStrictEqual(RateLimitHeaders.parse(headersOf(fields("requests", "999"))), [])
  })
})

// --- calls ------------------------------------------------------------------------------------------------------------------------

interface Sold {
  readonly requests?: number
  readonly tokens?: number
}

/**
 * A provider with limits per minute, counted as providers do: usage is restored evenly. It reports
 * the rest when an answer starts, and refuses excess calls.
 */
const selling = (limits: Sold, options: { readonly tokens?: number; readonly takesMillis?: number } = {}) => {
  const { takesMillis = 500, tokens = 100 } = options
  const left: Record<string, number> = { ...limits }
  let at: number | undefined
  let refused = 0
  let served = 0
  const take = (of: keyof Sold, amount: number, now: number): boolean => {
    const limit = limits[of]
    if (limit === undefined) return true
    left[of] = Math.min(limit, left[of]! + ((now - (at ?? now)) * limit) / 60_000)
    if (left[of] < amount) return false
    left[of] -= amount
    return true
  }
  const states = () =>
    (["requests", "tokens"] as const).flatMap((of): ReadonlyArray<Llm.RateLimitState> => {
      const limit = limits[of]
      if (limit === undefined) return []
      const remaining = left[of]!
      return [{ of, limit, remaining: Math.floor(remaining), resetMillis: ((limit - remaining) * 60_000) / limit }]
    })
  const made = Wrapped.model((request) =>
    Effect.clockWith((clock) =>
      Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        const accepted = take("requests", 1, now) && take("tokens", tokens, now)
        at = now
        const told = states()
        if (!accepted) {
          refused++
          const refusal = Wrapped.failure(new Llm.RateLimited({ description: "slow down", retryAfterMillis: 1_000 }))
          return Effect.sleep(takesMillis / 5).pipe(
            Effect.andThen(Effect.sync(() => request.onRateLimits?.(told))),
            Effect.andThen(Effect.fail(refusal))
          )
        }
        served++
        const usage = { ...Wrapped.answer("x").usage, inputTokens: tokens - 20, outputTokens: 20 }
        // The answer starts halfway.
        return Effect.sleep(takesMillis / 2).pipe(
          Effect.tap(() => Effect.sync(() => request.onRateLimits?.(told))),
          Effect.andThen(Effect.sleep(takesMillis / 2)),
          Effect.as({ ...Wrapped.answer("fine"), usage })
        )
      })
    )
  )
  return { ...made, refused: () => refused, served: () => served }
}

const all = (
  count: number,
  model: Llm.Model,
  request = Wrapped.request("Hello", { options: { maxOutputTokens: 20 } })
) =>
  Effect.forEach(Array.from({ length: count }), () => Wrapped.outcome(model.generate(request)), {
    concurrency: "unbounded"
  })

const limitedTo = Effect.fnUntraced(function* (model: Llm.Model) {
  const limiter = yield* RateLimit.makeLocalLimiter
  return RateLimit.make({ limiter, key: "a" })(model)
})

describe("calls under a provider's own rate limit", () => {
  it.effect("use what is left, and then what is restored, without a refusal", () =>
    Effect.gen(function* () {
      const provider = selling({ requests: 60 })
      const model = yield* limitedTo(provider.model)
      // The limit is unknown before the first answer.
      const first = yield* Effect.forkChild(model.generate(Wrapped.request()))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(first)
      const said = Wrapped.notices()
      const rest = yield* Effect.forkChild(all(180, model, Wrapped.request("Hello", said)))
      yield* TestClock.adjust(200_000)
      assert.deepStrictEqual([...new Set(yield* Fiber.join(rest))], ["fine"])
      assert.strictEqual(provider.refused(), 0)
      // 60 at once, 120 more at one a second.
      const took = (provider.times.at(-1)! - provider.times[1]!) / 1_000
      assert.isAtLeast(took, 115)
      assert.isAtMost(took, 132)
      assert.deepStrictEqual([...new Set(said.kinds())], ["limited"])
      assert.isAtLeast(said.all.length, 118)
      assert.match(
        said.all[0]!.message,
        /^The call waited \d+ ms for the provider's own rate limit: \d+ of 60 requests were left\.$/
      )
    })
  )

  it.effect("are no faster for tokens, though they were estimated too low", () =>
    Effect.gen(function* () {
      yield* PromptEstimate.counter
      // A call is estimated at about 60 tokens; it uses 100.
      const provider = selling({ requests: 10_000, tokens: 6_000 })
      const model = yield* limitedTo(provider.model)
      const first = yield* Effect.forkChild(model.generate(Wrapped.request()))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(first)
      for (let round = 0; round < 6; round++) {
        const some = yield* Effect.forkChild(all(30, model))
        yield* TestClock.adjust(60_000)
        yield* Fiber.join(some)
      }
      assert.strictEqual(provider.served() + provider.refused(), 181)
      assert.isAtMost(provider.refused(), 2)
    })
  )

  it.effect("are not delayed by token estimates that are too high", () =>
    Effect.gen(function* () {
      yield* PromptEstimate.counter
      // A call is estimated at more than 500 tokens; it uses 100.
      const provider = selling({ tokens: 6_000 })
      const limiter = yield* RateLimit.makeLocalLimiter
      const processes = Array.from({ length: 4 }, () => RateLimit.make({ limiter, key: "a" })(provider.model))
      for (const model of processes) {
        const first = yield* Effect.forkChild(model.generate(Wrapped.request()))
        yield* TestClock.adjust(500)
        yield* Fiber.join(first)
      }
      const rest = yield* Effect.forkChild(
        Effect.forEach(processes, (model) => all(60, model, Wrapped.request()), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1_500_000)
      yield* Fiber.join(rest)
      assert.isAtMost(provider.refused(), 5)
      // 60 at once and 60 in each of three minutes; based on the estimates, it would take 212 s.
      assert.isAtMost(provider.times.at(-1)! - provider.times[4]!, 200_000)
    })
  )

  it.effect("wait for other users of the same account", () =>
    Effect.gen(function* () {
      const provider = selling({ requests: 60 })
      const ours = yield* limitedTo(provider.model)
      const first = yield* Effect.forkChild(ours.generate(Wrapped.request()))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(first)
      // Another user takes everything left, and continues to take half of what is restored.
      yield* Effect.forkChild(all(59, provider.model))
      const others = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 60 }), () =>
          Effect.andThen(Effect.sleep(2_000), Wrapped.outcome(provider.model.generate(Wrapped.request())))
        )
      )
      yield* TestClock.adjust(2_000)
      // The next call learns about it.
      const next = yield* Effect.forkChild(all(1, ours))
      yield* TestClock.adjust(500)
      yield* Fiber.join(next)
      const mine = yield* Effect.forkChild(all(40, ours))
      yield* TestClock.adjust(200_000)
      const outcomes = yield* Fiber.join(mine)
      yield* Fiber.join(others)
      const refused = outcomes.filter((each) => each !== "fine").length
      // Not all usage of others can be known in time.
      assert.isAtMost(refused, 16)
    })
  )

  it.effect("of several processes with a shared limiter share what is left", () =>
    Effect.gen(function* () {
      const provider = selling({ requests: 60 })
      const limiter = yield* RateLimit.makeLocalLimiter
      const processes = Array.from({ length: 6 }, () => RateLimit.make({ limiter, key: "a" })(provider.model))
      // 54 are used, in turns, so that every process learns about it.
      for (let round = 0; round < 9; round++) {
        const use = Effect.forEach(processes, (model) => all(1, model), { concurrency: "unbounded" })
        const before = yield* Effect.forkChild(use)
        yield* TestClock.adjust(500)
        yield* Fiber.join(before)
      }
      assert.strictEqual(provider.refused(), 0)
      const rest = yield* Effect.forkChild(
        Effect.forEach(processes, (model) => all(10, model), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(200_000)
      yield* Fiber.join(rest)
      // Their information differs slightly. Without sharing, 50 of the 60 are refused: each process
      // takes everything left.
      assert.isAtMost(provider.refused(), 10)
      assert.isAtLeast(provider.times.at(-1)! - provider.times[54]!, 30_000)
    })
  )

  it.effect("of a model that is looked up again count for the same model", () =>
    Effect.gen(function* () {
      const state: Llm.RateLimitState = { of: "requests", limit: 60, remaining: 0, resetMillis: 60_000 }
      const { model, times } = Wrapped.model((request) => {
        request.onRateLimits?.([state])
        return Effect.succeed(Wrapped.answer("fine"))
      })
      const limiter = yield* RateLimit.makeLocalLimiter
      const wrap = RateLimit.make({ limiter, key: "a" })
      yield* wrap(model).generate(Wrapped.request())
      yield* wrap({ ...model, reference: "fake/other" }).generate(Wrapped.request())
      const again = yield* Effect.forkChild(wrap(model).generate(Wrapped.request()), { startImmediately: true })
      assert.strictEqual(times.length, 2)
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(again)
      assert.strictEqual(times.length, 3)
    })
  )

  it.effect("one per minute is made, however little is left", () =>
    Effect.gen(function* () {
      const nothingLeft: Llm.RateLimitState = { of: "requests", limit: 200, remaining: 0, resetMillis: 86_400_000 }
      const { model, times } = Wrapped.model((request) => {
        request.onRateLimits?.([nothingLeft])
        return Effect.succeed(Wrapped.answer("fine"))
      })
      const limited = yield* limitedTo(model)
      yield* limited.generate(Wrapped.request())
      const rest = yield* Effect.forkChild(all(5, limited))
      yield* TestClock.adjust(301_000)
      yield* Fiber.join(rest)
      assert.deepStrictEqual(
        times.map((time) => time - times[0]!),
        [0, 60_000, 120_000, 180_000, 240_000, 300_000]
      )
    })
  )

  it.effect("that are interrupted while waiting do not delay others", () =>
    Effect.gen(function* () {
      const one: Llm.RateLimitState = { of: "requests", limit: 60, remaining: 0, resetMillis: 60_000 }
      const { model, times } = Wrapped.model((request) => {
        request.onRateLimits?.([one])
        return Effect.succeed(Wrapped.answer("fine"))
      })
      const limited = yield* limitedTo(model)
      yield* limited.generate(Wrapped.request())
      const waiting = yield* Effect.forkChild(all(30, limited), { startImmediately: true })
      const other = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust(2_000)
      yield* Fiber.join(other)
      assert.strictEqual(times.length, 2)
    })
  )

  it.effect("are not delayed by an exhausted limit that has been restored, nor if headers are ignored", () =>
    Effect.gen(function* () {
      const state: Llm.RateLimitState = { of: "tokens", limit: 10, remaining: 0, resetMillis: 1_000 }
      const { model, times } = Wrapped.model((request) => {
        request.onRateLimits?.([state])
        return Effect.succeed(Wrapped.answer("fine"))
      })
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a" })(model)
      yield* limited.generate(Wrapped.request())
      // More than the whole limit passes when the limit is fully restored.
      const second = yield* Effect.forkChild(limited.generate(Wrapped.request()))
      yield* TestClock.adjust(1_100)
      yield* Fiber.join(second)
      const heedless = RateLimit.make({ limiter, key: "a", headers: false })(model)
      yield* heedless.generate(Wrapped.request())
      yield* heedless.generate(Wrapped.request())
      assert.strictEqual(times.length, 4)
    })
  )

  it.effect("respect configured numbers as well", () =>
    Effect.gen(function* () {
      const provider = selling({ requests: 600 })
      const limiter = yield* RateLimit.makeLocalLimiter
      const limited = RateLimit.make({ limiter, key: "a", requestsPerMinute: 60 })(provider.model)
      const fiber = yield* Effect.forkChild(all(30, limited))
      yield* TestClock.adjust(60_000)
      yield* Fiber.join(fiber)
      for (let at = 1; at < 30; at++) assert.isAtLeast(provider.times[at]! - provider.times[at - 1]!, 1_000)
    })
  )

  it.effect("every call is made eventually, whatever a provider reports", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(
            FastCheck.record({
              of: FastCheck.constantFrom("requests", "tokens", "input-tokens", "output-tokens"),
              limit: FastCheck.integer({ min: 1, max: 1_000 }),
              used: FastCheck.integer({ min: 0, max: 1_000 }),
              resetMillis: FastCheck.nat(200_000)
            }),
            { maxLength: 4 }
          ),
          FastCheck.integer({ min: 1, max: 12 }),
          (said, count) =>
            Effect.gen(function* () {
              let call = 0
              const { model, times } = Wrapped.model((request) => {
                const state = said[call++ % Math.max(1, said.length)]
                if (state !== undefined) {
                  const { limit, of, resetMillis, used } = state
                  request.onRateLimits?.([{ of, limit, remaining: Math.max(0, limit - used), resetMillis }])
                }
                return Effect.delay(Effect.succeed(Wrapped.answer("fine")), 300)
              })
              const limited = yield* limitedTo(model)
              const fiber = yield* Effect.forkChild(all(count, limited))
              yield* TestClock.adjust(count * 61_000 + 60_000)
              yield* Fiber.join(fiber)
              assert.strictEqual(times.length, count)
            }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)
        ),
        { numRuns: 200 }
      )
    )
  )
})
