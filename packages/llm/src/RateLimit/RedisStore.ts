/**
 * The store of Effect's rate limiter on Redis, with the moments of a token bucket told by the clock
 * of Redis instead of those of the processes: however far their clocks are apart, what they are
 * given is one even sequence. One key a bucket, so that it has one slot in a cluster.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiters from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import * as Lua from "./Lua.ts"

type Store = RateLimiters.RateLimiterStore["Service"]

/** What was taken from a bucket. */
export interface Taken {
  /** Below zero: so many are owed. */
  readonly remaining: number
  /** Since the last refill, in milliseconds. */
  readonly elapsedMillis: number
  /** By the clock of Redis: milliseconds since 1970, with three decimals. */
  readonly at: number
}

const takeScript = Redis.script(
  (key: string, tokens: number, refillMillis: number, limit: number, overflow: 0 | 1) => [
    key,
    tokens,
    refillMillis,
    limit,
    overflow
  ],
  {
    numberOfKeys: 1,
    lua: Lua.take
  }
).withReturnType<readonly [remaining: string, elapsed: string, now: string]>()

/** Takes from a bucket. */
export const makeTake = (
  prefix: string
): Effect.Effect<
  (options: Parameters<Store["tokenBucket"]>[0]) => Effect.Effect<Taken, RateLimiters.RateLimiterError>,
  never,
  Redis.Redis
> =>
  Effect.map(Redis.Redis, (redis) => {
    const take = redis.eval(takeScript)
    return ({ allowOverflow, key, limit, refillRate, tokens }) =>
      Effect.mapBoth(take(`${prefix}${key}`, tokens, Duration.toMillis(refillRate), limit, allowOverflow ? 1 : 0), {
        onFailure: (cause) =>
          new RateLimiters.RateLimiterError({
            reason: new RateLimiters.RateLimitStoreError({
              message: "Redis, which stores the rate limits, did not answer.",
              cause
            })
          }),
        onSuccess: ([remaining, elapsed, now]) => ({
          remaining: Number(remaining),
          elapsedMillis: Number(elapsed),
          at: Number(now)
        })
      })
  })

export const make = (prefix: string): Effect.Effect<Store, never, Redis.Redis> =>
  Effect.gen(function* () {
    const rest = yield* RateLimiters.makeStoreRedis({ prefix })
    const take = yield* makeTake(prefix)
    return {
      ...rest,
      tokenBucket: (options) =>
        Effect.map(take(options), ({ elapsedMillis, remaining }) => [remaining, elapsedMillis] as const)
    }
  })

/** The limiter over this store. */
export const makeLimiter = (prefix: string): Effect.Effect<RateLimiters.RateLimiter, never, Redis.Redis> =>
  Effect.flatMap(make(prefix), (store) =>
    Effect.provideService(RateLimiters.make, RateLimiters.RateLimiterStore, RateLimiters.RateLimiterStore.of(store))
  )
