/** Converts failures of Ollama to reasons. */
import * as Llm from "@crewline/core/Llm"
import * as Predicate from "effect/Predicate"
import * as Failure from "../Provider/Failure.ts"

/** The server answered with a status that is no success. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: Headers
  /** Whether the body has the shape of Ollama's errors. */
  readonly hasShape: boolean
  constructor(status: number, body: string, headers: Headers) {
    const message = messageOf(body)
    super(message ?? body.trim())
    this.hasShape = message !== undefined
    this.status = status
    this.headers = headers
  }
}

/**
 * `{"error":"…"}`, or `{"error":{"message":"…"}}` of proxies; `undefined` where the body is
 * something else.
 */
const messageOf = (body: string): string | undefined => {
  try {
    const json: unknown = JSON.parse(body)
    if (Predicate.hasProperty(json, "error")) {
      const { error } = json
      if (typeof error === "string") return error
      if (Predicate.hasProperty(error, "message") && typeof error.message === "string") return error.message
    }
  } catch {
    // Not JSON.
  }
  return undefined
}

export const reasonOf = (context: Failure.Context, error: unknown): Llm.Reason => {
  if (!(error instanceof Refusal)) return Failure.reasonOf(context, error)
  const { headers, status } = error
  const message = Failure.quoted(context, error.message, { hasShape: error.hasShape })
  const reported = { status, code: "", type: "", headers }
  if (status === 404 && /model .*not found/i.test(message)) {
    const id = context.reference.slice(context.reference.indexOf("/") + 1)
    return Failure.fromReported(context, { ...reported, message: `${message}. Get it with: ollama pull ${id}.` })
  }
  return Failure.fromReported(context, { ...reported, message })
}
