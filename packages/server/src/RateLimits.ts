/**
 * Limits the requests per minute of a caller and of a tenant. Nothing is limited unless configured,
 * and no limit means no cost. All servers on one Redis share the counts; without Redis, each
 * process has its own. While Redis does not respond, requests are allowed.
 *
 * A minute's worth of requests may arrive at once; then requests are allowed at the even rate of
 * the limit. Answers carry `RateLimit-Policy` and `RateLimit` as
 * draft-ietf-httpapi-ratelimit-headers-11 defines them, a refused one `Retry-After` too.
 */
import * as RateLimit from "@crewline/llm/RateLimit"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Limiter from "effect/persistence/RateLimiter"
import * as Schema from "effect/Schema"
import * as Problem from "./Api/Problem.ts"
import type { Principal } from "./Principal.ts"

export interface Options {
  /** Of each key, and of each user of tokens. */
  readonly keyPerMinute?: number | undefined
  /** Of all callers of a tenant together. */
  readonly tenantPerMinute?: number | undefined
}

/** Headers of an answer. */
export type Headers = { readonly [name: string]: string }

/** The remaining quota after a request, and its response headers. */
export interface Taken {
  readonly headers: Headers
  /** The request is refused. */
  readonly problem?: Problem.Problem<"rate-limited">
}

export class RateLimits extends Context.Service<
  RateLimits,
  {
    /** Counts a request of this caller; undefined: nothing is limited. */
    readonly take: ((principal: Principal) => Effect.Effect<Taken>) | undefined
  }
>()("@crewline/server/RateLimits") {}

const windowSeconds = 60
/** How long a request waits for Redis, and for how long after that none waits. */
const patience = "500 millis"
const pauseMillis = 5_000

interface Limit {
  /** Its name in the headers. */
  readonly policy: "key" | "tenant"
  readonly limit: number
  readonly keyOf: (principal: Principal) => string
}

/** The current state of a limit. */
interface Standing extends Limit {
  readonly remaining: number
  /** The time until the full quota is available again; when refused, until the next request. */
  readonly resetSeconds: number
  readonly isExceeded: boolean
}

const limitsOf = ({ keyPerMinute, tenantPerMinute }: Options): ReadonlyArray<Limit> => [
  ...(keyPerMinute === undefined
    ? []
    : [
        {
          policy: "key" as const,
          limit: keyPerMinute,
          keyOf: ({ key, name, tenant }: Principal) => `key:${key?.id ?? JSON.stringify([tenant, name])}`
        }
      ]),
  ...(tenantPerMinute === undefined
    ? []
    : [{ policy: "tenant" as const, limit: tenantPerMinute, keyOf: ({ tenant }: Principal) => `tenant:${tenant}` }])
]

const secondsOf = (duration: Duration.Duration): number => Math.max(1, Math.ceil(Duration.toSeconds(duration)))

const headersOf = (standings: ReadonlyArray<Standing>): Headers => ({
  "ratelimit-policy": standings.map(({ limit, policy }) => `"${policy}";q=${limit};w=${windowSeconds}`).join(", "),
  ratelimit: standings.map(({ policy, remaining, resetSeconds: t }) => `"${policy}";r=${remaining};t=${t}`).join(", ")
})

const refusalOf = ({ limit, policy, resetSeconds }: Standing): Problem.Problem<"rate-limited"> =>
  Problem.make("rate-limited", {
    limit: policy,
    retryAfterSeconds: resetSeconds,
    detail:
      `${policy === "key" ? "This credential" : "The tenant"} may send ${limit} requests per minute: ` +
      `try again in ${resetSeconds} ${resetSeconds === 1 ? "second" : "seconds"}.`
  })

const make = Effect.fnUntraced(function* (options: Options) {
  const limiter = yield* Limiter.RateLimiter
  const limits = limitsOf(options)
  /** Redis did not respond: it is not called again until then. */
  let pausedUntil = 0

  const letThrough = Effect.gen(function* () {
    pausedUntil = (yield* Clock.currentTimeMillis) + pauseMillis
    yield* Effect.logWarning("Request limits are not enforced because Redis does not answer")
    return undefined
  })

  const consume = (limit: Limit, principal: Principal): Effect.Effect<Standing | undefined> =>
    limiter
      .consume({
        algorithm: "token-bucket",
        window: Duration.seconds(windowSeconds),
        limit: limit.limit,
        key: limit.keyOf(principal)
      })
      .pipe(
        Effect.map(({ remaining, resetAfter }) => ({
          ...limit,
          remaining,
          resetSeconds: secondsOf(resetAfter),
          isExceeded: false
        })),
        Effect.catchReason("RateLimiterError", "RateLimitExceeded", ({ retryAfter }) =>
          Effect.succeed({ ...limit, remaining: 0, resetSeconds: secondsOf(retryAfter), isExceeded: true })
        ),
        Effect.timeout(patience),
        Effect.catch(() => letThrough)
      )

  const standing = (limit: Limit, principal: Principal) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now < pausedUntil ? Effect.succeed(undefined) : consume(limit, principal)
    )

  const take = Effect.fnUntraced(function* (principal: Principal) {
    const standings: Array<Standing> = []
    for (const limit of limits) {
      const found = yield* standing(limit, principal)
      if (found === undefined) continue
      standings.push(found)
      // The tenant is not charged for requests that the key's limit refuses.
      if (found.isExceeded) break
    }
    if (standings.length === 0) return { headers: {} }
    const headers = headersOf(standings)
    const exceeded = standings.find(({ isExceeded }) => isExceeded)
    if (exceeded === undefined) return { headers }
    return { headers: { ...headers, "retry-after": `${exceeded.resetSeconds}` }, problem: refusalOf(exceeded) }
  })

  return RateLimits.of({ take })
})

/** Counts in this process. */
const local = Layer.effect(Limiter.RateLimiter, RateLimit.makeLocalLimiter)

/**
 * Counts of all processes on the Redis of `REDIS_URL`, which is loaded only where it is configured.
 */
const shared = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* Config.withDefault(Config.String("REDIS_URL"), "")
    if (url.trim() === "") return local
    const prefix = yield* Config.withDefault(Config.NonEmptyString("CREWLINE_REDIS_PREFIX"), "crewline")
    const RedisConnection = yield* Effect.promise(() => import("@crewline/queue-redis/RedisConnection"))
    return Layer.effect(Limiter.RateLimiter, RateLimit.makeSharedLimiter(`${prefix}:requests:`)).pipe(
      Layer.provide(RedisConnection.layerConfig)
    )
  })
)

export const layer = (options: Options = {}) =>
  limitsOf(options).length === 0
    ? Layer.succeed(RateLimits, { take: undefined })
    : Layer.effect(RateLimits, make(options)).pipe(Layer.provide(shared))

const count = (variable: string) =>
  Config.withDefault(
    Config.schema(
      Schema.FiniteFromString.check(
        Schema.isInt({ expected: "a whole number" }),
        Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" })
      ),
      variable
    ),
    undefined
  )

/**
 * `CREWLINE_KEY_REQUESTS_PER_MINUTE` and `CREWLINE_TENANT_REQUESTS_PER_MINUTE`; without them
 * nothing is limited.
 */
export const config: Config.Config<Options> = Config.all({
  keyPerMinute: count("CREWLINE_KEY_REQUESTS_PER_MINUTE"),
  tenantPerMinute: count("CREWLINE_TENANT_REQUESTS_PER_MINUTE")
})

/**
 * `CREWLINE_TENANT_MAX_UNFINISHED`: maximum number of executions of a tenant that have not ended;
 * default: no limit.
 */
export const maxUnfinishedConfig: Config.Config<number | undefined> = count("CREWLINE_TENANT_MAX_UNFINISHED")
