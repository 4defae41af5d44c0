/** Features of Anthropic only; the rest is in the conformance suite. */
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Anthropic from "../src/Anthropic.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"

const message = (content: ReadonlyArray<object>, rest: object = {}) =>
  FakeProvider.json({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content,
    stop_reason: "end_turn",
    usage: { input_tokens: 10, output_tokens: 5 },
    ...rest
  })

const hello = message([{ type: "text", text: "Hello." }])

const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi" }
  ],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const tool = (name: string): Llm.ToolDefinition => ({
  name,
  description: name,
  parameters: { type: "object", properties: {} }
})

const ask = (
  fields: Partial<Llm.Request> = {},
  options: Partial<Anthropic.Options> & { readonly id?: string; readonly handler?: FakeProvider.Handler } = {}
) =>
  Effect.gen(function* () {
    const { handler = hello, id = "m", ...rest } = options
    const provider = yield* Scoped.start(handler)
    const { origin } = new URL(provider.baseURL)
    const model = Anthropic.make({ apiKey: Redacted.make("k"), baseURL: origin, ...rest }).model(id)
    const answer = yield* model.generate(request(fields))
    const { body, headers } = provider.received[0]!
    return { answer, body, headers }
  }).pipe(Effect.scoped)

const marker = { type: "ephemeral" }

const conversation: ReadonlyArray<Prompt.MessageEncoded> = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hi" },
  {
    role: "assistant",
    content: [
      { type: "reasoning", text: "Hm.", options: { anthropic: { signature: "sig-1" } } },
      { type: "reasoning", text: "", options: { anthropic: { redactedData: "secret" } } },
      { type: "reasoning", text: "Another provider's." },
      { type: "text", text: " " },
      { type: "tool-call", id: "a", name: "look", params: { at: 1 } },
      { type: "tool-call", id: "b", name: "look", params: "{broken" }
    ]
  },
  {
    role: "tool",
    content: [
      { type: "tool-result", id: "a", name: "look", isFailure: false, result: { seen: 1 } },
      { type: "tool-result", id: "b", name: "look", isFailure: true, result: "no JSON" }
    ]
  },
  { role: "user", content: "Go on." }
]

describe("Anthropic", () => {
  it.live("sends a plain request, with the key and a token limit", () =>
    Effect.gen(function* () {
      const { body, headers } = yield* ask({ options: { temperature: 1.5, topP: 0.5, seed: 1, stop: ["END"] } })
      assert.deepStrictEqual(body, {
        model: "m",
        max_tokens: 8_192,
        system: [{ type: "text", text: "Be brief.", cache_control: marker }],
        messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
        temperature: 1,
        top_p: 0.5,
        stop_sequences: ["END"]
      })
      assert.include(JSON.stringify(headers), '"anthropic-version"')
      assert.match(headers["user-agent"] ?? "", /Anthropic/)
    })
  )

  it.live("sends thoughts back with their signatures, and marks what the next call will read from the cache", () =>
    Effect.gen(function* () {
      const { body } = yield* ask({
        messages: conversation,
        tools: [tool("look"), tool("ask")],
        toolChoice: "required"
      })
      assert.deepStrictEqual(body.messages, [
        { role: "user", content: [{ type: "text", text: "Hi", cache_control: marker }] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "sig-1" },
            { type: "redacted_thinking", data: "secret" },
            { type: "tool_use", id: "a", name: "look", input: { at: 1 } },
            { type: "tool_use", id: "b", name: "look", input: {} }
          ]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "a", content: '{"seen":1}' },
            { type: "tool_result", tool_use_id: "b", content: "no JSON", is_error: true },
            { type: "text", text: "Go on.", cache_control: marker }
          ]
        }
      ])
      assert.deepStrictEqual(
        (body["tools"] as ReadonlyArray<{ cache_control?: object }>).map((each) => each.cache_control),
        [undefined, marker]
      )
      assert.deepStrictEqual(body["tool_choice"], { type: "any" })
      const plain = yield* ask({ messages: conversation, tools: [tool("look")] }, { promptCache: false })
      assert.notInclude(JSON.stringify(plain.body), "cache_control")
      const hour = yield* ask({ messages: conversation }, { promptCache: "1h" })
      assert.include(JSON.stringify(hour.body), '"cache_control":{"type":"ephemeral","ttl":"1h"}')
    })
  )

  it.live("keeps the signatures of thoughts in the answer", () =>
    Effect.gen(function* () {
      const handler = message([
        { type: "thinking", thinking: "Hm.", signature: "sig-1" },
        { type: "redacted_thinking", data: "secret" },
        { type: "text", text: "Hello." }
      ])
      const { answer, body } = yield* ask({ options: { temperature: 0.5 } }, { handler, thinkingTokens: 2_000 })
      const [first] = answer.parts
      // The server that signed it, so that the signature is sent to no other one.
      const { origin } = first!.metadata!["anthropic"] as { origin: string }
      assert.match(origin, /^[0-9a-f]{16}$/)
      assert.deepStrictEqual(answer.parts, [
        { type: "reasoning", text: "Hm.", metadata: { anthropic: { origin, signature: "sig-1" } } },
        { type: "reasoning", text: "", metadata: { anthropic: { origin, redactedData: "secret" } } },
        { type: "text", text: "Hello." }
      ])
      assert.deepStrictEqual(body["thinking"], { type: "enabled", budget_tokens: 2_000 })
      assert.strictEqual(body["max_tokens"], 10_192)
      assert.isUndefined(body["temperature"])
    })
  )

  it.live("counts cache writes and their cost", () =>
    Effect.gen(function* () {
      const usage = {
        input_tokens: 100,
        cache_read_input_tokens: 200,
        cache_creation_input_tokens: 400,
        cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 100 },
        output_tokens: 50,
        output_tokens_details: { thinking_tokens: 20 }
      }
      const { answer } = yield* ask(
        {},
        { handler: message([], { usage }), prices: { m: { input: 4, cachedInput: 1, output: 10 } } }
      )
      const { costUsd, ...counts } = answer.usage
      assert.deepStrictEqual(counts, {
        requests: 1,
        inputTokens: 700,
        cachedInputTokens: 200,
        cacheWriteInputTokens: 400,
        outputTokens: 50,
        reasoningTokens: 20
      })
      assert.closeTo(costUsd ?? 0, (100 * 4 + 200 * 1 + 300 * 5 + 100 * 8 + 50 * 10) / 1e6, 1e-12)
    })
  )

  describe("output of a schema", () => {
    const schema = {
      type: "object",
      properties: { score: { type: "integer", minimum: 1 } },
      required: ["score"]
    }
    const output = { name: "rating", schema }

    it.live("is requested as structured output, beside the tools", () =>
      Effect.gen(function* () {
        const { body } = yield* ask({ output, tools: [tool("look")] })
        assert.deepStrictEqual(body["output_config"], {
          format: {
            type: "json_schema",
            schema: {
              type: "object",
              properties: { score: { type: "integer", description: "{minimum: 1}" } },
              required: ["score"],
              additionalProperties: false
            }
          }
        })
        assert.isUndefined(body["tool_choice"])
      })
    )

    it.live("uses the arguments of a tool if model or schema allow nothing better", () =>
      Effect.gen(function* () {
        const handler = message([{ type: "tool_use", id: "t", name: "final_output", input: { score: 7 } }], {
          stop_reason: "tool_use"
        })
        const map = { type: "object", additionalProperties: { type: "number" } }
        for (const options of [
          { fields: { output }, id: "claude-3-5-haiku-latest" },
          { fields: { output: { name: "scores", schema: map } }, id: "m" }
        ]) {
          const { answer, body } = yield* ask(options.fields, { handler, id: options.id })
          assert.deepStrictEqual(answer.parts, [{ type: "text", text: '{"score":7}' }])
          assert.strictEqual(answer.finishReason, "stop")
          assert.isUndefined(body["output_config"])
          assert.deepStrictEqual(body["tool_choice"], {
            type: "tool",
            name: "final_output",
            disable_parallel_tool_use: true
          })
        }
        // While tools may be called, the schema does not disable them.
        const free = yield* ask({ output, tools: [tool("final_output")] }, { id: "claude-sonnet-4-20250514" })
        assert.deepStrictEqual(free.body["tool_choice"], { type: "any" })
        const names = (free.body["tools"] as ReadonlyArray<{ name: string }>).map(({ name }) => name)
        assert.deepStrictEqual(names, ["final_output", "final_output_"])
      })
    )

    it.live("falls back to a tool where a server refuses the format, which it is asked for once", () =>
      Effect.gen(function* () {
        const refused = FakeProvider.json(
          {
            type: "error",
            error: { type: "invalid_request_error", message: "output_config: Extra inputs are not permitted" }
          },
          400
        )
        const called = message([{ type: "tool_use", id: "t", name: "final_output", input: { score: 7 } }], {
          stop_reason: "tool_use"
        })
        const server = yield* Scoped.start((received, response) =>
          (received.body["output_config"] === undefined ? called : refused)(received, response)
        )
        const { origin } = new URL(server.baseURL)
        const model = Anthropic.make({ apiKey: Redacted.make("k"), baseURL: origin }).model("m")
        const notices: Array<string> = []
        const asked = request({ output, onNotice: ({ kind, message }) => notices.push(`${kind} ${message}`) })
        for (const _ of [1, 2]) {
          const answer = yield* model.generate(asked)
          assert.deepStrictEqual(answer.parts, [{ type: "text", text: '{"score":7}' }])
          assert.strictEqual(answer.finishReason, "stop")
        }
        const sent = server.received.map(({ body }) =>
          ["output_config", "tools"].filter((name) => body[name] !== undefined)
        )
        assert.deepStrictEqual(sent, [["output_config"], ["tools"], ["tools"]])
        assert.lengthOf(notices, 1)
        assert.match(notices[0]!, /^adapted The server rejected json_schema/)
      }).pipe(Effect.scoped)
    )

    it.live("a refused mark for the cache and a refused temperature are omitted", () =>
      Effect.gen(function* () {
        const refusal = (text: string) =>
          FakeProvider.json({ type: "error", error: { type: "invalid_request_error", message: text } }, 400)
        const server = yield* Scoped.start((received, response) => {
          const { system, temperature } = received.body
          if (JSON.stringify(system).includes("cache_control"))
            return refusal("system.0.cache_control: Extra inputs are not permitted")(received, response)
          if (temperature !== undefined)
            return refusal("temperature is not supported by this model")(received, response)
          return hello(received, response)
        })
        const { origin } = new URL(server.baseURL)
        const model = Anthropic.make({ apiKey: Redacted.make("k"), baseURL: origin }).model("m")
        yield* model.generate(request({ options: { temperature: 0.5 } }))
        yield* model.generate(request({ options: { temperature: 0.5 } }))
        assert.lengthOf(server.received, 4)
      }).pipe(Effect.scoped)
    )

    it.live("is streamed from the tool's arguments as text", () =>
      Effect.gen(function* () {
        const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`
        const piece = (text: string) =>
          event({
            type: "content_block_delta",
            index: 0,
            delta: { type: "input_json_delta", partial_json: text }
          })
        const handler = FakeProvider.stream([
          event({ type: "message_start", message: { id: "x", model: "m", usage: { input_tokens: 1 } } }),
          event({
            type: "content_block_start",
            index: 0,
            content_block: { type: "tool_use", id: "t", name: "final_output", input: {} }
          }),
          piece('{"score"'),
          piece(":7}"),
          event({ type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 2 } }),
          event({ type: "message_stop" })
        ])
        const deltas: Array<string> = []
        const { answer } = yield* ask(
          { output, onDelta: (delta) => deltas.push(delta) },
          { handler, id: "claude-3-haiku-20240307" }
        )
        assert.deepStrictEqual(answer.parts, [{ type: "text", text: '{"score":7}' }])
        assert.deepStrictEqual(deltas, ['{"score"', ":7}"])
      })
    )
  })

  it.live("fails the stream if that reports a failure", () =>
    Effect.gen(function* () {
      const handler = FakeProvider.stream([
        `data: ${JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } })}\n\n`
      ])
      const error = yield* Effect.flip(ask({ onDelta: () => {} }, { handler }))
      assert.strictEqual(error.reason._tag, "Overloaded")
    })
  )
})
