/** Converts errors of `@anthropic-ai/sdk` to reasons. */
import type * as Llm from "@crewline/core/Llm"
import * as ErrorBody from "../Provider/ErrorBody.ts"
import * as Failure from "../Provider/Failure.ts"
import type { Sdk } from "./Sdk.ts"

export const reasonOf =
  ({ anthropic: { APIConnectionError, APIConnectionTimeoutError, APIError } }: Sdk) =>
  (context: Failure.Context, error: unknown): Llm.Reason => {
    if (error instanceof APIConnectionTimeoutError) return Failure.timeout(context)
    if (error instanceof APIConnectionError) return Failure.fromTransport(context, error.cause)
    if (!(error instanceof APIError)) return Failure.reasonOf(context, error)
    const { apiMessage, errorCode, headers, status, type } = error
    // The message of the API, out of `{"type":"error","error":{"message":"…"}}`.
    const words = ErrorBody.read(error.error)
    const own = words === undefined ? error.message : `${status ?? ""} ${words.message}`.trim()
    const message = apiMessage ?? Failure.quoted(context, own, { hasShape: false })
    return Failure.fromReported(
      { ...context, requestId: error.requestID ?? context.requestId },
      {
        status,
        code: Failure.text(errorCode) || (words?.code ?? ""),
        type: Failure.text(type) || (words?.type ?? ""),
        message,
        headers,
        wait: words?.wait
      }
    )
  }
