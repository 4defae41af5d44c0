/**
 * Converts errors of AI SDK models to reasons. They are recognized by their shape, because their
 * classes depend on the version that the model was built with.
 */
import * as Llm from "@crewline/core/Llm"
import * as Failure from "../Provider/Failure.ts"
import * as Predicate from "effect/Predicate"

const malformed = /^AI_(JSONParse|TypeValidation|InvalidResponseData|EmptyResponseBody|NoContentGenerated)Error$/
const unsendable = /^AI_(InvalidPrompt|InvalidArgument|UnsupportedFunctionality|NoSuchModel|LoadSetting)Error$/

export const reasonOf = (context: Failure.Context, error: unknown): Llm.Reason => {
  if (!(error instanceof Error)) {
    const body = typeof error === "object" && error !== null ? error : {}
    const message = "message" in body ? String(body.message) : typeof error === "string" ? error : ""
    return Failure.fromReported(context, { status: undefined, ...kindOf(body), message, headers: undefined })
  }
  if (error.name === "AI_APICallError") return fromCall(context, error)
  const description = context.redact(error.message)
  if (error.name === "AI_LoadAPIKeyError") return new Llm.Authentication({ description })
  if (malformed.test(error.name)) return new Llm.MalformedAnswer({ description })
  if (unsendable.test(error.name)) return new Llm.InvalidRequest({ description })
  return Failure.reasonOf(context, error)
}

const fromCall = (context: Failure.Context, error: Error): Llm.Reason => {
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined
  if (status === undefined) return Failure.fromTransport(context, error.cause ?? error)
  const headers =
    "responseHeaders" in error && Predicate.isReadonlyObject(error.responseHeaders) ? error.responseHeaders : {}
  const known = new Headers(
    Object.entries(headers).flatMap(([name, value]): Array<[string, string]> =>
      typeof value === "string" ? [[name, value]] : []
    )
  )
  const requestId = known.get("x-request-id") ?? known.get("request-id") ?? undefined
  const data = "data" in error && Predicate.isReadonlyObject(error.data) ? error.data["error"] : undefined
  return Failure.fromReported(
    { ...context, requestId },
    { status, ...kindOf(Predicate.isReadonlyObject(data) ? data : {}), message: error.message, headers: known }
  )
}

const kindOf = (body: object): { readonly code: string; readonly type: string } => ({
  code: "code" in body ? Failure.text(body.code) : "",
  type: "type" in body ? Failure.text(body.type) : ""
})
