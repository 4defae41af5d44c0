/**
 * Failures of models of ours in the words of `effect/ai`.
 */
import type * as Llm from "@crewline/core/Llm"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"

/** The error of `effect/ai` that says what an `LlmError` does. */
export const toAiError =
  (method: string) =>
  ({ reason, message }: Llm.LlmError): AiError.AiError =>
    AiError.make({ module: "Crewline", method, reason: aiReason(reason, message) })

const aiReason = (reason: Llm.Reason, description: string): AiError.AiErrorReason => {
  switch (reason._tag) {
    case "RateLimited":
      return new AiError.RateLimitError(
        reason.retryAfterMillis === undefined ? {} : { retryAfter: Duration.millis(reason.retryAfterMillis) }
      )
    case "QuotaExhausted":
    case "BudgetExceeded":
      return new AiError.QuotaExhaustedError({})
    case "Authentication":
      return new AiError.AuthenticationError({ kind: "Unknown", description })
    case "ContentRefused":
      return new AiError.ContentPolicyError({ description })
    case "Overloaded":
    case "CircuitOpen":
    case "Timeout":
      return new AiError.InternalProviderError({ description })
    case "Network":
      return new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "", description })
    case "MalformedAnswer":
      return new AiError.InvalidResponseError({ description })
    case "ContextTooLong":
    case "InvalidRequest":
    case "UnknownModel":
    case "MissingPackage":
      return new AiError.InvalidRequestError({ description })
  }
}
