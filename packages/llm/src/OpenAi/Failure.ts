/**
 * What the `openai` SDK throws, as reasons of ours.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Predicate from "effect/Predicate"
import * as Failure from "../Provider/Failure.ts"
import type { Sdk } from "./Sdk.ts"

export const reasonOf =
  ({ APIConnectionError, APIConnectionTimeoutError, APIError }: Sdk) =>
  (context: Failure.Context, error: unknown): Llm.Reason => {
    if (error instanceof APIConnectionTimeoutError) return Failure.timeout(context)
    if (error instanceof APIConnectionError) return Failure.fromTransport(context, error.cause)
    if (!(error instanceof APIError)) return Failure.reasonOf(context, error)
    const { status, code, type, headers } = error
    const message = Failure.quoted(context, error.message, { hasShape: hasShape(error.error) })
    return Failure.fromReported(
      { ...context, requestId: error.requestID ?? context.requestId },
      { status, code: Failure.text(code), type: Failure.text(type), message, headers }
    )
  }

/** `{"error":{"message":"…"}}`, or `{"error":"…"}` of servers that are compatible. */
const hasShape = (error: unknown): boolean =>
  typeof error === "string" || (Predicate.hasProperty(error, "message") && typeof error.message === "string")
