/** OpenAI's responses API. */
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import * as FakeProvider from "../FakeProvider.ts"
import { openAi } from "./OpenAiSubject.ts"
import { type Subject, usage, type WireAnswer, type WireFailure } from "./Subject.ts"

const tokens = {
  input_tokens: usage.input,
  input_tokens_details: { cached_tokens: usage.cached },
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning },
  total_tokens: usage.input + usage.output
}

type Item = { readonly type: string; readonly [field: string]: unknown }

const message = (text: string): Item => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }]
})

const items = ({ calls = [], reasoning, text }: WireAnswer): ReadonlyArray<Item> => [
  ...(reasoning === undefined
    ? []
    : [
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: reasoning }],
          encrypted_content: "gAAAA"
        }
      ]),
  ...(text === undefined ? [] : [message(text)]),
  ...calls.map((call, index) => ({
    type: "function_call",
    id: `fc_${index}`,
    call_id: call.id,
    name: call.name,
    arguments: call.arguments,
    status: "completed"
  }))
]

const response = (status: string, output: ReadonlyArray<Item>, more: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "model-2026",
  status,
  error: null,
  incomplete_details: null,
  output,
  usage: status === "in_progress" ? null : tokens,
  ...more
})

const last = (answer: WireAnswer) =>
  answer.stop === "length"
    ? response("incomplete", items(answer), { incomplete_details: { reason: "max_output_tokens" } })
    : response("completed", items(answer))

const event = (data: Item): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

const begin = ["response.created", "response.in_progress"]
  .map((type) => event({ type, response: response("in_progress", []) }))
  .join("")

const halves = (text: string): ReadonlyArray<string> => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)]

/** An item as it begins, grows and is complete. */
const streamedItem = (item: Item, output_index: number): string => {
  const { encrypted_content: _, ...known } = item
  const place = { item_id: item["id"], output_index }
  const grow = (type: string, text: string, more: object = {}): string =>
    halves(text)
      .map((delta) => event({ type, ...place, ...more, delta }))
      .join("")
  const textOf = (field: "content" | "summary"): string => (item[field] as Array<{ text: string }>)[0]!.text
  const [began, grown] =
    item.type === "message"
      ? [{ content: [] }, grow("response.output_text.delta", textOf("content"), { content_index: 0 })]
      : item.type === "reasoning"
        ? [{ summary: [] }, grow("response.reasoning_summary_text.delta", textOf("summary"), { summary_index: 0 })]
        : [{ arguments: "" }, grow("response.function_call_arguments.delta", String(item["arguments"]))]
  return (
    event({ type: "response.output_item.added", output_index, item: { ...known, ...began, status: "in_progress" } }) +
    grown +
    event({ type: "response.output_item.done", output_index, item })
  )
}

const streamed = (answer: WireAnswer): ReadonlyArray<string> => {
  const end = last(answer)
  return [begin, ...items(answer).map(streamedItem), event({ type: `response.${end.status}`, response: end })]
}

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
  answer: (answer, stream) => (stream ? FakeProvider.stream(streamed(answer)) : FakeProvider.json(last(answer))),
  pieces: (texts) => [
    begin + event({ type: "response.output_item.added", output_index: 0, item: { ...message(""), content: [] } }),
    ...texts.map((delta) => event({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta }))
  ],
  failures: [
    // Of what an answer never began, both APIs say the same.
    ...openAi.failures.filter(({ what }) => !["a refusal", "no answer"].includes(what)),
    whole(
      "a refusal",
      response("completed", [{ ...message(""), content: [{ type: "refusal", refusal: "I will not." }] }]),
      "ContentRefused"
    ),
    whole(
      "an answer that a content filter cut off",
      response("incomplete", [message("Sea ot")], { incomplete_details: { reason: "content_filter" } }),
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
