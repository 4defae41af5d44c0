import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as OpenAi from "../src/OpenAi.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as OpenAiChat from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { request } from "./fake/Request.ts"

const canary = "sk-canary-7f3a9b1c5d"

const modelAt = (baseURL: string, options: Partial<OpenAi.Options> = {}) =>
  OpenAi.make({ apiKey: Redacted.make(canary), baseURL, ...options }).model("m")

const generate = (handler: FakeProvider.Handler, fields?: Partial<Llm.Request>, options?: Partial<OpenAi.Options>) =>
  Effect.gen(function* () {
    const provider = yield* Scoped.start(handler)
    const answer = yield* modelAt(provider.baseURL, options).generate(request(fields))
    return { answer, body: provider.received[0]!.body, provider }
  })

const failure = (handler: FakeProvider.Handler, fields?: Partial<Llm.Request>, options?: Partial<OpenAi.Options>) =>
  Effect.map(Effect.flip(generate(handler, fields, options)), (error) => error.reason)

const text = FakeProvider.json(OpenAiChat.completion({ content: "Otters." }))

const weather: Llm.ToolDefinition = {
  name: "weather",
  description: "Tells the weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

describe("OpenAi.generate", () => {
  it.effect("answers with text, usage and the model that answered", () =>
    Effect.gen(function* () {
      const { answer, body, provider } = yield* generate(text)
      assert.deepStrictEqual(answer, {
        parts: [{ type: "text", text: "Otters." }],
        finishReason: "stop",
        usage: {
          requests: 1,
          inputTokens: 100,
          cachedInputTokens: 40,
          outputTokens: 20,
          reasoningTokens: 5,
          costUsd: null
        },
        model: "model-2026"
      })
      assert.deepStrictEqual(body, {
        model: "m",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Which mammals use tools?" }
        ]
      })
      const [{ headers, path } = assert.fail()] = provider.received
      assert.strictEqual(path, "/v1/chat/completions")
      assert.strictEqual(headers.authorization, `Bearer ${canary}`)
      assert.strictEqual(headers["content-type"], "application/json")
      assert.match(headers["user-agent"] ?? "", /^CrewlineOpenAI\/JS /)
    }).pipe(Effect.scoped)
  )

  it.live("sends later requests completely, over the same connection", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(text)
      const model = modelAt(provider.baseURL)
      yield* model.generate(request())
      // The transport releases a connection a turn of the event loop after its response.
      yield* Effect.sleep(5)
      yield* model.generate(request({ messages: [{ role: "user", content: "And birds?" }] }))
      const [first = assert.fail(), second = assert.fail()] = provider.received
      const { "content-length": _a, ...before } = first.headers
      const { "content-length": _b, ...after } = second.headers
      assert.deepStrictEqual(after, before)
      assert.deepStrictEqual(second.body.messages, [{ role: "user", content: "And birds?" }])
      assert.strictEqual(provider.connections(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("accepts a base URL with a query, and a key with a line break at its end", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(text)
      const model = OpenAi.make({
        apiKey: Redacted.make(`${canary}\n`),
        baseURL: `${provider.baseURL}?api-version=7`
      }).model("m")
      yield* model.generate(request())
      yield* model.generate(request())
      assert.deepStrictEqual(
        provider.received.map(({ path, headers }) => [path, headers.authorization]),
        [1, 2].map(() => ["/v1/chat/completions?api-version=7", `Bearer ${canary}`])
      )
    }).pipe(Effect.scoped)
  )

  it.effect("asks with tools and reads parallel calls", () =>
    Effect.gen(function* () {
      const call = (id: string, args: string) => ({
        id,
        type: "function",
        function: { name: "weather", arguments: args }
      })
      const { answer, body } = yield* generate(
        FakeProvider.json(
          OpenAiChat.completion(
            { tool_calls: [call("a", '{"city":"Oslo"}'), call("b", '{"city":"Rome"}'), call("", "")] },
            {},
            "stop"
          )
        ),
        { tools: [weather], toolChoice: "required" }
      )
      const [, , third] = answer.parts
      // Generated here, because servers use the same id in all of their completions.
      const id = third?.type === "tool-call" ? third.id : ""
      assert.match(id, /^call_[0-9a-f]{32}$/)
      assert.deepStrictEqual(answer.parts, [
        { type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } },
        { type: "tool-call", id: "b", name: "weather", params: { city: "Rome" } },
        { type: "tool-call", id, name: "weather", params: {} }
      ])
      assert.strictEqual(answer.finishReason, "tool-calls")
      assert.strictEqual(body.tool_choice, "required")
      assert.deepStrictEqual(body.tools, [{ type: "function", function: weather }])
    }).pipe(Effect.scoped)
  )

  it.effect("forwards invalid JSON arguments unchanged, and drops a prototype", () =>
    Effect.gen(function* () {
      const call = (args: string) => ({ id: args, type: "function", function: { name: "weather", arguments: args } })
      const { answer } = yield* generate(
        FakeProvider.json(
          OpenAiChat.completion({
            tool_calls: [call('{"city": "Os'), call('{"__proto__":{"admin":true},"city":"x"}')]
          })
        )
      )
      const params = answer.parts.map((part) => (part.type === "tool-call" ? part.params : undefined))
      assert.strictEqual(params[0], '{"city": "Os')
      assert.deepStrictEqual(params[1], { city: "x" })
      assert.isFalse(Object.hasOwn(params[1] as object, "__proto__"))
    }).pipe(Effect.scoped)
  )

  it.effect("sends calls, results and files of a conversation", () =>
    Effect.gen(function* () {
      const { body } = yield* generate(text, {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) },
              { type: "file", mediaType: "image/*", data: new URL("https://example.com/a.jpg") },
              { type: "file", mediaType: "application/pdf", fileName: "a.pdf", data: "AQID" }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "hm" },
              { type: "text", text: "Let me look." },
              { type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } },
              { type: "tool-call", id: "b", name: "weather", params: '{"city": "Os' }
            ]
          },
          {
            role: "tool",
            content: [
              { type: "tool-result", id: "a", name: "weather", isFailure: false, result: { sunny: true } },
              { type: "tool-result", id: "b", name: "weather", isFailure: true, result: "The arguments are no JSON." }
            ]
          }
        ]
      })
      assert.deepStrictEqual(body.messages, [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
            { type: "image_url", image_url: { url: "https://example.com/a.jpg" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } }
          ]
        },
        {
          role: "assistant",
          content: "Let me look.",
          tool_calls: [
            { id: "a", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
            { id: "b", type: "function", function: { name: "weather", arguments: '"{\\"city\\": \\"Os"' } }
          ]
        },
        { role: "tool", tool_call_id: "a", content: '{"sunny":true}' },
        { role: "tool", tool_call_id: "b", content: "The arguments are no JSON." }
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("sends the parameters of the model under the names that the server knows", () =>
    Effect.gen(function* () {
      const { body } = yield* generate(text, {
        options: { temperature: 0.2, topP: 0.9, maxOutputTokens: 50, seed: 7, stop: ["END"] }
      })
      const { messages: _, ...rest } = body
      assert.deepStrictEqual(rest, { model: "m", temperature: 0.2, top_p: 0.9, max_tokens: 50, seed: 7, stop: ["END"] })
    }).pipe(Effect.scoped)
  )

  it.effect("requests output of a schema, strictly only if the schema allows it", () =>
    Effect.gen(function* () {
      const strict = {
        type: "object",
        properties: { title: { type: "string" }, tags: { type: "array", items: { $ref: "#/$defs/tag" } } },
        required: ["title", "tags"],
        additionalProperties: false,
        $defs: { tag: { type: "string", enum: ["a", "b"] } }
      }
      const ask = (schema: typeof strict | object) =>
        Effect.map(
          generate(text, { output: { name: "Report of otters", schema: { ...schema } } }),
          ({ body }) => body.response_format
        )
      assert.deepStrictEqual(yield* ask(strict), {
        type: "json_schema",
        json_schema: { name: "Report_of_otters", schema: strict, strict: true }
      })
      for (const loose of [
        { ...strict, required: ["title"] },
        { ...strict, additionalProperties: true },
        { ...strict, properties: { ...strict.properties, title: { type: "string", minLength: 3 } } },
        { ...strict, properties: { ...strict.properties, title: { type: "object", properties: {} } } },
        { ...strict, anyOf: [] }
      ]) {
        const format = yield* ask(loose)
        assert.isFalse(format?.json_schema.strict)
        assert.deepStrictEqual(format?.json_schema.schema, loose)
      }
      assert.isUndefined(yield* ask({ type: "array", items: { type: "string" } }))
    }).pipe(Effect.scoped)
  )

  it.effect("computes the cost if the price is known", () =>
    Effect.gen(function* () {
      const prices = { m: { input: 2, cachedInput: 0.5, output: 10 } }
      const { answer } = yield* generate(text, {}, { prices })
      assert.closeTo(answer.usage.costUsd ?? 0, (60 * 2 + 40 * 0.5 + 20 * 10) / 1e6, 1e-12)
      const unknown = yield* generate(text, {}, { prices: { other: prices.m } })
      assert.isNull(unknown.answer.usage.costUsd)
    }).pipe(Effect.scoped)
  )

  it.effect("tolerates fields that compatible servers omit", () =>
    Effect.gen(function* () {
      const { answer } = yield* generate(
        FakeProvider.json({ choices: [{ message: { content: "Otters.", reasoning_content: "hm" } }] })
      )
      assert.deepStrictEqual(answer.parts, [
        { type: "reasoning", text: "hm" },
        { type: "text", text: "Otters." }
      ])
      assert.strictEqual(answer.finishReason, "unknown")
      assert.strictEqual(answer.model, "m")
      assert.isNull(answer.usage.costUsd)
      assert.strictEqual(answer.usage.requests, 1)
    }).pipe(Effect.scoped)
  )
})

describe("OpenAi.generate, streaming", () => {
  const collect = (handler: FakeProvider.Handler, fields: Partial<Llm.Request> = {}) => {
    const deltas: Array<string> = []
    return Effect.map(generate(handler, { ...fields, onDelta: (delta) => deltas.push(delta) }), (result) => ({
      ...result,
      deltas
    }))
  }

  it.effect("forwards every piece of the text on arrival, and returns the complete answer", () =>
    Effect.gen(function* () {
      const { answer, body, deltas } = yield* collect(
        FakeProvider.stream([
          OpenAiChat.event({ role: "assistant", content: "" }),
          OpenAiChat.event({ content: "Sea " }) + OpenAiChat.event({ content: "otters " }),
          OpenAiChat.event({ content: "do." }),
          OpenAiChat.event({}, "stop"),
          OpenAiChat.usageEvent,
          "data: [DONE]\n\n"
        ])
      )
      assert.deepStrictEqual(deltas, ["Sea otters ", "do."])
      assert.deepStrictEqual(answer.parts, [{ type: "text", text: "Sea otters do." }])
      assert.strictEqual(answer.finishReason, "stop")
      assert.strictEqual(answer.model, "model-2026")
      assert.strictEqual(answer.usage.inputTokens, 10)
      assert.strictEqual(answer.usage.outputTokens, 3)
      assert.isTrue(body.stream)
      assert.deepStrictEqual(body.stream_options, { include_usage: true })
    }).pipe(Effect.scoped)
  )

  it.effect("reads characters and events split by the network", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from(OpenAiChat.event({ content: "Ötter – 水獺 🦦" }).replaceAll("\n", "\r\n"))
      const pieces = Array.from(bytes, (byte) => Buffer.from([byte]))
      const { answer, deltas } = yield* collect(
        FakeProvider.stream([...pieces, OpenAiChat.event({}, "stop"), "data: [DONE]\n\n"])
      )
      assert.deepStrictEqual(answer.parts, [{ type: "text", text: "Ötter – 水獺 🦦" }])
      assert.deepStrictEqual(deltas, ["Ötter – 水獺 🦦"])
    }).pipe(Effect.scoped)
  )

  it.effect("assembles the pieces of parallel tool calls", () =>
    Effect.gen(function* () {
      const part = (index: number, fields: object) => OpenAiChat.event({ tool_calls: [{ index, ...fields }] })
      const { answer, deltas } = yield* collect(
        FakeProvider.stream([
          part(0, { id: "a", type: "function", function: { name: "weather", arguments: "" } }),
          part(0, { function: { arguments: '{"ci' } }),
          part(1, { id: "b", type: "function", function: { name: "weather", arguments: '{"city":' } }),
          part(0, { function: { arguments: 'ty":"Oslo"}' } }) + part(1, { function: { arguments: '"Rome"}' } }),
          OpenAiChat.event({}, "tool_calls"),
          "data: [DONE]\n\n"
        ]),
        { tools: [weather] }
      )
      assert.deepStrictEqual(answer.parts, [
        { type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } },
        { type: "tool-call", id: "b", name: "weather", params: { city: "Rome" } }
      ])
      assert.strictEqual(answer.finishReason, "tool-calls")
      assert.deepStrictEqual(deltas, [])
    }).pipe(Effect.scoped)
  )

  it.effect("accepts a server that does not stream, and one that omits the last line", () =>
    Effect.gen(function* () {
      const whole = yield* collect(text)
      assert.deepStrictEqual(whole.deltas, ["Otters."])
      const open = yield* collect(FakeProvider.stream([OpenAiChat.event({ content: "Otters." }, "stop").trimEnd()]))
      assert.deepStrictEqual(open.answer.parts, [{ type: "text", text: "Otters." }])
    }).pipe(Effect.scoped)
  )

  it.live("keeps the connection after a stream that ends, and closes one that does not", () =>
    Effect.gen(function* () {
      const events = [OpenAiChat.event({ content: "Otters." }, "stop"), "data: [DONE]\n\n"]
      let held = false
      const provider = yield* Scoped.start((received, response) =>
        FakeProvider.stream(events, (r) => {
          if (!held) r.end()
        })(received, response)
      )
      const model = modelAt(provider.baseURL)
      const ask = model.generate(request({ onDelta: () => {} }))
      yield* ask
      yield* Effect.sleep(30)
      yield* ask
      assert.strictEqual(provider.connections(), 1)
      held = true
      yield* Effect.sleep(30)
      const answer = yield* ask
      assert.strictEqual(answer.finishReason, "stop")
      yield* provider.aborted
    }).pipe(Effect.scoped)
  )

  const cases: ReadonlyArray<readonly [string, FakeProvider.Handler, Llm.Reason["_tag"]]> = [
    ["is cut", FakeProvider.stream([OpenAiChat.event({ content: "Sea ot" })]), "MalformedAnswer"],
    ["is empty", FakeProvider.stream([]), "MalformedAnswer"],
    ["is not a JSON", FakeProvider.stream(["data: {oops\n\n"]), "MalformedAnswer"],
    [
      "loses its connection",
      FakeProvider.stream([OpenAiChat.event({ content: "Sea ot" })], (response) => response.destroy()),
      "Network"
    ],
    [
      "reports that the server is overloaded",
      FakeProvider.stream([
        OpenAiChat.event({ content: "Sea" }),
        `data: {"error":{"message":"The server had an error","type":"server_error"}}\n\n`
      ]),
      "Overloaded"
    ],
    [
      "reports a rate limit",
      FakeProvider.stream([`data: {"error":{"message":"Slow down","type":"tokens","code":"rate_limit_exceeded"}}\n\n`]),
      "RateLimited"
    ],
    ["is filtered", FakeProvider.stream([OpenAiChat.event({ content: "Sea" }, "content_filter")]), "ContentRefused"]
  ]
  for (const [what, handler, tag] of cases) {
    it.effect(`fails with ${tag} when the stream ${what}`, () =>
      Effect.gen(function* () {
        const reason = yield* failure(handler, { onDelta: () => {} })
        assert.strictEqual(reason._tag, tag)
        assert.strictEqual(reason.requestId, "req_1")
      }).pipe(Effect.scoped)
    )
  }

  it.live("fails with Timeout when the stream stops sending", () =>
    Effect.gen(function* () {
      const silent = FakeProvider.stream([OpenAiChat.event({ content: "Sea" })], () => {})
      const reason = yield* failure(silent, { onDelta: () => {} }, { timeoutMillis: 150 })
      assert.strictEqual(reason._tag, "Timeout")
    }).pipe(Effect.scoped)
  )
})

describe("OpenAi failures", () => {
  const error = (status: number, fields: object, headers = {}) =>
    FakeProvider.json(
      { error: { message: "Told so.", type: null, param: null, code: null, ...fields } },
      status,
      headers
    )

  const cases: ReadonlyArray<readonly [string, FakeProvider.Handler, Llm.Reason["_tag"], number?]> = [
    ["429", error(429, { code: "rate_limit_exceeded" }), "RateLimited"],
    ["429 with Retry-After in seconds", error(429, {}, { "retry-after": "7" }), "RateLimited", 7_000],
    ["429 with a fraction of seconds", error(429, {}, { "retry-after": "0.25" }), "RateLimited", 250],
    ["429 with retry-after-ms", error(429, {}, { "retry-after-ms": "120", "retry-after": "7" }), "RateLimited", 120],
    // The test clock is at 1970-01-01.
    ["429 with a date", error(429, {}, { "retry-after": "Thu, 01 Jan 1970 00:00:09 GMT" }), "RateLimited", 9_000],
    ["429 with nonsense", error(429, {}, { "retry-after": "soon" }), "RateLimited"],
    ["429 without credit", error(429, { code: "insufficient_quota", type: "insufficient_quota" }), "QuotaExhausted"],
    ["402", error(402, {}), "QuotaExhausted"],
    ["401", error(401, { code: "invalid_api_key" }), "Authentication"],
    ["403", error(403, {}), "Authentication"],
    ["404", error(404, { code: "model_not_found" }), "InvalidRequest"],
    ["400", error(400, {}), "InvalidRequest"],
    ["422", error(422, {}), "InvalidRequest"],
    ["400 of a prompt too long", error(400, { code: "context_length_exceeded" }), "ContextTooLong"],
    [
      "400 of a prompt too long, in words only",
      error(400, { message: "This model's maximum context length is 8192 tokens." }),
      "ContextTooLong"
    ],
    ["413", error(413, {}), "ContextTooLong"],
    ["400 of a content filter", error(400, { code: "content_filter" }), "ContentRefused"],
    ["400 of a content policy", error(400, { code: "content_policy_violation" }), "ContentRefused"],
    ["408", error(408, {}), "Timeout"],
    ["409", error(409, {}), "Overloaded"],
    ["500", error(500, {}), "Overloaded"],
    ["503 with Retry-After", error(503, {}, { "retry-after": "2" }), "Overloaded", 2_000],
    ["529", error(529, {}), "Overloaded"],
    [
      "502 with a page of HTML",
      FakeProvider.json("<html>Bad gateway</html>", 502, { "content-type": "text/html" }),
      "Overloaded"
    ],
    ["a redirect", error(308, {}, { location: "https://user:secret@example.com/v1" }), "InvalidRequest"],
    ["a body that is not a JSON", FakeProvider.json("Welcome!"), "MalformedAnswer"],
    ["a page of HTML", FakeProvider.json("<html></html>", 200, { "content-type": "text/html" }), "MalformedAnswer"],
    ["an empty body", FakeProvider.json(""), "MalformedAnswer"],
    ["a body that is null", FakeProvider.json("null"), "MalformedAnswer"],
    ["no choices", FakeProvider.json(OpenAiChat.completion({}, { choices: [] })), "MalformedAnswer"],
    ["no message", FakeProvider.json({ choices: [{}] }), "MalformedAnswer"],
    [
      "a call without a name",
      FakeProvider.json(OpenAiChat.completion({ tool_calls: [{ id: "a", function: { arguments: "{}" } }] })),
      "MalformedAnswer"
    ],
    ["an error in a good status", FakeProvider.json({ error: { message: "busy", type: "overloaded" } }), "Overloaded"],
    ["a refusal", FakeProvider.json(OpenAiChat.completion({ refusal: "I cannot help with that." })), "ContentRefused"],
    [
      "an answer that was filtered",
      FakeProvider.json(OpenAiChat.completion({ content: "Sea" }, {}, "content_filter")),
      "ContentRefused"
    ]
  ]
  for (const [what, handler, tag, retryAfterMillis] of cases) {
    it.effect(`${what}: ${tag}`, () =>
      Effect.gen(function* () {
        const reason = yield* failure(handler)
        assert.strictEqual(reason._tag, tag)
        assert.strictEqual("retryAfterMillis" in reason ? reason.retryAfterMillis : undefined, retryAfterMillis)
        assert.strictEqual(reason.requestId, "req_1")
        assert.isAbove(reason.description.length, 0)
        assert.notInclude(reason.description, "secret")
      }).pipe(Effect.scoped)
    )
  }

  it.effect("makes one request, however it fails", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(error(500, {}, { "x-should-retry": "true" }))
      yield* Effect.flip(modelAt(provider.baseURL).generate(request()))
      assert.strictEqual(provider.received.length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("reports a closed port, an unknown host, and an invalid URL", () =>
    Effect.gen(function* () {
      const reasonAt = (baseURL: string) =>
        Effect.map(Effect.flip(modelAt(baseURL).generate(request())), (error) => error.reason)
      const refused = yield* reasonAt("http://user:secret@127.0.0.1:1/v1")
      assert.strictEqual(refused._tag, "Network")
      assert.include(refused.description, "http://127.0.0.1:1: nothing listens on that port (ECONNREFUSED)")
      const nowhere = yield* reasonAt("http://nowhere.invalid/v1")
      assert.strictEqual(nowhere._tag, "Network")
      assert.include(nowhere.description, "http://nowhere.invalid")
      const invalid = yield* reasonAt("localhost:99999999")
      assert.strictEqual(invalid._tag, "InvalidRequest")
      assert.include(invalid.description, 'the base URL "localhost:99999999" (it must begin with https://')
    })
  )

  it.live("is a Timeout if the server does not answer", () =>
    Effect.gen(function* () {
      const reason = yield* failure(() => {}, {}, { timeoutMillis: 150 })
      assert.strictEqual(reason._tag, "Timeout")
      assert.include(reason.description, "sent nothing")
    }).pipe(Effect.scoped)
  )

  it.live("is a Network failure if the server closes the connection", () =>
    Effect.gen(function* () {
      const reason = yield* failure((_, response) => response.destroy())
      assert.strictEqual(reason._tag, "Network")
      assert.isTrue(reason.isRetryable)
      const midway = yield* failure((_, response) => {
        response.begin(200, { "content-type": "application/json", "content-length": "500" })
        response.write('{"choices":[', () => response.destroy())
      })
      assert.strictEqual(midway._tag, "Network")
    }).pipe(Effect.scoped)
  )

  it.effect("is a MalformedAnswer when the server does not speak HTTP", () =>
    Effect.gen(function* () {
      const reason = yield* failure((_, response) => response.raw("SSH-2.0-OpenSSH_9.2\r\n"))
      assert.strictEqual(reason._tag, "MalformedAnswer")
    }).pipe(Effect.scoped)
  )

  it.effect("never discloses the key, whatever the server repeats", () =>
    Effect.gen(function* () {
      const echo =
        (status: number): FakeProvider.Handler =>
        (received, response) => {
          const { authorization = assert.fail() } = received.headers
          FakeProvider.json(
            { error: { message: `Bad header ${authorization}`, code: authorization, type: authorization } },
            status,
            { "x-request-id": authorization, location: `https://example.com/?key=${canary}` }
          )(received, response)
        }
      const handlers: ReadonlyArray<FakeProvider.Handler> = [
        ...[400, 401, 403, 404, 429, 500, 301, 200].map(echo),
        FakeProvider.json(`not JSON ${canary}`),
        FakeProvider.json(OpenAiChat.completion({ refusal: canary })),
        FakeProvider.stream([`data: {"error":{"message":"${canary}"}}\n\n`]),
        FakeProvider.stream([`data: ${canary}\n\n`])
      ]
      for (const handler of handlers) {
        const error = yield* Effect.flip(generate(handler, { onDelta: () => {} }))
        const shown = `${error.message} ${String(error.stack)} ${JSON.stringify(error)} ${JSON.stringify(error.reason)} ${String(error.cause)}`
        assert.notInclude(shown, canary)
      }
      const broken = OpenAi.make({ apiKey: Redacted.make(`${canary}\u0001x`), baseURL: "http://127.0.0.1:1" }).model(
        "m"
      )
      const error = yield* Effect.flip(broken.generate(request()))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.notInclude(error.message, canary)
    }).pipe(Effect.scoped)
  )
})

describe("OpenAi interruption", () => {
  it.live("closes the connection of a pending call", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(() => {})
      const fiber = yield* Effect.forkChild(modelAt(provider.baseURL).generate(request()))
      yield* provider.asked
      yield* Fiber.interrupt(fiber)
      yield* provider.aborted
    }).pipe(Effect.scoped)
  )

  it.live("closes the connection of a later call too, and leaves the model usable", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const provider = yield* Scoped.start((received, response) => {
        if (JSON.stringify(received.body.messages).includes("wait")) Deferred.doneUnsafe(asked, Effect.void)
        else text(received, response)
      })
      const model = modelAt(provider.baseURL)
      yield* model.generate(request())
      const fiber = yield* Effect.forkChild(model.generate(request({ messages: [{ role: "user", content: "wait" }] })))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(fiber)
      yield* provider.aborted
      yield* model.generate(request())
    }).pipe(Effect.scoped)
  )

  it.effect("is the effect of a time limit", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(() => {})
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(modelAt(provider.baseURL).generate(request()), 50))
      yield* provider.asked
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
      yield* provider.aborted
    }).pipe(Effect.scoped)
  )
})
