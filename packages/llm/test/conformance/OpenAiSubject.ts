/** OpenAI's chat completions, and a compatible server under another name. */
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as FakeProvider from "@crewline/fake-provider"
import { completion, dialect } from "@crewline/fake-provider/Dialect/OpenAiChat"
import type { Subject, WireFailure } from "./Subject.ts"

const failure = (
  what: string,
  status: number,
  error: object,
  reason: WireFailure["reason"],
  headers: Record<string, string> = {},
  retryAfterMillis?: number
): WireFailure => ({
  what,
  handler: FakeProvider.json({ error: { message: "Told so.", ...error } }, status, headers),
  reason,
  ...(retryAfterMillis !== undefined && { retryAfterMillis })
})

export const openAi: Subject = {
  name: "OpenAI",
  model: (origin, { apiKey = "test", timeoutMillis } = {}) =>
    OpenAi.make({
      apiKey: Redacted.make(apiKey),
      baseURL: `${origin}/v1`,
      ...(timeoutMillis !== undefined && { timeoutMillis })
    }).model("m"),
  dialect,
  caches: true,
  countsReasoning: true,
  // Requests to OpenAI itself are tested in `OpenAi.test.ts`: no fake has its address.
  schemaBesideTools: false,
  textArguments: true,
  failures: [
    failure("429", 429, { code: "rate_limit_exceeded" }, "RateLimited", { "retry-after": "7" }, 7_000),
    failure("500", 500, {}, "Overloaded"),
    failure("503 with Retry-After", 503, {}, "Overloaded", { "retry-after": "2" }, 2_000),
    failure("400 of a long prompt", 400, { code: "context_length_exceeded" }, "ContextTooLong"),
    failure("400 of a content filter", 400, { code: "content_filter" }, "ContentRefused"),
    failure("400", 400, {}, "InvalidRequest"),
    failure("401", 401, { code: "invalid_api_key" }, "Authentication"),
    failure("403", 403, {}, "Authentication"),
    failure("429 without credit", 429, { code: "insufficient_quota" }, "QuotaExhausted"),
    failure("408", 408, {}, "Timeout"),
    {
      what: "a refusal",
      handler: FakeProvider.json(completion({ refusal: "I will not." })),
      reason: "ContentRefused"
    },
    { what: "no answer", handler: FakeProvider.json({ choices: [] }), reason: "MalformedAnswer" }
  ],
  messagesOf: ({ messages }) => messages,
  rateLimitHeaders: {
    "x-ratelimit-limit-requests": "100",
    "x-ratelimit-remaining-requests": "7",
    "x-ratelimit-reset-requests": "30s",
    "x-ratelimit-limit-tokens": "4000",
    "x-ratelimit-remaining-tokens": "1000",
    "x-ratelimit-reset-tokens": "1m0s"
  },
  schemaOf: ({ response_format }) => response_format?.json_schema.schema,
  imageMessage: {
    role: "user",
    content: [
      { type: "text", text: "Look." },
      { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }
    ]
  },
  imageUrlMessage: {
    role: "user",
    content: [
      { type: "text", text: "Look." },
      { type: "image_url", image_url: { url: "https://example.com/a.png" } }
    ]
  }
}

export const compatible: Subject = {
  ...openAi,
  name: "a server that is compatible with OpenAI",
  model: (origin, { apiKey = "none", timeoutMillis } = {}) =>
    OpenAi.make({
      name: "local",
      apiKey: Redacted.make(apiKey),
      baseURL: `${origin}/v1`,
      ...(timeoutMillis !== undefined && { timeoutMillis })
    }).model("m")
}
