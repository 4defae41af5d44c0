/**
 * All rate limits of one model, and the calls of this process under them. Between two answers what
 * is left is calculated: each limit refills evenly, and every call takes what it is estimated to
 * need.
 */
import type * as Llm from "@crewline/core/Llm"
import { Limit } from "./Limit.ts"

/** What one call takes. */
export interface Need {
  readonly requests: number
  readonly tokens: number
  readonly "input-tokens": number
  readonly "output-tokens": number
}

export interface Wait {
  readonly millis: number
  /** The limit that the call waits for; absent: the call fits. */
  readonly limit: Limit | undefined
}

export const fits: Wait = { millis: 0, limit: undefined }

/** Below this share of a limit, processes share what is left. */
const little = 0.5

export class ModelLimits {
  readonly #limits = new Map<keyof Need, Limit>()
  /** Calls whose answer has not begun: the provider may not have counted them yet. */
  readonly #open = new Set<Need>()

  /** Learns from an answer to the call with this need. */
  observe(states: ReadonlyArray<Llm.RateLimitState>, own: Need, now: number): void {
    this.#open.delete(own)
    for (const state of states) {
      let uncounted = 0
      for (const need of this.#open) uncounted += need[state.of]
      const known = this.#limits.get(state.of)
      if (known === undefined) this.#limits.set(state.of, new Limit(state, uncounted, now))
      else known.observe(state, uncounted, now)
    }
  }

  /** The limit with the longest wait for this call. */
  wait(need: Need, now: number): Wait {
    let longest = fits
    for (const [of, limit] of this.#limits) {
      const millis = limit.until(need[of], now)
      if (millis > longest.millis) longest = { millis, limit }
    }
    return longest
  }

  /** The limits of which so little is left that processes share it. */
  *scarce(now: number): Generator<[keyof Need, Limit]> {
    for (const entry of this.#limits) if (isScarce(entry[1], now)) yield entry
  }

  /** Whether the call fits and no limit is scarce. */
  isAmple(need: Need, now: number): boolean {
    for (const [of, limit] of this.#limits) if (limit.until(need[of], now) > 0 || isScarce(limit, now)) return false
    return true
  }

  /** The call is sent. */
  take(need: Need, now: number): void {
    for (const [of, limit] of this.#limits) limit.take(need[of], now)
    this.#open.add(need)
  }

  /** The call has ended. */
  close(need: Need): void {
    this.#open.delete(need)
  }

  get countsTokens(): boolean {
    return this.#limits.has("tokens") || this.#limits.has("input-tokens") || this.#limits.has("output-tokens")
  }
}

const isScarce = (limit: Limit, now: number): boolean => limit.left(now) < limit.size * little
