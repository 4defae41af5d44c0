/**
 * Tokens per minute, taken from the limiter by estimate before a call and corrected after it. They
 * are counted in lots, because the limiter counts in milliseconds.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Effects from "effect/persistence/RateLimiter"
import * as PromptEstimate from "../PromptEstimate.ts"
import { minute } from "./Limit.ts"
import { headroom } from "./Pace.ts"

/** The expected length of an answer that nothing limits, in tokens. */
const expectedOutput = 500
/** A lot lasts at least this many milliseconds. */
const lotMillis = 10

export interface Options {
  readonly limiter: Effects.RateLimiter
  readonly key: string
  readonly tokensPerMinute: number
}

export interface TokenLots {
  /** The lots that a call is estimated to take. */
  readonly estimate: (reference: string, request: Llm.Request) => Effect.Effect<number>
  /**
   * Answers the milliseconds until what was taken before is paid off; these lots delay the calls
   * that come later.
   */
  readonly take: (lots: number) => Effect.Effect<number, Effects.RateLimiterError>
  /** Takes or gives back what the estimate was wrong by. */
  readonly correct: (lots: number, usage: Llm.Answer["usage"]) => Effect.Effect<void>
}

export const make = ({ key, limiter, tokensPerMinute }: Options): TokenLots => {
  const lot = Math.max(1, Math.ceil((tokensPerMinute / minute) * lotMillis))
  const interval = (minute * headroom * lot) / tokensPerMinute
  const window = Duration.millis(interval)
  const take = (lots: number) =>
    Effect.map(
      limiter.consume({
        algorithm: "token-bucket",
        onExceeded: "delay",
        key: `${key}/tokens`,
        limit: 1,
        window,
        tokens: lots
      }),
      ({ delay }) => Math.max(0, Duration.toMillis(delay) - Math.ceil(Math.max(0, lots - 1)) * interval)
    )
  return {
    estimate: (reference, request) =>
      Effect.map(PromptEstimate.counter, (counter) => {
        const input = counter.request(request) * PromptEstimate.margin(reference)
        return (input + (request.options?.maxOutputTokens ?? expectedOutput)) / lot
      }),
    take,
    correct: (lots, { inputTokens, outputTokens }) => {
      // Nothing was counted: the estimate stays.
      if (inputTokens + outputTokens === 0) return Effect.void
      const difference = (inputTokens + outputTokens) / lot - lots
      return difference === 0 ? Effect.void : Effect.ignore(take(difference))
    }
  }
}
