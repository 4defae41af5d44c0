/** Converts failures of Ollama to reasons. */
import * as Llm from "@crewline/core/Llm"
import * as Predicate from "effect/Predicate"
import * as ErrorBody from "../Provider/ErrorBody.ts"
import * as Failure from "../Provider/Failure.ts"

/** The server answered with a status that is no success. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: Headers
  readonly words: ErrorBody.Words | undefined
  /** Whether the body has the shape of Ollama's errors, or of proxies in front of it. */
  readonly hasShape: boolean
  constructor(status: number, body: string, headers: Headers) {
    const json = parsed(body)
    const words = ErrorBody.read(json)
    super(words?.message ?? body.trim())
    this.words = words
    this.hasShape = words !== undefined && Predicate.hasProperty(json, "error")
    this.status = status
    this.headers = headers
  }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

export const reasonOf = (context: Failure.Context, error: unknown): Llm.Reason => {
  if (!(error instanceof Refusal)) return Failure.reasonOf(context, error)
  const { headers, status, words } = error
  const message = Failure.quoted(context, error.message, { hasShape: error.hasShape })
  const reported = { status, code: words?.code ?? "", type: words?.type ?? "", headers, wait: words?.wait }
  if (status === 404 && /model .*not found/i.test(message)) {
    const id = context.reference.slice(context.reference.indexOf("/") + 1)
    return Failure.fromReported(context, { ...reported, message: `${message}. Get it with: ollama pull ${id}.` })
  }
  return Failure.fromReported(context, { ...reported, message })
}
