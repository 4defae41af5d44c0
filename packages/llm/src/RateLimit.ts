/**
 * Keeps calls to so many requests and tokens a minute, over Effect's rate limiter: in process, or shared by all processes on one Redis.
 * And to what the provider says in its headers is left of its own limits, whether or not there are such numbers (`ToldLimits`).
 *
 * Calls are spread evenly (60 a minute: one a second), so that no minute, wherever it begins, has more than it may. Each is given its
 * moment when it comes and sleeps until then, holding nothing; it says `limited` when it had to. Whoever misses his moment by so much
 * that a minute could have too many (a busy process, a slow store) takes a new one. Tokens are taken by estimate and corrected by what
 * was used. After a 429 nobody asks until the provider's `Retry-After` is over, and the pace that was refused is learnt. If the store
 * does not answer, calls are made.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Effects from "effect/persistence/RateLimiter"
import * as ToldLimits from "./RateLimit/ToldLimits.ts"
import * as PromptEstimate from "./PromptEstimate.ts"

export interface Options {
  readonly limiter: Effects.RateLimiter
  /** What counts together, an account at a provider for example. */
  readonly key: string
  /** What people call it. Default: the key. */
  readonly name?: string
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  /** Calls that may go at once after a pause; a minute can then have as many more than it should. Default: 1. */
  readonly burst?: number
  /** How long nobody asks after a 429 that does not say, in milliseconds. Default: 1,000. */
  readonly pauseMillis?: number
  /** `false`: what the provider says in its headers is not heeded. */
  readonly headers?: false
}

/** A limiter for this process alone. */
export const makeLocalLimiter: Effect.Effect<Effects.RateLimiter> = Effect.provide(
  Effects.make,
  Effects.layerStoreMemory
)

const minute = 60_000
/** The pace is so much slower than the limit: what is sent evenly does not arrive so. */
const headroom = 1.02
/** A call may be so much later than its moment, in milliseconds: what the headroom leaves in a minute, but for the way to the provider. */
const tolerance = 1_000
/** Who misses so many moments goes all the same: all are as late, or the process is so busy that it would never ask. */
const mostMissed = 3
/** An answer is expected to be so long where nothing limits it, in tokens. */
const expectedOutput = 500
/** Tokens are counted in lots of at least this many milliseconds. */
const lotMillis = 10

export const make = (options: Options): ((model: Llm.Model) => Llm.Model) => {
  const { key, limiter, name = key, pauseMillis = 1_000, requestsPerMinute, tokensPerMinute } = options
  const interval = requestsPerMinute === undefined ? 0 : (minute * headroom) / requestsPerMinute
  // The limiter counts in milliseconds: of a faster pace, what one of them holds goes at once.
  const burst = Math.max(options.burst ?? 1, interval > 0 ? Math.ceil(1 / interval) : 1)
  const lot = tokensPerMinute === undefined ? 1 : Math.max(1, Math.ceil((tokensPerMinute / minute) * lotMillis))
  const lotInterval = tokensPerMinute === undefined ? 0 : (minute * headroom * lot) / tokensPerMinute
  const fallbackWindow = Duration.millis(minute)

  /** Milliseconds until the moment of a request. */
  const slot = Effect.map(
    limiter.consume({
      algorithm: "token-bucket",
      onExceeded: "delay",
      key: `${key}/requests`,
      limit: burst,
      window: Duration.millis(interval * burst)
    }),
    ({ delay }) => Duration.toMillis(delay)
  )
  const lotWindow = Duration.millis(lotInterval)
  /** Milliseconds until what was taken before is paid off; these tokens delay those who come later. */
  const takeLots = (lots: number) =>
    Effect.map(
      limiter.consume({
        algorithm: "token-bucket",
        onExceeded: "delay",
        key: `${key}/tokens`,
        limit: 1,
        window: lotWindow,
        tokens: lots
      }),
      ({ delay }) => Math.max(0, Duration.toMillis(delay) - Math.ceil(Math.max(0, lots - 1)) * lotInterval)
    )
  // A process that was busy wakes all whose moments passed meanwhile at once: they go one after the other all the same.
  const gap = burst > 1 ? 0 : interval / headroom
  let wentAt = Number.NEGATIVE_INFINITY
  /** Milliseconds until a call may go whose moment this was; `missed`: it is too late for that. */
  const turn = (moment: number) =>
    Effect.map(Clock.currentTimeMillis, (now): number | "missed" => {
      if (now - moment > tolerance) return "missed"
      const millis = wentAt + gap - now
      if (millis > 0) return millis
      wentAt = now
      return 0
    })
  const lotsOf = (tokens: number) => tokens / lot
  // Outside: whoever waited for the provider takes a moment of the even pace all the same.
  const heedful = options.headers === false ? undefined : ToldLimits.make({ limiter, key })

  return (model) => {
    const { reference } = model

    /** Waits for the call's moment; answers the number of the pace that it was admitted under. */
    const admission = Effect.fnUntraced(function* (request: Llm.Request, lots: number) {
      let waited = 0
      const wait = (millis: number) => {
        waited += millis
        return Effect.sleep(millis)
      }
      let taken = false
      let missed = 0
      while (true) {
        // From before the store is asked: its answer may come late, and the moment is no later than this says.
        const asked = yield* Clock.currentTimeMillis
        const delay = Math.max(
          requestsPerMinute === undefined ? 0 : yield* slot,
          tokensPerMinute === undefined || taken ? 0 : yield* takeLots(lots)
        )
        taken = true
        if (delay > 0) yield* wait(delay)
        // Somebody may have been refused meanwhile. Whoever waited for that takes a new moment, or all would go at once.
        const pace = yield* limiter.adaptiveConsume({
          key,
          tokens: 1,
          fallbackLimit: requestsPerMinute ?? minute,
          fallbackWindow
        })
        const pause = Duration.toMillis(pace.delay)
        if (pause > 0) yield* wait(pause)
        if (pause === 0 || pace.phase === "learned") {
          const isLast = requestsPerMinute === undefined || missed >= mostMissed
          const moment = isLast ? Number.POSITIVE_INFINITY : asked + delay + pause
          let left = yield* turn(moment)
          while (left !== "missed" && left > 0) {
            yield* wait(left)
            left = yield* turn(moment)
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
          return pace.epoch
        }
      }
    })

    const generate = Effect.fnUntraced(function* (request: Llm.Request) {
      let lots = 0
      if (tokensPerMinute !== undefined) {
        const estimate = (yield* PromptEstimate.counter).request(request) * PromptEstimate.margin(reference)
        lots = lotsOf(estimate + (request.options?.maxOutputTokens ?? expectedOutput))
      }
      const admitted = yield* Effect.result(admission(request, lots))
      if (admitted._tag === "Failure") {
        yield* Effect.logWarning(`The rate limit of ${name} is not kept: ${admitted.failure.message}`)
        return yield* model.generate(request)
      }
      return yield* Effect.onExit(model.generate(request), (exit) => feedback(exit, admitted.success, lots))
    })

    const feedback = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>, epoch: number, lots: number): Effect.Effect<void> => {
      if (Exit.isSuccess(exit)) {
        if (tokensPerMinute === undefined) return Effect.void
        const { inputTokens, outputTokens } = exit.value.usage
        const difference = lotsOf(inputTokens + outputTokens) - lots
        return difference === 0 ? Effect.void : Effect.ignore(takeLots(difference))
      }
      const error = Exit.findErrorOption(exit)
      if (error._tag === "None" || error.value.reason._tag !== "RateLimited") return Effect.void
      const retryAfter = Duration.millis(error.value.reason.retryAfterMillis ?? pauseMillis)
      return Effect.ignore(limiter.adaptiveFeedback({ key, epoch, tokens: 1, status: 429, retryAfter }))
    }

    const limited = { reference, generate }
    return heedful === undefined ? limited : heedful(limited)
  }
}
