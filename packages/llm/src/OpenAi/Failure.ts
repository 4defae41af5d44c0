/** Converts errors of the `openai` SDK to reasons. */
import type * as Llm from "@crewline/core/Llm"
import * as Predicate from "effect/Predicate"
import * as ErrorBody from "../Provider/ErrorBody.ts"
import * as Failure from "../Provider/Failure.ts"
import type { Sdk } from "./Sdk.ts"

export const reasonOf =
  ({ APIConnectionError, APIConnectionTimeoutError, APIError }: Sdk) =>
  (context: Failure.Context, error: unknown): Llm.Reason => {
    if (error instanceof APIConnectionTimeoutError) return Failure.timeout(context)
    if (error instanceof APIConnectionError) return Failure.fromTransport(context, error.cause)
    if (!(error instanceof APIError)) return Failure.reasonOf(context, error)
    const { headers, status } = error
    const words = ErrorBody.read(error.error)
    const own = words === undefined ? error.message : `${status ?? ""} ${words.message}`.trim()
    const message = Failure.quoted(context, own, { hasShape: hasShape(error.error) })
    const code = words?.code || Failure.text(error.code)
    const type = words?.type || Failure.text(error.type)
    return Failure.fromReported(
      { ...context, requestId: error.requestID ?? context.requestId },
      { status, code, type, message, headers, wait: words?.wait }
    )
  }

/** `{"error":{"message":"…"}}`, or `{"error":"…"}` of servers that are compatible. */
const hasShape = (error: unknown): boolean =>
  typeof error === "string" || (Predicate.hasProperty(error, "message") && typeof error.message === "string")
