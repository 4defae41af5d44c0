/**
 * Makes a call again that failed in a way that may pass: after a random part of a delay that
 * doubles (full jitter), never before the provider said. Reads nothing of a failure but
 * `isRetryable` and `retryAfterMillis`; says `retried` each time.
 *
 * It holds nothing while it waits: where it stands outside of limits and breakers, every attempt
 * passes them anew.
 */
import * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

export interface Options {
  /** Attempts in all. Default: 4. */
  readonly maxAttempts?: number
  /** The bound of the first delay in milliseconds; it doubles each time. Default: 500. */
  readonly initialMillis?: number
  /**
   * No delay is longer, in milliseconds. A provider that asks for more is not waited for: the
   * failure is final here. Default: 30,000.
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
      // What was streamed before a failure cannot be taken back: it is not streamed a second time.
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
