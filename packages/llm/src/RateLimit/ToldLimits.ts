/**
 * Keeps calls of a model to what its provider says is left of its rate limits (`Llm.RateLimitState`): a call that would not fit waits
 * until it does, in the order in which calls came, holding nothing.
 *
 * Every answer tells anew what is left; between two answers, and for calls whose answer has not begun, it is worked out: a limit fills
 * up evenly. While much is left nothing is asked of anybody. When little is left, processes that share a limiter share that little too,
 * which no answer could tell all of them in time. However little it is, one call a minute asks all the same, and the provider decides.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Effects from "effect/persistence/RateLimiter"
import * as PromptEstimate from "../PromptEstimate.ts"

export interface Options {
  readonly limiter: Effects.RateLimiter
  /** What counts together in the limiter. */
  readonly key: string
}

/** What one call takes. */
interface Need {
  readonly requests: number
  readonly tokens: number
  readonly "input-tokens": number
  readonly "output-tokens": number
}

/** What is known of a model, and who asks it. */
interface State {
  readonly limits: Map<Llm.RateLimitState["of"], Limit>
  /** In the order in which they came. Only the first looks when it may go; the others wait to be the first. */
  readonly waiting: Set<Waiter>
  /** Calls whose answer has not begun: nobody knows whether the provider has counted them. */
  readonly open: Set<Need>
}

/** What a call took from the limits that processes share. */
type Taken = Map<Limit, { readonly of: keyof Need; readonly amount: number }>

interface Wait {
  readonly millis: number
  /** What the call has to wait for; absent: nothing. */
  readonly limit: Limit | undefined
}
const fits: Wait = { millis: 0, limit: undefined }

const minute = 60_000
/** Below this share of a limit, processes share what is left. */
const little = 0.5
/** Models that are remembered; more (an application that makes them up) are known for as long as they are held. */
const remembered = 1_000
/** Whoever waits for other processes looks again after so many milliseconds. */
const lookAgain = 1_000
/** An answer is expected to be so long where nothing limits it, in tokens. */
const expectedOutput = 500

export const make = (options: Options): ((model: Llm.Model) => Llm.Model) => {
  const { key, limiter } = options
  const states = new Map<string, State>()
  /** The same model is often put into this wrapper anew. */
  const stateOf = (reference: string): State => {
    const state = states.get(reference) ?? { limits: new Map(), waiting: new Set(), open: new Set() }
    if (states.size < remembered) states.set(reference, state)
    return state
  }
  return (model) => {
    const { reference } = model
    const { limits, open, waiting } = stateOf(reference)
    const wakeFirst = (): void => {
      const [first] = waiting
      first?.wake()
    }
    const leave = (waiter: Waiter): void => {
      if (waiting.delete(waiter)) wakeFirst()
    }
    const observe = (states: ReadonlyArray<Llm.RateLimitState>, own: Need, now: number): void => {
      open.delete(own)
      for (const state of states) {
        let uncounted = 0
        for (const need of open) uncounted += need[state.of]
        const known = limits.get(state.of)
        if (known === undefined) limits.set(state.of, new Limit(state, uncounted, now))
        else known.observe(state, uncounted, now)
      }
      wakeFirst()
    }

    /** The limit that a call has to wait for longest, and how long, in milliseconds. */
    const wait = (need: Need, now: number): Wait => {
      let millis = 0
      let longest: Limit | undefined
      for (const [of, limit] of limits) {
        const until = limit.until(need[of], now)
        if (until > millis) {
          millis = until
          longest = limit
        }
      }
      return { millis, limit: longest }
    }

    const bucket = (of: keyof Need, limit: Limit, tokens: number) => ({
      algorithm: "token-bucket" as const,
      key: `${key}/${reference}/${of}`,
      limit: limit.size,
      window: Duration.millis(limit.size / limit.refill),
      tokens
    })
    /** Takes so much whether it is there or not; answers what is left. Less than nothing gives back. */
    const force = (of: keyof Need, limit: Limit, tokens: number) =>
      Effect.map(limiter.consume({ ...bucket(of, limit, tokens), onExceeded: "delay" }), ({ remaining }) => remaining)

    /** Lets the others know what this process was told, if that is less than they know. */
    const tell = Effect.fnUntraced(function* (of: keyof Need, limit: Limit, now: number) {
      if (limit.isShared) return
      limit.isShared = true
      const told = limit.left(now)
      const excess = (yield* force(of, limit, 0)) - told
      if (excess <= 0) return
      const left = yield* force(of, limit, excess)
      // Somebody told them at the same moment.
      if (told - left >= excess / 2) yield* force(of, limit, -excess)
    })

    /** Takes what the call needs from what processes share; where that is not there, the milliseconds until it is. */
    const share = Effect.fnUntraced(function* (need: Need, taken: Taken, now: number) {
      for (const [of, limit] of limits) {
        if (limit.left(now) >= limit.size * little) continue
        yield* tell(of, limit, now)
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
    })

    const take = (need: Need, now: number): void => {
      for (const [of, limit] of limits) limit.take(need[of], now)
      open.add(need)
    }

    /** Waits until the call fits. */
    const admission = Effect.fnUntraced(function* (request: Llm.Request, need: Need, waiter: Waiter, taken: Taken) {
      const began = yield* Clock.currentTimeMillis
      let why: string | undefined
      let now = began
      let firstSince: number | undefined
      while (true) {
        const [first] = waiting
        if (first === waiter) {
          firstSince ??= now
          const patience = firstSince + minute - now
          if (patience <= 0) break
          let { limit, millis } = wait(need, now)
          if (limit === undefined) {
            // A store that does not answer holds nobody up.
            ;({ limit, millis } = yield* Effect.orElseSucceed(share(need, taken, now), () => fits))
            millis = Math.min(millis, lookAgain)
          }
          if (limit === undefined) break
          why ??= limit.toString()
          yield* Effect.raceFirst(Effect.sleep(Math.min(millis, patience)), waiter.woken)
        } else yield* waiter.woken
        now = yield* Clock.currentTimeMillis
      }
      take(need, now)
      leave(waiter)
      const delayMillis = Math.round(now - began)
      if (delayMillis >= 1) {
        why = why === undefined ? "" : `: ${why} were left`
        const message = `The call waited ${delayMillis} ms for the provider's own rate limit${why}.`
        request.onNotice?.({ kind: "limited", model: reference, message, delayMillis })
      }
    })

    const tellsTokens = () => limits.has("tokens") || limits.has("input-tokens") || limits.has("output-tokens")

    const needOf = (request: Llm.Request): Effect.Effect<Need> =>
      Effect.map(PromptEstimate.counter, (counter) => {
        const input = counter.request(request) * PromptEstimate.margin(reference)
        const output = request.options?.maxOutputTokens ?? expectedOutput
        return { requests: 1, tokens: input + output, "input-tokens": input, "output-tokens": output }
      })

    /** What was estimated too high or too low is put right for the others. */
    const settle = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>, taken: Taken) => {
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

    /** Whether nobody waits and no limit is short, so that a call may go without asking anybody. */
    const isFree = (need: Need, now: number): boolean => {
      if (waiting.size > 0) return false
      for (const [of, limit] of limits) {
        if (limit.until(need[of], now) > 0 || limit.left(now) < limit.size * little) return false
      }
      return true
    }

    const call = (request: Llm.Request, need: Need, clock: Clock.Clock) =>
      model.generate({
        ...request,
        onRateLimits: (states) => {
          observe(states, need, clock.currentTimeMillisUnsafe())
          request.onRateLimits?.(states)
        }
      })

    const queued = (request: Llm.Request, need: Need, clock: Clock.Clock) => {
      const taken: Taken = new Map()
      const waiter = new Waiter()
      waiting.add(waiter)
      return Effect.flatMap(admission(request, need, waiter, taken), () => call(request, need, clock)).pipe(
        Effect.onExit((exit) => {
          leave(waiter)
          return settle(exit, taken)
        })
      )
    }

    const sent = (request: Llm.Request, need: Need) =>
      Effect.ensuring(
        Effect.clockWith((clock) => {
          const now = clock.currentTimeMillisUnsafe()
          if (!isFree(need, now)) return queued(request, need, clock)
          take(need, now)
          return call(request, need, clock)
        }),
        Effect.sync(() => open.delete(need))
      )

    const generate = (request: Llm.Request) =>
      Effect.suspend(() =>
        tellsTokens() ? Effect.flatMap(needOf(request), (need) => sent(request, need)) : sent(request, { ...nothing })
      )

    return { reference, generate }
  }
}

/** A call that waits for its turn, or for news. */
class Waiter {
  #wake: (() => void) | undefined
  #isAwake = false

  wake(): void {
    this.#isAwake = true
    this.#wake?.()
  }

  /** Succeeds when it was woken since the last time. */
  readonly woken: Effect.Effect<void> = Effect.callback((resume) => {
    const wake = (): void => {
      this.#isAwake = false
      this.#wake = undefined
      resume(Effect.void)
    }
    if (this.#isAwake) return wake()
    this.#wake = wake
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })
}

/** Of a call that was made before the provider told of tokens. */
const nothing: Need = { requests: 1, tokens: 0, "input-tokens": 0, "output-tokens": 0 }

/** A limit as it was told last, and what has been taken from it since. */
class Limit {
  size: number
  /** What comes back in a millisecond. */
  refill: number
  /** Whether the others know what was told last. */
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

  /** Of what is told, so much may be taken already by calls that the provider has not counted. */
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

  /** What is more than the whole limit takes the whole limit. */
  take(amount: number, now: number): void {
    this.#level = this.left(now) - Math.min(amount, this.size)
    this.#at = now
  }

  /** Milliseconds until so much can be taken. */
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
