/**
 * Retries calls with transient failures after a random part of a doubling delay (full jitter),
 * never before the time given by the provider. Uses only `isRetryable` and `retryAfterMillis` of a
 * failure; records a `retried` notice each time.
 *
 * It holds no resources while it waits: as it wraps limits and breakers, every attempt passes them
 * again.
 */
import * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

export interface Options {
  /** Maximum number of attempts. Default: 4. */
  readonly maxAttempts?: number
  /** The bound of the first delay in milliseconds; it doubles each time. Default: 500. */
  readonly initialMillis?: number
  /**
   * Maximum delay, in milliseconds. If a provider asks for more, the failure is final here.
   * Default: 30,000.
   */
  readonly maxMillis?: number
}

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { maxAttempts = 4, initialMillis = 500, maxMillis = 30_000 } = options
  return (model) => {
    const { reference } = model
    const call = (request: Llm.Request, attempt: number): Effect.Effect<Llm.Answer, Llm.LlmError> => {
      if (attempt >= maxAttempts) return model.generate(request)
      const { onDelta } = request
      // Text streamed before a failure cannot be taken back, so it is not streamed again.
      let streamed = false
      const own: Llm.Request =
        onDelta === undefined
          ? request
          : {
              ...request,
              onDelta: (delta) => {
                streamed = true
                onDelta(delta)
              }
            }
      return Effect.catch(model.generate(own), (error) => {
        const { reason } = error
        const asked = "retryAfterMillis" in reason ? (reason.retryAfterMillis ?? 0) : 0
        if (!reason.isRetryable || asked > maxMillis) return Effect.fail(error)
        const maxDelayMillis = Math.min(initialMillis * 2 ** (attempt - 1), maxMillis)
        return Effect.flatMap(Random.next, (random) => {
          const delayMillis = Math.ceil(asked + random * maxDelayMillis)
          request.onNotice?.({
            kind: "retried",
            model: reference,
            message: `${error.message} Attempt ${attempt + 1} of ${maxAttempts} follows in ${delayMillis} ms.`,
            delayMillis
          })
          const { onDelta: _, ...silent } = request
          return Effect.andThen(Effect.sleep(delayMillis), call(streamed ? silent : request, attempt + 1))
        })
      })
    }
    return { reference, generate: (request) => call(request, 1) }
  }
}
