/** The remaining rate limit of a provider, shared over a real Redis. */
import type * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as RedisRateStore from "../../src/RateLimit/RedisStore.ts"
import * as RateLimit from "../../src/RateLimit.ts"
import * as RedisServer from "../../../queue-redis/test/RedisServer.ts"
import * as Wrapped from "../Wrapped.ts"

const { missing } = RedisServer
const redis = RedisServer.layerNamed("crewline-test-told")

const suite = missing === undefined ? describe : describe.skip
suite(`limits that providers tell${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  it("give two processes the remaining calls together, not to each", () =>
    Effect.gen(function* () {
      const key = `t${process.pid}-${Math.random().toString(36).slice(2)}`
      const told: Llm.RateLimitState = { of: "requests", limit: 100, remaining: 3, resetMillis: 19_400 }
      const said = Wrapped.notices()
      const { model } = Wrapped.model((request) => {
        // Only the first call of each gets information.
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
      // Three are left, and five a second come back: alone, each process would send its three at
      // once.
      yield* Effect.forEach(
        processes.flatMap((each) => [each, each, each]),
        (each) => each.generate(Wrapped.request("Hello", said)),
        { concurrency: "unbounded" }
      )
      expect(said.all.length).toBeGreaterThanOrEqual(4)
      expect(new Set(said.kinds())).toEqual(new Set(["limited"]))
    }).pipe(Effect.provide(redis), Effect.runPromise))
})
