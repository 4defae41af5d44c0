/**
 * What is left of a model's limits, shared by all processes that use the same limiter. It is asked
 * only while little is left: no answer could tell all processes in time.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Effects from "effect/persistence/RateLimiter"
import type { Limit } from "./Limit.ts"
import { fits, type ModelLimits, type Need, type Wait } from "./ModelLimits.ts"

/** What a call took from shared limits. */
export type Taken = Map<Limit, { readonly of: keyof Need; readonly amount: number }>

export interface SharedLimits {
  /**
   * Takes what the call needs, all of it or nothing; answers how long to wait where it is not
   * there.
   */
  readonly take: (need: Need, taken: Taken, now: number) => Effect.Effect<Wait, Effects.RateLimiterError>
  /** Corrects estimates by what the answer says was used. */
  readonly settle: (exit: Exit.Exit<Llm.Answer, Llm.LlmError>, taken: Taken) => Effect.Effect<void>
}

export interface Options {
  readonly limiter: Effects.RateLimiter
  /** What counts together in the limiter. */
  readonly key: string
  readonly limits: ModelLimits
}

export const make = ({ key, limiter, limits }: Options): SharedLimits => {
  const bucket = (of: keyof Need, limit: Limit, tokens: number) => ({
    algorithm: "token-bucket" as const,
    key: `${key}/${of}`,
    limit: limit.size,
    window: Duration.millis(limit.size / limit.refill),
    tokens
  })

  /**
   * Takes this amount whether it is there or not; answers what is left. A negative amount gives
   * back.
   */
  const force = (of: keyof Need, limit: Limit, tokens: number) =>
    Effect.map(limiter.consume({ ...bucket(of, limit, tokens), onExceeded: "delay" }), ({ remaining }) => remaining)

  /** Lowers what is shared to what this process knows, if that is less. */
  const publish = Effect.fnUntraced(function* (of: keyof Need, limit: Limit, now: number) {
    if (limit.isShared) return
    limit.isShared = true
    const told = limit.left(now)
    const excess = (yield* force(of, limit, 0)) - told
    if (excess <= 0) return
    const left = yield* force(of, limit, excess)
    // Another process has published the same at the same moment.
    if (told - left >= excess / 2) yield* force(of, limit, -excess)
  })

  return {
    take: Effect.fnUntraced(function* (need, taken, now) {
      for (const [of, limit] of limits.scarce(now)) {
        yield* publish(of, limit, now)
        const amount = Math.min(need[of], limit.size)
        const got = yield* Effect.result(limiter.consume({ ...bucket(of, limit, amount), onExceeded: "fail" }))
        if (got._tag === "Success") taken.set(limit, { of, amount })
        else {
          yield* Effect.forEach(taken, ([each, back]) => force(back.of, each, -back.amount), { discard: true })
          taken.clear()
          const { reason } = got.failure
          if (reason._tag !== "RateLimitExceeded") return yield* Effect.fail(got.failure)
          return { millis: Math.max(1, Duration.toMillis(reason.retryAfter)), limit }
        }
      }
      return fits
    }),
    settle: (exit, taken) => {
      if (taken.size === 0 || Exit.isFailure(exit)) return Effect.void
      const { inputTokens, outputTokens } = exit.value.usage
      const used: Need = {
        requests: 1,
        tokens: inputTokens + outputTokens,
        "input-tokens": inputTokens,
        "output-tokens": outputTokens
      }
      return Effect.forEach(
        [...taken].filter(([, { amount, of }]) => used[of] !== amount),
        ([limit, { amount, of }]) => Effect.ignore(force(of, limit, used[of] - amount)),
        { discard: true }
      )
    }
  }
}
