/**
 * One rate limit of a provider: what its last answer said is left, and what has been taken since.
 * It refills evenly.
 */
import type * as Llm from "@crewline/core/Llm"

export const minute = 60_000

export class Limit {
  size: number
  /** What comes back in a millisecond. */
  refill: number
  /** Whether the other processes know what the last answer said. */
  isShared = false
  readonly #of: Llm.RateLimitState["of"]
  #told: number
  #level: number
  #at: number

  constructor(state: Llm.RateLimitState, uncounted: number, now: number) {
    this.#of = state.of
    this.size = state.limit
    this.refill = refillOf(state) ?? state.limit / minute
    this.#told = state.remaining
    this.#level = state.remaining - uncounted
    this.#at = now
  }

  /** `uncounted`: what calls have taken that the provider may not have counted yet. */
  observe(state: Llm.RateLimitState, uncounted: number, now: number): void {
    const level = this.left(now)
    this.size = state.limit
    this.refill = refillOf(state) ?? this.refill
    this.isShared = false
    this.#told = state.remaining
    this.#at = now
    this.#level = Math.min(state.remaining, Math.max(state.remaining - uncounted, level))
  }

  left(now: number): number {
    return Math.min(this.size, this.#level + this.refill * (now - this.#at))
  }

  /** An amount above the size takes the whole limit. */
  take(amount: number, now: number): void {
    this.#level = this.left(now) - Math.min(amount, this.size)
    this.#at = now
  }

  /** Milliseconds until this amount can be taken. */
  until(amount: number, now: number): number {
    const missing = Math.min(amount, this.size) - this.left(now)
    return missing <= 0 ? 0 : Math.ceil(missing / this.refill)
  }

  toString(): string {
    return `${Math.floor(this.#told)} of ${this.size} ${this.#of.replace("-", " ")}`
  }
}

/** What comes back in a millisecond: all that was used, until the limit is whole again. */
const refillOf = ({ limit, remaining, resetMillis }: Llm.RateLimitState): number | undefined =>
  remaining < limit && resetMillis > 0 ? (limit - remaining) / resetMillis : undefined
