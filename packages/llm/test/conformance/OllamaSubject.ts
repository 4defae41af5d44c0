/** Ollama's chat: lines of JSON if the caller listens, otherwise one object. */
import * as Redacted from "effect/Redacted"
import * as Ollama from "../../src/Ollama.ts"
import * as FakeProvider from "@crewline/fake-provider"
import { dialect } from "@crewline/fake-provider/Dialect/OllamaChat"
import type { Subject, WireFailure } from "./Subject.ts"

const failure = (
  what: string,
  status: number,
  error: string,
  reason: WireFailure["reason"],
  headers: Record<string, string> = {},
  retryAfterMillis?: number
): WireFailure => ({
  what,
  handler: FakeProvider.json({ error }, status, headers),
  reason,
  ...(retryAfterMillis !== undefined && { retryAfterMillis })
})

export const ollama: Subject = {
  name: "Ollama",
  model: (origin, { apiKey, timeoutMillis } = {}) =>
    Ollama.make({
      host: origin,
      ...(apiKey !== undefined && { apiKey: Redacted.make(apiKey) }),
      ...(timeoutMillis !== undefined && { timeoutMillis })
    }).model("m"),
  dialect,
  caches: false,
  countsReasoning: false,
  schemaBesideTools: false,
  textArguments: false,
  failures: [
    failure("429", 429, "too many requests", "RateLimited", { "retry-after": "7" }, 7_000),
    failure("503", 503, "server busy, please try again. maximum pending requests exceeded", "Overloaded"),
    failure("500", 500, "llama runner process has terminated", "Overloaded"),
    failure("400 of a long prompt", 400, "the input length exceeds the context length", "ContextTooLong"),
    failure("400", 400, "m does not support tools", "InvalidRequest"),
    failure("404", 404, "model 'm' not found", "InvalidRequest"),
    failure("401", 401, "unauthorized", "Authentication"),
    failure("402", 402, "you have no credit", "QuotaExhausted"),
    failure("408 of a proxy", 408, "request timeout", "Timeout"),
    failure("a failure in a good status", 200, "an error was encountered while running the model", "Overloaded"),
    { what: "no answer", handler: FakeProvider.json({ hello: 1 }), reason: "MalformedAnswer" }
  ],
  never: { ContentRefused: "Ollama filters nothing: a model that refuses says so in an answer like any other." },
  messagesOf: ({ messages }) => messages,
  schemaOf: (body) => body["format"],
  imageMessage: { role: "user", content: "Look.", images: ["AQID"] }
}
