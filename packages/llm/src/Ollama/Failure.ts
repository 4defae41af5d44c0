/**
 * Failures of Ollama as reasons of ours.
 */
import * as Llm from "@crewline/core/Llm"
import * as Failure from "../Provider/Failure.ts"

/** The server answered with a status that is no success. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: Headers
  constructor(status: number, body: string, headers: Headers) {
    super(messageOf(body))
    this.status = status
    this.headers = headers
  }
}

/** `{"error":"…"}`, and what proxies say. */
const messageOf = (body: string): string => {
  try {
    const json: unknown = JSON.parse(body)
    if (typeof json === "object" && json !== null && "error" in json) {
      if (typeof json.error === "string") return json.error
      const { error } = json
      if (typeof error === "object" && error !== null && "message" in error) return String(error.message)
    }
  } catch {
    // Not JSON: as it is.
  }
  return body.trim()
}

export const reasonOf = (context: Failure.Context, error: unknown): Llm.Reason => {
  if (!(error instanceof Refusal)) return Failure.reasonOf(context, error)
  const { headers, message, status } = error
  const reported = { status, code: "", type: "", headers }
  if (status === 404 && /model .*not found/i.test(message)) {
    const id = context.reference.slice(context.reference.indexOf("/") + 1)
    return Failure.fromReported(context, { ...reported, message: `${message}. Get it with: ollama pull ${id}.` })
  }
  return Failure.fromReported(context, { ...reported, message })
}
