/**
 * Limits requests and tokens per minute with Effect's rate limiter, in process or shared by all
 * processes on one Redis; also respects the provider's own limits as reported in its headers, with
 * or without such numbers (`ToldLimits`).
 *
 * Calls are spread evenly (60 per minute: one per second), so no window of one minute exceeds the
 * limit. Each call reserves its moment on arrival and sleeps until then without holding resources;
 * it records a `limited` notice if it had to wait. Tokens are reserved by estimate and corrected by
 * the actual usage. After a 429, no call is sent until the provider's `Retry-After` has passed, and
 * the refused pace is learned. If the store does not answer, calls are made.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Effects from "effect/persistence/RateLimiter"
import type * as Redis from "effect/persistence/Redis"
import { minute } from "./RateLimit/Limit.ts"
import * as Pace from "./RateLimit/Pace.ts"
import * as RedisStore from "./RateLimit/RedisStore.ts"
import * as TokenLots from "./RateLimit/TokenLots.ts"
import * as ToldLimits from "./RateLimit/ToldLimits.ts"

export interface Options {
  readonly limiter: Effects.RateLimiter
  /** What counts together, an account at a provider for example. */
  readonly key: string
  /** What people call it. Default: the key. */
  readonly name?: string
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  /**
   * Calls that may go at once after a pause; a minute can then have as many more than it should.
   * Default: 1.
   */
  readonly burst?: number
  /** How long no call is sent after a 429 that does not say, in milliseconds. Default: 1,000. */
  readonly pauseMillis?: number
  /** `false`: what the provider says in its headers is not heeded. */
  readonly headers?: false
}

/** A limiter for this process alone. */
export const makeLocalLimiter: Effect.Effect<Effects.RateLimiter> = Effect.provide(
  Effects.make,
  Effects.layerStoreMemory
)

/** A limiter for all processes on one Redis; what its keys begin with. */
export const makeSharedLimiter: (prefix: string) => Effect.Effect<Effects.RateLimiter, never, Redis.Redis> =
  RedisStore.makeLimiter

export const make = (options: Options): ((model: Llm.Model) => Llm.Model) => {
  const { burst, key, limiter, pauseMillis = 1_000, requestsPerMinute, tokensPerMinute } = options
  const pace = Pace.make({ limiter, key, requestsPerMinute, burst })
  const tokens = tokensPerMinute === undefined ? undefined : TokenLots.make({ limiter, key, tokensPerMinute })
  const name = options.name ?? key
  const limits: Limits = { limiter, key, name, requestsPerMinute, pace, tokens }
  // Outside: a call that waited for the provider takes a moment of the even pace all the same.
  const heedful = options.headers === false ? undefined : ToldLimits.make({ limiter, key })

  return (model) => {
    const { reference } = model
    const admission = admissionOf(reference, limits)

    const feedback = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>, epoch: number, lots: number): Effect.Effect<void> => {
      if (Exit.isSuccess(exit)) return tokens === undefined ? Effect.void : tokens.correct(lots, exit.value.usage)
      const error = Exit.findErrorOption(exit)
      if (error._tag === "None" || error.value.reason._tag !== "RateLimited") return Effect.void
      const retryAfter = Duration.millis(error.value.reason.retryAfterMillis ?? pauseMillis)
      return Effect.ignore(limiter.adaptiveFeedback({ key, epoch, tokens: 1, status: 429, retryAfter }))
    }

    const generate = Effect.fnUntraced(function* (request: Llm.Request) {
      const lots = tokens === undefined ? 0 : yield* tokens.estimate(reference, request)
      const admitted = yield* Effect.result(admission(request, lots))
      if (admitted._tag === "Failure") {
        yield* Effect.logWarning(`The rate limit of ${name} is not enforced: ${admitted.failure.message}`)
        return yield* model.generate(request)
      }
      return yield* Effect.onExit(model.generate(request), (exit) => feedback(exit, admitted.success, lots))
    })

    const limited = { reference, generate }
    return heedful === undefined ? limited : heedful(limited)
  }
}

interface Limits {
  readonly limiter: Effects.RateLimiter
  readonly key: string
  readonly name: string
  readonly requestsPerMinute: number | undefined
  readonly pace: Pace.Pace
  readonly tokens: TokenLots.TokenLots | undefined
}

const fallbackWindow = Duration.millis(minute)

/** Waits for the call's moment; answers the number of the pace that it was admitted under. */
const admissionOf = (reference: string, { key, limiter, name, pace, requestsPerMinute, tokens }: Limits) =>
  Effect.fnUntraced(function* (request: Llm.Request, lots: number) {
    let waited = 0
    const wait = (millis: number) => {
      waited += millis
      return Effect.sleep(millis)
    }
    let taken = false
    let missed = 0
    while (true) {
      // From before the store is asked: its answer may come late, and the moment is no later than
      // this says.
      const asked = yield* Clock.currentTimeMillis
      const delay = Math.max(yield* pace.take, tokens === undefined || taken ? 0 : yield* tokens.take(lots))
      taken = true
      if (delay > 0) yield* wait(delay)
      // A 429 may have come meanwhile. A call that waited for that takes a new moment, or all would
      // go at once.
      const learned = yield* limiter.adaptiveConsume({
        key,
        tokens: 1,
        fallbackLimit: requestsPerMinute ?? minute,
        fallbackWindow
      })
      const pause = Duration.toMillis(learned.delay)
      if (pause > 0) yield* wait(pause)
      if (pause > 0 && learned.phase !== "learned") continue
      const moment = asked + delay + pause
      let left = yield* pace.turn(moment, missed)
      while (left !== "missed" && left > 0) {
        yield* wait(left)
        left = yield* pace.turn(moment, missed)
      }
      if (left === "missed") {
        missed++
        continue
      }
      if (waited >= 1) {
        request.onNotice?.({
          kind: "limited",
          model: reference,
          message: `The call waited ${Math.round(waited)} ms for the rate limit of ${name}${pause > 0 ? ", which the provider set with a 429" : ""}.`,
          delayMillis: Math.round(waited)
        })
      }
      return learned.epoch
    }
  })
