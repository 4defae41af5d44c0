/** OpenAI's responses API. */
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as FakeProvider from "@crewline/fake-provider"
import { dialect, responseOf } from "@crewline/fake-provider/Dialect/OpenAiResponses"
import { openAi } from "./OpenAiSubject.ts"
import { type Subject, usage, type WireFailure } from "./Subject.ts"

const response = (status: string, output: ReadonlyArray<object>, more: object = {}) => ({
  ...responseOf({ number: 1, model: "model-2026", usage }, status, output),
  ...more
})

const message = (content: ReadonlyArray<object>) => ({ type: "message", id: "msg_1", role: "assistant", content })

const whole = (what: string, body: unknown, reason: WireFailure["reason"]): WireFailure => ({
  what,
  handler: FakeProvider.json(body),
  reason
})

const failed = (code: string, message = "Told so.") => response("failed", [], { error: { code, message } })

export const responses: Subject = {
  ...openAi,
  name: "OpenAI's responses API",
  model: (origin, { apiKey = "test", timeoutMillis } = {}) =>
    OpenAi.make({
      api: "responses",
      apiKey: Redacted.make(apiKey),
      baseURL: `${origin}/v1`,
      ...(timeoutMillis !== undefined && { timeoutMillis })
    }).model("m"),
  dialect,
  failures: [
    // Both APIs report the same for an answer that never started.
    ...openAi.failures.filter(({ what }) => !["a refusal", "no answer"].includes(what)),
    whole(
      "a refusal",
      response("completed", [message([{ type: "refusal", refusal: "I will not." }])]),
      "ContentRefused"
    ),
    whole(
      "an answer that a content filter cut off",
      response("incomplete", [message([{ type: "output_text", text: "Sea ot" }])], {
        incomplete_details: { reason: "content_filter" }
      }),
      "ContentRefused"
    ),
    whole("a failure of the server", failed("server_error"), "Overloaded"),
    whole("a failure for the rate limit", failed("rate_limit_exceeded"), "RateLimited"),
    whole("a failure for the image", failed("invalid_image_format"), "InvalidRequest"),
    whole("a failure for the prompt", failed("invalid_prompt"), "InvalidRequest"),
    whole(
      "a failure for what the prompt says",
      failed("invalid_prompt", "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
      "ContentRefused"
    ),
    whole("a failure for what the image shows", failed("image_content_policy_violation"), "ContentRefused"),
    whole("a failure for the length of the conversation", failed("context_length_exceeded"), "ContextTooLong"),
    whole("a failure without a reason", response("failed", []), "Overloaded"),
    whole("no output", { id: "resp_1", object: "response", status: "completed" }, "MalformedAnswer"),
    whole("an answer that is not finished", response("in_progress", []), "MalformedAnswer")
  ],
  schemaOf: (body) => JSON.parse(JSON.stringify(body["text"] ?? {})).format?.schema,
  messagesOf: (body) => (Array.isArray(body["input"]) ? body["input"] : []),
  imageMessage: {
    role: "user",
    content: [
      { type: "input_text", text: "Look." },
      { type: "input_image", image_url: "data:image/png;base64,AQID", detail: "auto" }
    ]
  },
  imageUrlMessage: {
    role: "user",
    content: [
      { type: "input_text", text: "Look." },
      { type: "input_image", image_url: "https://example.com/a.png", detail: "auto" }
    ]
  }
}
