/**
 * Keeps calls of a model to what its provider says is left of its rate limits
 * (`Llm.RateLimitState`): a call that would not fit waits until it does, in the order in which
 * calls came, holding nothing.
 *
 * While much is left, calls go without asking anyone. When little is left, processes that share a
 * limiter share that little too (`SharedLimits`). However little it is, one call a minute is sent
 * all the same, and the provider decides.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Effects from "effect/persistence/RateLimiter"
import * as PromptEstimate from "../PromptEstimate.ts"
import { minute } from "./Limit.ts"
import { fits, ModelLimits, type Need } from "./ModelLimits.ts"
import * as SharedLimits from "./SharedLimits.ts"
import { type Waiter, WaitingLine } from "./WaitingLine.ts"

export interface Options {
  readonly limiter: Effects.RateLimiter
  /** What counts together in the limiter. */
  readonly key: string
}

/**
 * Models that are remembered; more (an application that makes them up) are known for as long as
 * they are held.
 */
const remembered = 1_000
/** A call that waits for other processes checks again after this many milliseconds. */
const lookAgain = 1_000
/** The expected length of an answer that nothing limits, in tokens. */
const expectedOutput = 500

export const make = ({ key, limiter }: Options): ((model: Llm.Model) => Llm.Model) => {
  const states = new Map<string, State>()
  /** The same model is often put into this wrapper anew. */
  const stateOf = (reference: string): State => {
    const state = states.get(reference) ?? { limits: new ModelLimits(), line: new WaitingLine() }
    if (states.size < remembered) states.set(reference, state)
    return state
  }
  return (model) => {
    const { reference } = model
    const state = stateOf(reference)
    const { limits, line } = state
    const shared = SharedLimits.make({ limiter, key: `${key}/${reference}`, limits })
    const admission = admissionOf(reference, state, shared)

    const call = (request: Llm.Request, need: Need, clock: Clock.Clock) =>
      model.generate({
        ...request,
        onRateLimits: (told) => {
          limits.observe(told, need, clock.currentTimeMillisUnsafe())
          line.wakeFirst()
          request.onRateLimits?.(told)
        }
      })

    const queued = (request: Llm.Request, need: Need, clock: Clock.Clock) => {
      const taken: SharedLimits.Taken = new Map()
      const waiter = line.join()
      return Effect.flatMap(admission(request, need, waiter, taken), () => call(request, need, clock)).pipe(
        Effect.onExit((exit) => {
          line.leave(waiter)
          return shared.settle(exit, taken)
        })
      )
    }

    const sent = (request: Llm.Request, need: Need) =>
      Effect.ensuring(
        Effect.clockWith((clock) => {
          const now = clock.currentTimeMillisUnsafe()
          if (!line.isEmpty || !limits.isAmple(need, now)) return queued(request, need, clock)
          limits.take(need, now)
          return call(request, need, clock)
        }),
        Effect.sync(() => limits.close(need))
      )

    const generate = (request: Llm.Request) =>
      Effect.suspend(() =>
        limits.countsTokens
          ? Effect.flatMap(needOf(reference, request), (need) => sent(request, need))
          : sent(request, { ...untold })
      )

    return { reference, generate }
  }
}

/** What is known of a model, and the calls that wait for it. */
interface State {
  readonly limits: ModelLimits
  readonly line: WaitingLine
}

/** Waits until the call fits and takes what it needs. */
const admissionOf = (reference: string, { limits, line }: State, shared: SharedLimits.SharedLimits) =>
  Effect.fnUntraced(function* (request: Llm.Request, need: Need, waiter: Waiter, taken: SharedLimits.Taken) {
    const began = yield* Clock.currentTimeMillis
    let why: string | undefined
    let now = began
    let firstSince: number | undefined
    while (true) {
      if (line.isFirst(waiter)) {
        firstSince ??= now
        const patience = firstSince + minute - now
        if (patience <= 0) break
        let { limit, millis } = limits.wait(need, now)
        if (limit === undefined) {
          // A store that does not answer holds no call up.
          ;({ limit, millis } = yield* Effect.orElseSucceed(shared.take(need, taken, now), () => fits))
          millis = Math.min(millis, lookAgain)
        }
        if (limit === undefined) break
        why ??= limit.toString()
        yield* Effect.raceFirst(Effect.sleep(Math.min(millis, patience)), waiter.woken)
      } else yield* waiter.woken
      now = yield* Clock.currentTimeMillis
    }
    limits.take(need, now)
    line.leave(waiter)
    const delayMillis = Math.round(now - began)
    if (delayMillis >= 1) {
      why = why === undefined ? "" : `: ${why} were left`
      const message = `The call waited ${delayMillis} ms for the provider's own rate limit${why}.`
      request.onNotice?.({ kind: "limited", model: reference, message, delayMillis })
    }
  })

/** Of a call that is made before the provider has told of tokens. */
const untold: Need = { requests: 1, tokens: 0, "input-tokens": 0, "output-tokens": 0 }

const needOf = (reference: string, request: Llm.Request): Effect.Effect<Need> =>
  Effect.map(PromptEstimate.counter, (counter) => {
    const input = counter.request(request) * PromptEstimate.margin(reference)
    const output = request.options?.maxOutputTokens ?? expectedOutput
    return { requests: 1, tokens: input + output, "input-tokens": input, "output-tokens": output }
  })
