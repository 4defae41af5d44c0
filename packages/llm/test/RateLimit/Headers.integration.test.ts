/** What is left of a provider's own limit, shared over a real Redis. */
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import type * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import * as RedisRateStore from "../../src/RateLimit/RedisStore.ts"
import * as RateLimit from "../../src/RateLimit.ts"
import * as Wrapped from "../Wrapped.ts"

const url = process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379"
const redis = RedisConnection.layer({ url: Redacted.make(url), name: "crewline-test-told" })
const missing = await Effect.runPromise(
  Effect.match(Effect.provide(Effect.asVoid(Redis.Redis), redis), {
    onFailure: ({ message }) => message,
    onSuccess: () => undefined
  })
)

const suite = missing === undefined ? describe : describe.skip
suite(`limits that providers tell${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  it("leave two processes what is left once, and not once for each", () =>
    Effect.gen(function* () {
      const key = `t${process.pid}-${Math.random().toString(36).slice(2)}`
      const told: Llm.RateLimitState = { of: "requests", limit: 100, remaining: 3, resetMillis: 19_400 }
      const said = Wrapped.notices()
      const { model } = Wrapped.model((request) => {
        // Only the first call of each is told something.
        if (request.messages[0]?.content === "first") request.onRateLimits?.([told])
        return Effect.succeed(Wrapped.answer("fine"))
      })
      const worker = Effect.gen(function* () {
        const limiter = yield* RedisRateStore.makeLimiter("crewline-test:told:")
        const limited = RateLimit.make({ limiter, key })(model)
        yield* limited.generate(Wrapped.request("first"))
        return limited
      })
      const processes = yield* Effect.all([worker, worker, worker])
      // Three are left, and five a second come back: by itself each process would send its three at once.
      yield* Effect.forEach(
        processes.flatMap((each) => [each, each, each]),
        (each) => each.generate(Wrapped.request("Hello", said)),
        { concurrency: "unbounded" }
      )
      expect(said.all.length).toBeGreaterThanOrEqual(4)
      expect(new Set(said.kinds())).toEqual(new Set(["limited"]))
    }).pipe(Effect.provide(redis), Effect.runPromise))
})
