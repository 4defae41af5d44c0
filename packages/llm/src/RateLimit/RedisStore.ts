/**
 * The store of Effect's rate limiter on Redis, with the moments of a token bucket told by the clock of Redis instead of those of the
 * processes: however far their clocks are apart, what they are given is one even sequence. One key a bucket, so that it has one slot
 * in a cluster.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiters from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"

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

// KEYS: the bucket, a hash. ARGV: tokens to take, milliseconds that one token takes, what the bucket holds at most, whether it may owe.
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
    lua: `
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local tokens, refill, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call("HMGET", KEYS[1], "tokens", "last")
local current, last = tonumber(known[1]), tonumber(known[2])
if not current or not last then
  current, last = limit, now
end
-- Another Redis took over, whose clock is behind: no debt is forgiven.
if last > now then last = now end
local refills = math.floor((now - last) / refill)
if refills > 0 then
  current = math.min(limit, current + refills)
  last = last + refills * refill
end
if current >= limit then last = now end
local left = current - tokens
if ARGV[4] == "1" or left >= 0 then
  redis.call("HSET", KEYS[1], "tokens", string.format("%.17g", left), "last", string.format("%.3f", last))
  redis.call("PEXPIRE", KEYS[1], math.ceil(math.max(1, limit - left) * refill) + 60000)
end
return { string.format("%.17g", left), string.format("%.3f", math.max(0, now - last)), string.format("%.3f", now) }
`
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
              message: "Redis, which holds the rate limits, did not answer.",
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
