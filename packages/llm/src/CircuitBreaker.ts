/**
 * Stops calling a model that keeps failing: after a number of consecutive failures, calls fail at
 * once (`breaker-refused`, `CircuitOpen`) until a trial call is let through. Over Effect's circuit
 * breaker store, in process or shared by all processes on one Redis.
 *
 * What counts is the provider's health: overload, network, timeouts, broken answers. A refused
 * request, a wrong key or a rate limit says nothing about it. If the store does not answer, calls
 * are made.
 */
import * as Llm from "@crewline/core/Llm"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Effects from "effect/persistence/CircuitBreaker"

export interface Options {
  readonly store: Effects.CircuitBreakerStore["Service"]
  /** Failures in a row that open it. Default: 5. */
  readonly failures?: number
  /**
   * How long it stays open at first, in milliseconds; it doubles each time the model fails again,
   * up to 16 times. Default: 15,000.
   */
  readonly openMillis?: number
  /** What counts together. Default: every model for itself. */
  readonly key?: (reference: string) => string
}

/** A store for this process alone. */
export const makeLocalStore: Effect.Effect<Effects.CircuitBreakerStore["Service"]> = Effect.provide(
  Effects.CircuitBreakerStore,
  Effects.layerStoreMemory()
)

const unhealthy: ReadonlySet<Llm.Reason["_tag"]> = new Set<Llm.Reason["_tag"]>([
  "Overloaded",
  "Network",
  "Timeout",
  "MalformedAnswer"
])
/** They say nothing about the provider: it was not asked. */
const unasked: ReadonlySet<Llm.Reason["_tag"]> = new Set<Llm.Reason["_tag"]>([
  "BudgetExceeded",
  "CircuitOpen",
  "RateLimited",
  "UnknownModel",
  "MissingPackage"
])

/**
 * While a single call tries whether the model works again, others are told to come back after so
 * long.
 */
const probeMillis = 1_000
const maxHintMillis = 60 * 60 * 1_000

export const make = (options: Options): ((model: Llm.Model) => Llm.Model) => {
  const { failures = 5, openMillis = 15_000, store } = options
  const tripPolicy = Effects.consecutive(failures)
  return (model) => {
    const { reference } = model
    const key = options.key?.(reference) ?? reference

    const refuse = (request: Llm.Request, retryAfterMillis: number) => {
      const description = `Not called because it failed too often. Its circuit breaker allows another call in ${Math.ceil(retryAfterMillis / 1_000)} s.`
      request.onNotice?.({ kind: "breaker-refused", model: reference, message: description })
      return Effect.fail(
        new Llm.LlmError({ model: reference, reason: new Llm.CircuitOpen({ description, retryAfterMillis }) })
      )
    }

    const say = (request: Llm.Request, transition: Effects.Transition | undefined) => {
      if (transition === undefined) return
      if (transition.to === "Open") {
        const millis = Duration.toMillis(transition.retryAfter)
        request.onNotice?.({
          kind: "breaker-opened",
          model: reference,
          message: `${reference} failed ${transition.from === "Closed" ? `${failures} times in a row` : "again"}; it will not be called for ${Math.ceil(millis / 1_000)} s.`,
          delayMillis: millis
        })
      } else if (transition.to === "Closed") {
        request.onNotice?.({ kind: "breaker-closed", model: reference, message: `${reference} works again.` })
      }
    }

    const guarded = Effect.fnUntraced(function* (request: Llm.Request) {
      const admitted = yield* Effect.result(store.admit(key))
      if (admitted._tag === "Failure") {
        const { reason } = admitted.failure
        if (reason._tag === "CircuitOpen") return yield* refuse(request, Duration.toMillis(reason.retryAfter))
        if (reason._tag === "CircuitHalfOpen") return yield* refuse(request, probeMillis)
        yield* Effect.logWarning(
          `The circuit breaker of ${reference} is unavailable and is bypassed: ${reason.message}`
        )
        return yield* model.generate(request)
      }
      const { consecutiveOpenings, generation } = admitted.success
      return yield* Effect.onExit(model.generate(request), (exit) => {
        const { hint, outcome } = judge(exit)
        const backoff = openMillis * 2 ** Math.min(consecutiveOpenings, 4)
        const openFor = Duration.millis(Math.max(backoff, Math.min(hint, maxHintMillis)))
        return Effect.match(store.record({ key, generation, outcome, tripPolicy, openFor }), {
          onFailure: () => undefined,
          onSuccess: (transition) => say(request, transition)
        })
      })
    }, Effect.scoped)

    return { reference, generate: guarded }
  }
}

const judge = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>) => {
  if (Exit.isSuccess(exit)) return { outcome: "Success", hint: 0 } as const
  const error = Exit.findErrorOption(exit)
  if (error._tag === "None" || unasked.has(error.value.reason._tag)) return { outcome: "Ignored", hint: 0 } as const
  const { reason } = error.value
  // It answered, if only to say no.
  if (!unhealthy.has(reason._tag)) return { outcome: "Success", hint: 0 } as const
  return { outcome: "Failure", hint: "retryAfterMillis" in reason ? (reason.retryAfterMillis ?? 0) : 0 } as const
}
