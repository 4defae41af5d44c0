/** Anthropic's messages. */
import * as Redacted from "effect/Redacted"
import * as Anthropic from "../../src/Anthropic.ts"
import * as FakeProvider from "../FakeProvider.ts"
import { type Subject, usage, type WireAnswer, type WireFailure } from "./Subject.ts"

const headers = { "request-id": "req_1" }

const tokens = {
  input_tokens: usage.input - usage.cached - 10,
  cache_read_input_tokens: usage.cached,
  cache_creation_input_tokens: 10,
  output_tokens: usage.output,
  output_tokens_details: { thinking_tokens: usage.reasoning }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const blocks = ({ reasoning, text, calls = [] }: WireAnswer): ReadonlyArray<object> => [
  ...(reasoning === undefined ? [] : [{ type: "thinking", thinking: reasoning, signature: "sig" }]),
  ...(text === undefined ? [] : [{ type: "text", text }]),
  ...calls.map(({ id, name, arguments: input }) => ({ type: "tool_use", id, name, input: parse(input) }))
]

const stopReason = (answer: WireAnswer): string =>
  answer.stop === "length" ? "max_tokens" : answer.calls === undefined ? "end_turn" : "tool_use"

const event = (data: { readonly type: string; readonly [field: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

const message = (rest: object) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "model-2026",
  content: [],
  stop_reason: null,
  ...rest
})

const begin = event({
  type: "message_start",
  message: message({ usage: { ...tokens, output_tokens: 1, output_tokens_details: null } })
})

const block = (index: number, opening: object, deltas: ReadonlyArray<object>): string =>
  event({ type: "content_block_start", index, content_block: opening }) +
  deltas.map((delta) => event({ type: "content_block_delta", index, delta })).join("") +
  event({ type: "content_block_stop", index })

const halves = (text: string): [string, string] => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)]

const streamed = (answer: WireAnswer): ReadonlyArray<string> => {
  const out: Array<string> = []
  const { reasoning, text, calls = [] } = answer
  if (reasoning !== undefined) {
    out.push(
      block(out.length, { type: "thinking", thinking: "", signature: "" }, [
        ...halves(reasoning).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: "sig" }
      ])
    )
  }
  if (text !== undefined) {
    const deltas = halves(text).map((half) => ({ type: "text_delta", text: half }))
    out.push(block(out.length, { type: "text", text: "" }, deltas))
  }
  for (const call of calls) {
    const deltas = halves(call.arguments).map((half) => ({ type: "input_json_delta", partial_json: half }))
    out.push(block(out.length, { type: "tool_use", id: call.id, name: call.name, input: {} }, deltas))
  }
  return [
    begin,
    event({ type: "ping" }),
    ...out,
    event({
      type: "message_delta",
      delta: { stop_reason: stopReason(answer) },
      usage: { output_tokens: usage.output, output_tokens_details: tokens.output_tokens_details }
    }),
    event({ type: "message_stop" })
  ]
}

const failure = (
  what: string,
  status: number,
  error: { readonly type: string; readonly message?: string },
  reason: WireFailure["reason"],
  more: Record<string, string> = {},
  retryAfterMillis?: number
): WireFailure => ({
  what,
  handler: FakeProvider.json({ type: "error", error: { message: "Told so.", ...error } }, status, {
    ...headers,
    ...more
  }),
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
  answer: (answer, stream) =>
    stream
      ? FakeProvider.stream(streamed(answer))
      : FakeProvider.json(
          message({ content: blocks(answer), stop_reason: stopReason(answer), usage: tokens }),
          200,
          headers
        ),
  pieces: (texts) => [
    begin + event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ...texts.map((text) => event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }))
  ],
  streamType: "text/event-stream",
  caches: true,
  countsReasoning: true,
  schemaBesideTools: true,
  textArguments: true,
  requestIdHeader: "request-id",
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
      handler: FakeProvider.json(
        message({ stop_reason: "refusal", stop_details: { type: "refusal", explanation: "I will not." } }),
        200,
        headers
      ),
      reason: "ContentRefused"
    },
    { what: "no answer", handler: FakeProvider.json({ type: "message" }, 200, headers), reason: "MalformedAnswer" }
  ],
  messagesOf: ({ messages }) => messages,
  rateLimitHeaders: {
    // Moments are told by the provider's clock, which is not ours.
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
