/**
 * A worker process of the test of shared rates: makes all its calls at once on a signal of its
 * parent, under a rate shared through Redis, and reports the slots they were given, by the clock of
 * Redis. Arguments: base URL of the provider, URL of Redis, name of the run, own name, calls,
 * requests per minute, and the error of its clock in milliseconds.
 */
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiters from "effect/persistence/RateLimiter"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import * as RedisRateStore from "../../src/RateLimit/RedisStore.ts"
import * as OpenAi from "../../src/OpenAi.ts"
import * as RateLimit from "../../src/RateLimit.ts"

const [baseURL = "", redis = "", run = "", name = "", calls = "0", requestsPerMinute = "0", skew = "0"] =
  process.argv.slice(2)

/** The time of the request, and the slot that was given. */
export interface Grant {
  readonly call: string
  readonly at: number
  readonly moment: number
}

const Call = Context.Reference<string>("test/Paced/Call", { defaultValue: () => "" })

const program = Effect.gen(function* () {
  const grants: Array<Grant> = []
  const prefix = "crewline-test:rate:"
  const take = yield* RedisRateStore.makeTake(prefix)
  const store: RateLimiters.RateLimiterStore["Service"] = {
    ...(yield* RedisRateStore.make(prefix)),
    tokenBucket: (options) =>
      Effect.gen(function* () {
        const { at, elapsedMillis, remaining } = yield* take(options)
        const delay = Math.max(0, Math.ceil(-remaining) * Duration.toMillis(options.refillRate) - elapsedMillis)
        grants.push({ call: yield* Call, at, moment: at + delay })
        return [remaining, elapsedMillis] as const
      })
  }
  const limiter = yield* Effect.provideService(RateLimiters.make, RateLimiters.RateLimiterStore, store)
  const plain = OpenAi.make({ baseURL, apiKey: Redacted.make("none") }).model("fake")
  const model = RateLimit.make({ limiter, key: run, requestsPerMinute: Number(requestsPerMinute) })(plain)
  const request = (content: string) =>
    ({ messages: [{ role: "user", content }], tools: [], toolChoice: "none" }) as const
  // The first call of a process loads and connects; it is not measured.
  yield* plain.generate(request("warm"))
  process.send?.("ready")
  yield* Effect.promise(() => once(process, "message"))
  yield* Effect.forEach(
    Array.from({ length: Number(calls) }, (_, index) => `${name}/${index}`),
    (call) => Effect.provideService(model.generate(request(call)), Call, call),
    { concurrency: "unbounded", discard: true }
  )
  process.send?.(grants)
}).pipe(Effect.provide(RedisConnection.layer({ url: Redacted.make(redis), name: "crewline-test-paced" })))

const wrongClock = Effect.map(Clock.Clock, (clock): Clock.Clock => {
  const wrong: Clock.Clock = Object.create(clock)
  const now = () => clock.currentTimeMillisUnsafe() + Number(skew)
  return Object.assign(wrong, { currentTimeMillisUnsafe: now, currentTimeMillis: Effect.sync(now) })
})

await Effect.runPromise(Effect.flatMap(wrongClock, (clock) => Effect.provideService(program, Clock.Clock, clock)))
process.disconnect?.()
