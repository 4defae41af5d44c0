/** What the responses API has beyond what the conformance suite asks of every provider. */
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ChatRequest from "../../src/OpenAi/ChatRequest.ts"
import * as OpenAiApi from "../../src/OpenAi/Api.ts"
import * as ResponsesRequest from "../../src/OpenAi/ResponsesRequest.ts"
import * as OpenAi from "../../src/OpenAi.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as OpenAiChat from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"

const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content: "otters" }],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const provider = ({ baseURL }: Scoped.FakeProvider, options: Partial<OpenAi.Options> = {}) =>
  OpenAi.make({ apiKey: Redacted.make("k"), baseURL, api: "responses", ...options })

const body = (output: ReadonlyArray<unknown>, more: object = {}) => ({
  id: "resp_1",
  model: "gpt-2026",
  status: "completed",
  output,
  usage: { input_tokens: 10, output_tokens: 3, output_tokens_details: { reasoning_tokens: 2 } },
  ...more
})

const message = (text: string, more: object = {}) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text }],
  ...more
})

const thought = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA" }
const call = { type: "function_call", id: "fc_1", call_id: "call_1", name: "forecast", arguments: "{}" }

const forecast: Llm.ToolDefinition = {
  name: "forecast",
  description: "Tells the weather",
  parameters: { $schema: "http://json-schema.org/draft-07/schema#", type: "object", properties: {} }
}

/** The answer as the message of the conversation that it becomes. */
const said = ({ parts }: Llm.Answer): Prompt.MessageEncoded => ({
  role: "assistant",
  content: parts.flatMap((part): ReadonlyArray<Prompt.AssistantMessagePartEncoded> => {
    if (part.type === "tool-call") return [{ type: "tool-call", id: part.id, name: part.name, params: part.params }]
    if (part.type !== "text" && part.type !== "reasoning") return []
    return [{ type: part.type, text: part.text, ...(part.metadata && { options: part.metadata }) }]
  })
})

const ask = (handler: FakeProvider.Handler, fields: Partial<Llm.Request> = {}, options?: Partial<OpenAi.Options>) =>
  Effect.gen(function* () {
    const server = yield* Scoped.start(handler)
    const answer = yield* provider(server, options).model("gpt-5.2").generate(request(fields))
    return { answer, sent: server.received[0]! }
  }).pipe(Effect.scoped)

const events = (...all: ReadonlyArray<object>) =>
  FakeProvider.stream(all.map((each) => `data: ${JSON.stringify(each)}\n\n`))

const streamed = (handler: FakeProvider.Handler) =>
  Effect.gen(function* () {
    const deltas: Array<string> = []
    const { answer } = yield* ask(handler, { onDelta: (delta) => deltas.push(delta) })
    return { answer, deltas: deltas.join("") }
  })

const failed = (handler: FakeProvider.Handler) => Effect.map(Effect.flip(streamed(handler)), ({ reason }) => reason)

const beginning = { type: "response.created", response: { id: "resp_1", model: "gpt-2026", status: "in_progress" } }
const ending = (output: ReadonlyArray<unknown>, more: object = {}) => ({
  type: "response.completed",
  response: body(output, more)
})

describe("the responses API of OpenAI", () => {
  it.live("is asked to store nothing, for what was thought, and for no strictness that schemas do not have", () =>
    Effect.gen(function* () {
      const { answer, sent } = yield* ask(
        FakeProvider.json(body([message("Otters.")])),
        {
          messages: [
            { role: "system", content: "Be short." },
            { role: "user", content: [{ type: "text", text: "otters" }] }
          ],
          tools: [forecast],
          toolChoice: "required",
          options: { temperature: 0.5, topP: 0.9, maxOutputTokens: 100, seed: 1, stop: ["x"] }
        },
        {
          reasoningEffort: "low",
          reasoningSummary: "auto",
          prices: { "gpt-5.2": { input: 1, output: 10 } }
        }
      )
      assert.strictEqual(sent.path, "/v1/responses")
      assert.deepStrictEqual(sent.body, {
        model: "gpt-5.2",
        input: [
          { role: "system", content: "Be short." },
          { role: "user", content: "otters" }
        ],
        store: false,
        include: ["reasoning.encrypted_content"],
        reasoning: { effort: "low", summary: "auto" },
        tools: [
          {
            type: "function",
            name: "forecast",
            description: "Tells the weather",
            parameters: { type: "object", properties: {} },
            strict: false
          }
        ],
        tool_choice: "required",
        temperature: 0.5,
        top_p: 0.9,
        max_output_tokens: 100
      } as never)
      assert.deepStrictEqual(answer.usage, {
        requests: 1,
        inputTokens: 10,
        cachedInputTokens: 0,
        outputTokens: 3,
        reasoningTokens: 2,
        costUsd: 0.00004
      })
    })
  )

  it.live("is not asked what models thought that do not think", () =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(FakeProvider.json(body([message("Otters.")])))
      const models = provider(server)
      for (const id of ["gpt-4o", "ft:gpt-4.1-mini:acme", "chatgpt-4o-latest", "gpt-5-chat-latest", "openai/gpt-4o"]) {
        yield* models.model(id).generate(request())
        assert.isUndefined(server.received.at(-1)!.body["include"], id)
      }
      for (const id of ["o3", "gpt-5", "gpt-5.1-chat-latest", "gpt-6-sol", "openai/gpt-5.2"]) {
        yield* models.model(id).generate(request())
        assert.isDefined(server.received.at(-1)!.body["include"], id)
      }
    }).pipe(Effect.scoped)
  )

  it.live("gives back what was thought, to the model that thought it and where something came of it", () =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(FakeProvider.json(body([thought, call])))
      const models = provider(server)
      const answer = yield* models.model("gpt-5.2").generate(request({ tools: [forecast] }))
      assert.deepStrictEqual(
        answer.parts.map((part) => part.type),
        ["reasoning", "tool-call"]
      )
      const result: Prompt.MessageEncoded = {
        role: "tool",
        content: [{ type: "tool-result", id: "call_1", name: "forecast", isFailure: false, result: "sunny" }]
      }
      const sends = (model: Llm.Model, message: Prompt.MessageEncoded) =>
        Effect.map(
          model.generate(request({ messages: [message, result] })),
          () => server.received.at(-1)!.body["input"]
        )
      const { id: _, ...called } = call
      const output = { type: "function_call_output", call_id: "call_1", output: "sunny" }
      assert.deepStrictEqual(yield* sends(models.model("gpt-5.2"), said(answer)), [thought, called, output])
      // Another model cannot read it; the same one can, also in a process that began after a
      // restart.
      assert.deepStrictEqual(yield* sends(models.model("o3"), said(answer)), [called, output])
      const stored = JSON.parse(JSON.stringify(said(answer)))
      assert.deepStrictEqual(yield* sends(provider(server).model("gpt-5.2"), stored), [thought, called, output])
      // An answer that was cut off while the model thought.
      const cut = said({ ...answer, parts: answer.parts.slice(0, 1) })
      assert.deepStrictEqual(yield* sends(models.model("gpt-5.2"), cut), [output])
    }).pipe(Effect.scoped)
  )

  it.live("asks without what was thought where the account cannot read it any more, each time", () =>
    Effect.gen(function* () {
      const message = "The encrypted content gAAAA could not be verified. Reason: it could not be decrypted."
      const refused = { error: { message, type: "invalid_request_error", code: "invalid_encrypted_content" } }
      const server = yield* Scoped.start((received, response) =>
        JSON.stringify(received.body["input"]).includes("encrypted_content")
          ? FakeProvider.json(refused, 400)(received, response)
          : FakeProvider.json(body([thought, call]))(received, response)
      )
      const model = provider(server).model("gpt-5.2")
      const answer = yield* model.generate(request({ tools: [forecast] }))
      const notices: Array<string> = []
      const again = request({ messages: [said(answer)], onNotice: ({ kind }) => notices.push(kind) })
      yield* model.generate(again)
      yield* model.generate(again)
      const sent = server.received.map(({ body }) => JSON.stringify(body["input"]).includes("encrypted_content"))
      assert.deepStrictEqual(sent, [false, true, false, true, false])
      assert.deepStrictEqual(notices, [])
    }).pipe(Effect.scoped)
  )

  it.live("output of a schema falls back to a tool where its format is refused, once is enough, and it is told", () =>
    Effect.gen(function* () {
      const called = body([{ ...call, name: "title", arguments: '{"title":"A"}' }])
      const server = yield* Scoped.start((received, response) =>
        received.body["text"] === undefined
          ? FakeProvider.json(called)(received, response)
          : FakeProvider.json({ error: { message: "Unsupported parameter: text.format" } }, 400)(received, response)
      )
      const model = provider(server).model("m")
      const notices: Array<string> = []
      const schema = { type: "object", properties: { title: { type: "string" } } }
      const asked = request({
        output: { name: "title", schema },
        onNotice: ({ kind, message }) => notices.push(`${kind} ${message}`)
      })
      const answer = yield* model.generate(asked)
      assert.deepStrictEqual(answer.parts, [{ type: "text", text: '{"title":"A"}' }])
      assert.strictEqual(answer.finishReason, "stop")
      yield* model.generate(asked)
      const features = server.received.map(({ body }) => ["text", "tools"].filter((name) => body[name] !== undefined))
      assert.deepStrictEqual(features, [["text"], ["tools"], ["tools"]])
      assert.lengthOf(notices, 1)
      assert.match(notices[0]!, /^adapted The server rejected json_schema/)
    }).pipe(Effect.scoped)
  )

  it.live("gives back what servers of open models thought, which they do not encrypt", () =>
    Effect.gen(function* () {
      const open = { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] }
      const server = yield* Scoped.start(FakeProvider.json(body([open, message("Otters.")])))
      const model = provider(server).model("gpt-oss")
      const answer = yield* model.generate(request())
      assert.include(answer.parts[0], { type: "reasoning", text: "Hm." })
      yield* model.generate(request({ messages: [said(answer)] }))
      assert.deepStrictEqual(server.received[1]!.body["input"], [open, { role: "assistant", content: "Otters." }])
    }).pipe(Effect.scoped)
  )

  it.live("what is said on the way is no part of the answer, and goes back as what it was", () =>
    Effect.gen(function* () {
      const aside = message("I will look.", { phase: "commentary" })
      const final = message("Otters.", { phase: "final_answer" })
      const text = (output_index: number, delta: string) => ({
        type: "response.output_text.delta",
        output_index,
        delta
      })
      const { answer, deltas } = yield* streamed(
        events(
          beginning,
          { type: "response.output_item.added", output_index: 0, item: { ...aside, content: [] } },
          text(0, "I will look."),
          { type: "response.output_item.done", output_index: 0, item: aside },
          { type: "response.output_item.added", output_index: 1, item: { ...final, content: [] } },
          text(1, "Otters."),
          { type: "response.output_item.done", output_index: 1, item: final },
          ending([aside, final])
        )
      )
      assert.strictEqual(deltas, "Otters.")
      assert.deepStrictEqual(
        answer.parts.map((part) => [part.type, "text" in part ? part.text : ""]),
        [
          ["reasoning", "I will look."],
          ["text", "Otters."]
        ]
      )
      const { sent } = yield* ask(FakeProvider.json(body([])), { messages: [said(answer)] })
      assert.deepStrictEqual(sent.body["input"], [
        { role: "assistant", content: "I will look.", phase: "commentary" },
        { role: "assistant", content: "Otters.", phase: "final_answer" }
      ])
    })
  )

  it.live("takes documents, as bytes and by URL", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | URL, fileName?: string) =>
        ({ type: "file", mediaType, data, ...(fileName !== undefined && { fileName }) }) as const
      const { sent } = yield* ask(FakeProvider.json(body([message("Read.")])), {
        messages: [
          {
            role: "user",
            content: [
              file("application/pdf", "AQID"),
              file("text/csv", "AQID", "a.csv"),
              file("text/x-python", "AQID"),
              file("application/pdf", new URL("https://example.com/a.pdf")),
              file("application/pdf", "data:application/pdf;base64,AQID")
            ]
          }
        ]
      })
      const pdf = { type: "input_file", filename: "document.pdf", file_data: "data:application/pdf;base64,AQID" }
      assert.deepStrictEqual((sent.body["input"] as ReadonlyArray<{ content: unknown }>)[0]!.content, [
        pdf,
        { type: "input_file", filename: "a.csv", file_data: "data:text/csv;base64,AQID" },
        { type: "input_file", filename: "document.txt", file_data: "data:text/x-python;base64,AQID" },
        { type: "input_file", file_url: "https://example.com/a.pdf" },
        pdf
      ])
    })
  )

  it.live("fails in the middle of a stream as at its beginning", () =>
    Effect.gen(function* () {
      const failure = (code: string) => ({
        type: "response.failed",
        response: body([], { status: "failed", error: { code, message: "Told so." } })
      })
      assert.strictEqual((yield* failed(events(beginning, failure("server_error"))))._tag, "Overloaded")
      assert.strictEqual((yield* failed(events(beginning, failure("rate_limit_exceeded"))))._tag, "RateLimited")
      assert.strictEqual((yield* failed(events(beginning, failure("invalid_image"))))._tag, "InvalidRequest")
      const error = { code: "context_length_exceeded", message: "too long" }
      // As the documentation has it, and as it has been seen.
      for (const event of [
        { type: "error", ...error },
        { type: "error", error }
      ]) {
        const reason = yield* failed(events(beginning, event))
        assert.strictEqual(reason._tag, "ContextTooLong")
        assert.strictEqual(reason.description, "too long")
      }
      const refused = message("", { content: [{ type: "refusal", refusal: "I will not." }] })
      const refusal = { type: "response.output_item.done", output_index: 0, item: refused }
      assert.strictEqual((yield* failed(events(beginning, refusal, ending([]))))._tag, "ContentRefused")
      assert.strictEqual((yield* failed(events(beginning, ending([{ ...call, name: "" }]))))._tag, "MalformedAnswer")
      const incomplete = (reason: string) => ({
        type: "response.incomplete",
        response: body([message("Ot")], { status: "incomplete", incomplete_details: { reason } })
      })
      assert.strictEqual((yield* failed(events(beginning, incomplete("content_filter"))))._tag, "ContentRefused")
      const cut = yield* streamed(events(beginning, incomplete("max_output_tokens")))
      assert.strictEqual(cut.answer.finishReason, "length")
      const broken = yield* failed(events(beginning, incomplete("steered")))
      assert.strictEqual(broken._tag, "MalformedAnswer")
      assert.include(broken.description, "steered")
    })
  )

  it.live("bears what compatible servers leave out of a stream", () =>
    Effect.gen(function* () {
      const grown = { type: "response.output_text.delta", delta: "Ott" }
      const done = { type: "response.output_item.done", output_index: 0, item: message("Otters.") }
      const args = { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a":1}' }
      const added = { type: "response.output_item.added", output_index: 1, item: { ...call, arguments: "" } }
      const cases: ReadonlyArray<readonly [string, ReadonlyArray<object>]> = [
        ["no pieces", [beginning, done, ending([message("Otters.")])]],
        ["not all pieces", [beginning, grown, done, ending([])]],
        ["nothing but the end", [ending([message("Otters.")])]],
        ["an answer that has no output", [grown, { ...grown, delta: "ers." }, ending([], { output: undefined })]]
      ]
      for (const [what, all] of cases) {
        const { answer, deltas } = yield* streamed(events(...all))
        assert.strictEqual(deltas, "Otters.", what)
        assert.deepStrictEqual(answer.parts, [{ type: "text", text: "Otters." }], what)
      }
      const { answer } = yield* streamed(
        FakeProvider.stream([
          ...[beginning, grown, added, args].map((each) => `data: ${JSON.stringify(each)}\n\n`),
          "data: [DONE]\n\n"
        ])
      )
      assert.deepStrictEqual(answer.parts, [
        { type: "text", text: "Ott" },
        { type: "tool-call", id: "call_1", name: "forecast", params: { a: 1 } }
      ])
      assert.strictEqual(answer.finishReason, "tool-calls")
    })
  )
})

describe("a schema beside tools that can be called", () => {
  const schema = { type: "object", properties: {}, additionalProperties: false }
  const tools = [{ name: "look", description: "Looks", parameters: schema }]
  const common = { model: "m", origin: "o", reasoningEffort: undefined, reasoningSummary: undefined }
  const formats = (isOpenAi: boolean, fields: Partial<Llm.Request>) => {
    const asked = request({ output: { name: "seen", schema }, ...fields })
    const { body: chat } = ChatRequest.make({ ...common, isOpenAi, lacking: new Set() }, asked)
    const { body: responses } = ResponsesRequest.make({ ...common, isOpenAi, lacking: new Set() }, asked)
    return [chat.response_format !== undefined, responses.text?.format !== undefined]
  }

  it("goes along at OpenAI, and elsewhere once no tool can be called", () => {
    assert.deepStrictEqual(formats(true, { tools }), [true, true])
    assert.deepStrictEqual(formats(false, { tools }), [false, false])
    assert.deepStrictEqual(formats(false, { tools, toolChoice: "none" }), [true, true])
    assert.deepStrictEqual(formats(false, {}), [true, true])
  })
})

describe("the API of OpenAI that is asked", () => {
  const file = { type: "file", data: "AQID" } as const
  const plain = request()
  const needy: ReadonlyArray<Llm.Request> = [
    request({ options: { seed: 1 } }),
    request({ options: { stop: ["x"] } }),
    request({ options: { maxOutputTokens: 15 } }),
    request({ messages: [{ role: "user", content: [{ ...file, mediaType: "audio/wav" }] }] })
  ]

  it("is the responses API at OpenAI, but for what only chat completions have", () => {
    for (const at of [OpenAi.defaultBaseURL, "https://eu.api.openai.com/v1", "https://api.openai.com:443/v1"]) {
      const choose = OpenAiApi.chooser(at, undefined)
      assert.strictEqual(choose(plain), "responses")
      assert.strictEqual(choose(request({ options: { stop: [], temperature: 1, maxOutputTokens: 16 } })), "responses")
      const image = request({ messages: [{ role: "user", content: [{ ...file, mediaType: "image/png" }] }] })
      assert.strictEqual(choose(image), "responses")
      for (const each of needy) assert.strictEqual(choose(each), "chat")
    }
  })

  it("is chat completions anywhere else", () => {
    for (const at of [
      "http://127.0.0.1:8000/v1",
      "https://api.mistral.ai/v1",
      "https://acme.openai.azure.com/openai/v1",
      "https://api.openai.com.example.org/v1",
      "http://api.openai.com/v1"
    ]) {
      assert.strictEqual(OpenAiApi.chooser(at, undefined)(plain), "chat", at)
    }
  })

  it("is the one that is given", () => {
    for (const api of OpenAi.apis) {
      for (const at of [OpenAi.defaultBaseURL, "http://127.0.0.1:8000/v1"]) {
        for (const each of [plain, ...needy]) assert.strictEqual(OpenAiApi.chooser(at, api)(each), api)
      }
    }
  })

  it.live("takes an effort of thinking either way", () =>
    Effect.gen(function* () {
      const { sent } = yield* ask(
        FakeProvider.json(OpenAiChat.completion({ content: "Otters." })),
        {},
        {
          api: "chat",
          reasoningEffort: "high"
        }
      )
      assert.strictEqual(sent.path, "/v1/chat/completions")
      assert.strictEqual(sent.body["reasoning_effort"], "high")
    })
  )
})
