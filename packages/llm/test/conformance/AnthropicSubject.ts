/** Anthropic's messages. */
import * as Redacted from "effect/Redacted"
import * as Anthropic from "../../src/Anthropic.ts"
import * as FakeProvider from "@crewline/fake-provider"
import { dialect, messageOf } from "@crewline/fake-provider/Dialect/AnthropicMessages"
import type { Subject, WireFailure } from "./Subject.ts"

const failure = (
  what: string,
  status: number,
  error: { readonly type: string; readonly message?: string },
  reason: WireFailure["reason"],
  more: Record<string, string> = {},
  retryAfterMillis?: number
): WireFailure => ({
  what,
  handler: FakeProvider.json({ type: "error", error: { message: "Told so.", ...error } }, status, more),
  reason,
  ...(retryAfterMillis !== undefined && { retryAfterMillis })
})

export const anthropic: Subject = {
  name: "Anthropic",
  model: (origin, { apiKey = "test", timeoutMillis } = {}) =>
    Anthropic.make({
      apiKey: Redacted.make(apiKey),
      baseURL: origin,
      ...(timeoutMillis !== undefined && { timeoutMillis })
    }).model("m"),
  dialect,
  caches: true,
  countsReasoning: true,
  schemaBesideTools: true,
  textArguments: true,
  failures: [
    failure("429", 429, { type: "rate_limit_error" }, "RateLimited", { "retry-after": "7" }, 7_000),
    failure("529", 529, { type: "overloaded_error" }, "Overloaded"),
    failure("500", 500, { type: "api_error" }, "Overloaded"),
    failure("503 with Retry-After", 503, { type: "api_error" }, "Overloaded", { "retry-after": "2" }, 2_000),
    failure(
      "400 of a long prompt",
      400,
      { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" },
      "ContextTooLong"
    ),
    failure(
      "400 of a prompt and an answer that together are too long",
      400,
      {
        type: "invalid_request_error",
        message: "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000"
      },
      "ContextTooLong"
    ),
    failure("413", 413, { type: "request_too_large" }, "ContextTooLong"),
    failure(
      "400 of a content filter",
      400,
      { type: "invalid_request_error", message: "Output blocked by content filtering policy" },
      "ContentRefused"
    ),
    failure("400", 400, { type: "invalid_request_error" }, "InvalidRequest"),
    failure("404", 404, { type: "not_found_error" }, "InvalidRequest"),
    failure("401", 401, { type: "authentication_error" }, "Authentication"),
    failure("403", 403, { type: "permission_error" }, "Authentication"),
    failure("402", 402, { type: "billing_error" }, "QuotaExhausted"),
    failure(
      "400 without credit",
      400,
      { type: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API." },
      "QuotaExhausted"
    ),
    failure("504", 504, { type: "timeout_error" }, "Timeout"),
    {
      what: "a refusal",
      handler: FakeProvider.json({
        ...messageOf({ number: 1, model: "m" }, [], { input_tokens: 10, output_tokens: 1 }),
        stop_reason: "refusal",
        stop_details: { type: "refusal", explanation: "I will not." }
      }),
      reason: "ContentRefused"
    },
    { what: "no answer", handler: FakeProvider.json({ type: "message" }), reason: "MalformedAnswer" }
  ],
  messagesOf: ({ messages }) => messages,
  rateLimitHeaders: {
    // Times are those of the provider's clock.
    date: "Tue, 03 Mar 2026 10:00:00 GMT",
    "anthropic-ratelimit-requests-limit": "100",
    "anthropic-ratelimit-requests-remaining": "7",
    "anthropic-ratelimit-requests-reset": "2026-03-03T10:00:30Z",
    "anthropic-ratelimit-tokens-limit": "4000",
    "anthropic-ratelimit-tokens-remaining": "1000",
    "anthropic-ratelimit-tokens-reset": "2026-03-03T10:01:00Z"
  },
  schemaOf: (body) => JSON.parse(JSON.stringify(body["output_config"] ?? {})).format?.schema,
  imageMessage: {
    role: "user",
    content: [
      { type: "text", text: "Look." },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } }
    ]
  },
  imageUrlMessage: {
    role: "user",
    content: [
      { type: "text", text: "Look." },
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } }
    ]
  }
}
