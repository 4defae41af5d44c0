/** Deviations of compatible servers from OpenAI, by kind of fault, as seen in practice. */
import type * as Llm from "@crewline/core/Llm"
import * as FakeProvider from "@crewline/fake-provider"
import { completion, event } from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../../src/OpenAi.ts"
import { request } from "../fake/Request.ts"

const key = "sk-canary-91c2"
const done = "data: [DONE]\n\n"

const tool = (name: string): Llm.ToolDefinition => ({ name, description: "", parameters: { type: "object" } })
const tools = [tool("stock"), tool("now")]

const ask = (handler: FakeProvider.Handler, fields: Partial<Llm.Request> = {}, options: Partial<OpenAi.Options> = {}) =>
  Effect.gen(function* () {
    const { baseURL, received } = yield* Scoped.start(handler)
    const model = OpenAi.make({ apiKey: Redacted.make(key), baseURL, ...options }).model("m")
    let streamed = ""
    const onDelta = (delta: string): void => {
      streamed += delta
    }
    const answer = yield* Effect.result(model.generate(request({ ...fields, ...(fields.onDelta && { onDelta }) })))
    return { answer, streamed, received, model }
  })

type Asked = Effect.Success<ReturnType<typeof ask>>

const reasonOf = ({ answer }: Asked): Llm.Reason =>
  answer._tag === "Failure" ? answer.failure.reason : assert.fail("It answered.")
const answerOf = ({ answer }: Asked): Llm.Answer =>
  answer._tag === "Success" ? answer.success : assert.fail(answer.failure.message)

const whole = (message: object, finishReason: string | null = "stop", rest: object = {}) =>
  FakeProvider.json(completion(message, rest, finishReason))
const stream = (...events: ReadonlyArray<string>) => FakeProvider.stream(events)
const streaming = { onDelta: () => {} }

describe("an incomplete answer", () => {
  it.live.each([
    "insufficient_system_resource",
    "error",
    "abort",
    "OTHER",
    "network_error",
    "MALFORMED_FUNCTION_CALL",
    "cancelled"
  ])("with the finish reason %s is a failure, complete and streamed", (reason) =>
    Effect.gen(function* () {
      const half = { content: "The first half of" }
      const told = [
        yield* ask(whole(half, reason)),
        yield* ask(stream(event(half), event({ content: "" }, reason), done), streaming),
        // The end of the stream cannot complete it.
        yield* ask(stream(event(half), event({}, "stop"), event({}, reason)), streaming)
      ]
      for (const each of told) {
        const { _tag, description, isRetryable } = reasonOf(each)
        assert.deepStrictEqual([_tag, isRetryable], ["MalformedAnswer", true])
        assert.include(description, reason)
      }
    }).pipe(Effect.scoped)
  )

  it.live.each(["end_turn", "eos", "STOP", "COMPLETE", "stop_sequence", "EndTurn", "FINISH_REASON_STOP"])(
    "is not indicated by %s",
    (reason) =>
      Effect.gen(function* () {
        const asked = yield* ask(whole({ content: "All of it." }, reason))
        assert.strictEqual(answerOf(asked).finishReason, "stop")
      }).pipe(Effect.scoped)
  )

  it.live.each(["max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens"])(
    "is truncated at its length by %s",
    (reason) =>
      Effect.gen(function* () {
        const asked = yield* ask(whole({ content: "All" }, reason))
        assert.strictEqual(answerOf(asked).finishReason, "length")
      }).pipe(Effect.scoped)
  )

  it.live.each(["SAFETY", "content_filter", "sensitive", "RECITATION"])(
    "with %s is refused because of its content",
    (reason) =>
      Effect.gen(function* () {
        assert.strictEqual(reasonOf(yield* ask(whole({ content: "All" }, reason)))._tag, "ContentRefused")
      }).pipe(Effect.scoped)
  )

  it.live("contains the reason in its choice, which is the failure", () =>
    Effect.gen(function* () {
      const choice = (error: object) => ({ index: 0, message: { content: "half" }, finish_reason: "error", error })
      for (const [error, tag] of [
        [{ code: 502, message: "Upstream connection lost" }, "Overloaded"],
        [{ code: "429", message: "Upstream connection lost" }, "RateLimited"],
        [{ message: "Upstream connection lost" }, "Overloaded"]
      ] as const) {
        const reason = reasonOf(yield* ask(FakeProvider.json({ choices: [choice(error)] })))
        assert.deepStrictEqual([reason._tag, reason.description], [tag, "Upstream connection lost"])
        const chunk = `data: ${JSON.stringify({ choices: [{ delta: { content: "half" }, error }] })}\n\n`
        assert.strictEqual(reasonOf(yield* ask(stream(chunk, done), streaming))._tag, tag)
      }
    }).pipe(Effect.scoped)
  )

  it.live("by the end of the connection is a failure, whatever empty reasons came before", () =>
    Effect.gen(function* () {
      for (const none of ["", null, "null"]) {
        const reason = reasonOf(yield* ask(stream(event({ content: "hal" }, none)), streaming))
        assert.strictEqual(reason._tag, "MalformedAnswer")
        assert.include(reason.description, "cut off")
      }
    }).pipe(Effect.scoped)
  )

  it.live("that announces tool calls and contains none", () =>
    Effect.gen(function* () {
      assert.strictEqual(reasonOf(yield* ask(whole({ content: null }, "tool_calls")))._tag, "MalformedAnswer")
    }).pipe(Effect.scoped)
  )
})

const calls = (asked: Asked) =>
  answerOf(asked).parts.flatMap((part) => (part.type === "tool-call" ? [[part.name, part.params]] : []))

describe("tool calls in pieces", () => {
  const piece = (fields: object) => event({ tool_calls: [fields] })
  const streamed = (...pieces: ReadonlyArray<string>) =>
    Effect.map(ask(stream(...pieces, event({}, "tool_calls"), done), { ...streaming, tools }), calls)
  const teapot = ["stock", { article: "teapot" }]
  const cup = ["stock", { article: "cup" }]
  const json = (article: string) => JSON.stringify({ article })

  it.live.each([
    {
      how: "all have index 0 and ids of their own",
      pieces: ["teapot", "cup"].map((article) =>
        piece({ index: 0, id: article, function: { name: "stock", arguments: json(article) } })
      ),
      made: [teapot, cup]
    },
    {
      how: "all have index 0 and no id",
      pieces: ["teapot", "cup"].map((article) =>
        piece({ index: 0, function: { name: "stock", arguments: json(article) } })
      ),
      made: [teapot, cup]
    },
    {
      how: "stand in one event without index and id",
      pieces: [
        event({ tool_calls: ["teapot", "cup"].map((each) => ({ function: { name: "stock", arguments: json(each) } })) })
      ],
      made: [teapot, cup]
    },
    {
      how: "have no index, and the id with every piece",
      pieces: [
        piece({ id: "c", function: { name: "stock", arguments: '{"art' } }),
        piece({ id: "c", function: { arguments: 'icle":"teapot"}' } }),
        piece({ id: "d", function: { name: "stock", arguments: json("cup") } })
      ],
      made: [teapot, cup]
    },
    {
      how: "have another id with every piece",
      pieces: [
        piece({ index: 0, id: "x1", function: { name: "stock", arguments: '{"art' } }),
        piece({ index: 0, id: "x2", function: { arguments: 'icle":"teapot"}' } })
      ],
      made: [teapot]
    },
    {
      how: "have their name again with every piece",
      pieces: [
        piece({ index: 0, id: "c", function: { name: "stock", arguments: '{"art' } }),
        piece({ index: 0, id: "c", function: { name: "stock", arguments: 'icle":"teapot"}' } })
      ],
      made: [teapot]
    },
    {
      how: "have a name in halves",
      pieces: [
        piece({ index: 0, id: "c", function: { name: "sto" } }),
        piece({ index: 0, function: { name: "ck", arguments: json("teapot") } })
      ],
      made: [teapot]
    },
    {
      how: "have one id for two",
      pieces: [0, 1].map((index) =>
        piece({ index, id: "same", function: { name: "stock", arguments: json(index === 0 ? "teapot" : "cup") } })
      ),
      made: [teapot, cup]
    },
    {
      how: "have an object for arguments",
      pieces: [piece({ index: 0, id: "c", function: { name: "stock", arguments: { article: "teapot" } } })],
      made: [teapot]
    },
    {
      how: "have all arguments once more at the end",
      pieces: [
        piece({ index: 0, id: "c", function: { name: "stock", arguments: '{"article":' } }),
        piece({ index: 0, function: { arguments: '"teapot"}' } }),
        piece({ index: 0, function: { arguments: json("teapot") } })
      ],
      made: [teapot]
    },
    {
      how: "begin with an empty object",
      pieces: [
        piece({ index: 0, id: "c", function: { name: "stock", arguments: "{}" } }),
        piece({ index: 0, function: { arguments: json("teapot") } })
      ],
      made: [teapot]
    },
    {
      how: "have two tools, the first without arguments",
      pieces: [
        piece({ index: 0, function: { name: "now" } }),
        piece({ index: 0, function: { name: "stock", arguments: json("cup") } })
      ],
      made: [["now", {}], cup]
    },
    {
      how: "are the single function call of before",
      pieces: [
        event({ function_call: { name: "stock", arguments: '{"article":' } }),
        event({ function_call: { arguments: '"teapot"}' } })
      ],
      made: [teapot]
    }
  ])("are assembled if they $how", ({ made, pieces }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* streamed(...pieces), made)
    }).pipe(Effect.scoped)
  )

  it.live.each(["null", "", "{}", "None", " ", '""', '"null"', '"{}"', null, {}])("treat %j as no arguments", (given) =>
    Effect.gen(function* () {
      const message = { tool_calls: [{ id: "c", function: { name: "now", arguments: given } }] }
      assert.deepStrictEqual(calls(yield* ask(whole(message, "tool_calls"), { tools })), [["now", {}]])
    }).pipe(Effect.scoped)
  )

  it.live.each([
    '"{\\"article\\":\\"teapot\\"}"',
    '```json\n{"article":"teapot"}\n```',
    '{"article":"teapot"}{"article":"teapot"}',
    '{"article":"teapot"}<|im_end|>',
    '{"article":"teapot"}\n</tool_call>'
  ])("find the arguments in %s", (given) =>
    Effect.gen(function* () {
      const message = { tool_calls: [{ id: "c", function: { name: "stock", arguments: given } }] }
      assert.deepStrictEqual(calls(yield* ask(whole(message), { tools })), [teapot])
    }).pipe(Effect.scoped)
  )

  it.live("have new ids in every answer", () =>
    Effect.gen(function* () {
      const message = { tool_calls: [{ function: { name: "now" } }, { id: "", function: { name: "now" } }] }
      const { answer, model } = yield* ask(whole(message), { tools })
      const again = yield* model.generate(request({ tools }))
      const parts = [...(answer._tag === "Success" ? answer.success.parts : []), ...again.parts]
      assert.strictEqual(new Set(parts.map((part) => (part.type === "tool-call" ? part.id : ""))).size, 4)
    }).pipe(Effect.scoped)
  )

  it.live("that were truncated are not made with half of their arguments", () =>
    Effect.gen(function* () {
      for (const [given, params] of [
        ['{"article":"a very lo', '{"article":"a very lo'],
        ["", ""]
      ]) {
        const message = { tool_calls: [{ id: "c", function: { name: "stock", arguments: given } }] }
        const asked = yield* ask(whole(message, "length"), { tools })
        assert.deepStrictEqual([answerOf(asked).finishReason, calls(asked)], ["length", [["stock", params]]])
      }
    }).pipe(Effect.scoped)
  )
})

describe("content in other shapes", () => {
  const said = (asked: Asked) => answerOf(asked).parts.map((part) => ("text" in part ? [part.type, part.text] : []))
  const both = (content: unknown) =>
    Effect.all([
      ask(whole({ content })),
      ask(
        stream(
          ...(Array.isArray(content)
            ? content.map((part) => event({ content: [part] }))
            : String(content)
                .split(/(?<=[\s\S]{5})/)
                .map((piece) => event({ content: piece }))),
          event({}, "stop"),
          done
        ),
        streaming
      )
    ])
  const hi = [
    ["reasoning", "hm"],
    ["text", "Hi"]
  ]

  it.live.each([
    [
      [
        { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
        { type: "text", text: "Hi" }
      ]
    ],
    [
      [
        { type: "thinking", thinking: "hm" },
        { type: "image_url", image_url: {} },
        { type: "output_text", text: "Hi" }
      ]
    ],
    [[{ type: "reasoning", text: "hm" }, { text: "H" }, "i"]],
    ["<think>\nhm\n</think>\n\nHi"],
    ["<THINKING>hm</THINKING>Hi"],
    ["[THINK]hm[/THINK]Hi"],
    ["◁think▷hm◁/think▷Hi"],
    ["<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi"]
  ] as ReadonlyArray<[unknown]>)("%j is an answer with thoughts", ([content]) =>
    Effect.gen(function* () {
      for (const asked of yield* both(content)) {
        const [thought, text] = said(asked)
        assert.include(thought?.[1], "hm")
        assert.deepStrictEqual([thought?.[0], text], ["reasoning", hi[1]])
        if (asked.streamed !== "") assert.strictEqual(asked.streamed, "Hi")
      }
    }).pipe(Effect.scoped)
  )

  it.live("thoughts opened by the template end at their closing mark", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(said(yield* ask(whole({ content: "hm [1]\n</think>\n\nHi" }))), [
        ["reasoning", "hm [1]"],
        hi[1]!
      ])
    }).pipe(Effect.scoped)
  )

  it.live("marks inside an answer are part of it", () =>
    Effect.gen(function* () {
      for (const content of ["Write `</think>` at the end.", "<p>Hi</p>", "[1, 2]", "First. <think>x</think>"]) {
        const [asked, streamed] = yield* both(content)
        assert.deepStrictEqual(said(asked), [["text", content]])
        assert.strictEqual(streamed.streamed, content)
      }
    }).pipe(Effect.scoped)
  )
})

describe("features that a server lacks", () => {
  const output = { name: "title", schema: { type: "object", properties: { title: { type: "string" } } } } as const
  const answering =
    (refuses: (body: FakeProvider.Body) => string | undefined): FakeProvider.Handler =>
    (received, response) => {
      const message = refuses(received.body)
      const tool = (received.body["tools"] as ReadonlyArray<{ function: { name: string } }> | undefined)?.[0]?.function
        .name
      const called = tool !== undefined && received.body["tool_choice"] !== undefined
      const said = called
        ? { tool_calls: [{ id: "c", function: { name: tool, arguments: '{"title":"A"}' } }] }
        : { content: '{"title":"A"}' }
      return message === undefined
        ? whole(said)(received, response)
        : FakeProvider.json({ error: { message, type: "invalid_request_error" } }, 400)(received, response)
    }
  const sentOf = ({ received }: Asked) =>
    received.map(({ body }) => [
      body.response_format?.type,
      body["tools"] !== undefined,
      body["tool_choice"] !== undefined
    ])

  it.live(
    "output of a schema falls back to a tool, then to any JSON, then to the prompt; the result is remembered",
    () =>
      Effect.gen(function* () {
        const one = yield* ask(
          answering((body) =>
            body.response_format === undefined ? undefined : "This response_format type is unavailable now"
          ),
          { output }
        )
        assert.deepStrictEqual(answerOf(one).parts, [{ type: "text", text: '{"title":"A"}' }])
        assert.strictEqual(answerOf(one).finishReason, "stop")
        yield* one.model.generate(request({ output }))
        const asTool = [undefined, true, true]
        assert.deepStrictEqual(sentOf(one), [["json_schema", false, false], asTool, asTool])

        const few = yield* ask(
          answering((body) =>
            body.response_format?.type === "json_schema"
              ? "json_schema is not supported"
              : body["tools"] !== undefined
                ? "function calling is not enabled for this model"
                : body.response_format === undefined
                  ? undefined
                  : "response_format: json_object is unknown"
          ),
          { output }
        )
        assert.strictEqual(answerOf(few).finishReason, "stop")
        yield* few.model.generate(request({ output }))
        assert.deepStrictEqual(sentOf(few), [
          ["json_schema", false, false],
          asTool,
          ["json_object", false, false],
          [undefined, false, false],
          [undefined, false, false]
        ])
      }).pipe(Effect.scoped)
  )

  it.live("a refusal without a reason is attributed to the schema once, and is final if that was wrong", () =>
    Effect.gen(function* () {
      const right = yield* ask(
        answering((body) => (body.response_format ? "bad request" : undefined)),
        { output }
      )
      assert.lengthOf(right.received, 2)
      answerOf(right)
      const wrong = yield* ask(
        answering(() => "bad request"),
        { output }
      )
      const reason = reasonOf(wrong)
      assert.deepStrictEqual([reason._tag, wrong.received.length], ["InvalidRequest", 2])
      assert.include(reason.description, "bad request")
    }).pipe(Effect.scoped)
  )

  it.live("a declared capability is not probed", () =>
    Effect.gen(function* () {
      const never = yield* ask(
        answering(() => undefined),
        { output },
        { capabilities: { json_schema: false, tools: false } }
      )
      assert.deepStrictEqual(sentOf(never), [["json_object", false, false]])
      const always = yield* ask(
        answering((body) => (body.response_format ? "response_format is unknown" : undefined)),
        { output },
        {
          capabilities: { json_schema: true }
        }
      )
      assert.deepStrictEqual([reasonOf(always)._tag, always.received.length], ["InvalidRequest", 1])
      const without = yield* ask(
        answering(() => undefined),
        { tools },
        { capabilities: { tools: false } }
      )
      assert.deepStrictEqual([reasonOf(without)._tag, without.received.length], ["InvalidRequest", 0])
      const silent = yield* ask(stream(event({ content: "Hi" }, "stop"), done), streaming, {
        capabilities: { stream_options: false, system_role: false }
      })
      const [{ body } = assert.fail()] = silent.received
      assert.isUndefined(body["stream_options"])
      assert.deepStrictEqual(body.messages, [{ role: "user", content: "Be brief.\n\nWhich mammals use tools?" }])
    }).pipe(Effect.scoped)
  )
})

describe("failures with other wordings", () => {
  const failing = (status: number, body: unknown) => Effect.map(ask(FakeProvider.json(body, status)), reasonOf)

  it.live.each([
    [
      400,
      [
        {
          error: {
            code: 400,
            message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            status: "INVALID_ARGUMENT"
          }
        }
      ]
    ],
    [
      400,
      {
        code: "Client specified an invalid argument",
        error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens."
      }
    ],
    [400, { error: { message: "Input is too long for requested model." } }],
    [
      500,
      {
        error: {
          code: 500,
          message: "the request exceeds the available context size, try increasing it",
          type: "server_error"
        }
      }
    ],
    [
      400,
      {
        object: "error",
        message: "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"
      }
    ],
    [400, { error: { message: "Range of input length should be [1, 30720]" } }],
    [400, { error: { message: "Your request exceeded model token limit: 8192" } }],
    [422, { detail: "`inputs` tokens + `max_new_tokens` must be <= 4096" }],
    [
      400,
      { object: "error", message: "The decoder prompt (length 9001) is longer than the maximum model length of 8192" }
    ],
    [
      400,
      {
        error: {
          message: "prompt token count of 70000 exceeds the limit of 64000",
          code: "model_max_prompt_tokens_exceeded"
        }
      }
    ],
    [400, { error: { message: "invalid params, context window exceeds limit (2013)" } }],
    [413, { error: { message: "Request too large" } }]
  ] as ReadonlyArray<[number, unknown]>)("%j means that the prompt is too long", ([status, body]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* failing(status, body))._tag, "ContextTooLong")
    }).pipe(Effect.scoped)
  )

  it.live("a limit on the length of the answer does not mean that the prompt is too long", () =>
    Effect.gen(function* () {
      const message = "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."
      assert.strictEqual((yield* failing(400, { error: { message } }))._tag, "InvalidRequest")
      const limit = "Request tokens exceed the rate limit"
      assert.strictEqual((yield* failing(429, { error: { message: limit } }))._tag, "RateLimited")
    }).pipe(Effect.scoped)
  )

  it.live("a prompt that is too long is also recognized within a stream", () =>
    Effect.gen(function* () {
      const message =
        "Trying to keep the first 10136 tokens when context the overflows, but the model is loaded with a context length of only 7866 tokens"
      const asked = yield* ask(stream(`event: error\ndata: ${JSON.stringify({ error: { message } })}\n\n`), streaming)
      assert.strictEqual(reasonOf(asked)._tag, "ContextTooLong")
    }).pipe(Effect.scoped)
  )

  it.live.each([
    {
      message: "Failed to call a function. See 'failed_generation'.",
      code: "tool_use_failed",
      failed_generation: "<function=stock{}"
    },
    { message: "Failed to generate JSON. Please adjust your prompt.", code: "json_validate_failed" },
    { message: "Model produced invalid sequence as part of ToolUse" },
    { message: "error parsing tool call: raw='{', err=unexpected end of JSON input" }
  ])("a mistake of the model is retried: %j", (error) =>
    Effect.gen(function* () {
      const reason = yield* failing(400, { error })
      assert.deepStrictEqual([reason._tag, reason.isRetryable], ["MalformedAnswer", true])
      if ("failed_generation" in error) assert.include(reason.description, "<function=stock{}")
    }).pipe(Effect.scoped)
  )

  it.live.each([
    [200, { object: "error", message: "the engine is dead", code: 500 }, "Overloaded", "the engine is dead"],
    [
      200,
      { code: 1113, msg: "insufficient balance, please recharge", success: false },
      "QuotaExhausted",
      "please recharge"
    ],
    [
      200,
      { base_resp: { status_code: 1008, status_msg: "insufficient balance" } },
      "QuotaExhausted",
      "insufficient balance"
    ],
    [403, { error: { message: "Your team has used all available credits" } }, "QuotaExhausted", "available credits"],
    [400, { errors: [{ message: "no such thing" }] }, "InvalidRequest", "no such thing"],
    [
      422,
      { detail: [{ loc: ["body", "messages"], msg: "field required" }] },
      "InvalidRequest",
      "body.messages: field required"
    ],
    [
      400,
      { error: { message: "Provider returned error", metadata: { raw: '{"error":{"message":"bad stop sequence"}}' } } },
      "InvalidRequest",
      "bad stop sequence"
    ],
    [400, { error_code: 336, error_msg: "wrong parameter" }, "InvalidRequest", "wrong parameter"],
    [401, { message: `No key ${key}` }, "Authentication", "No key [key]"]
  ] as ReadonlyArray<[number, unknown, string, string]>)(
    "%i %j keeps the provider's words",
    ([status, body, tag, words]) =>
      Effect.gen(function* () {
        const reason = yield* failing(status, body)
        assert.strictEqual(reason._tag, tag)
        assert.include(reason.description, words)
        assert.notInclude(reason.description, key)
      }).pipe(Effect.scoped)
  )

  it.live("text as the error of a stream is the failure", () =>
    Effect.gen(function* () {
      const asked = yield* ask(stream('data: {"error":"the model crashed"}\n\n'), streaming)
      assert.include(reasonOf(asked).description, "the model crashed")
    }).pipe(Effect.scoped)
  )
})

describe("streams with a different content type", () => {
  it.live.each([
    "Text/Event-Stream; charset=utf-8",
    "TEXT/EVENT-STREAM",
    "application/json",
    "text/plain",
    "application/octet-stream"
  ])("%s is read as a stream", (type) =>
    Effect.gen(function* () {
      const asked = yield* ask(
        FakeProvider.stream([event({ content: "hel" }), event({ content: "lo" }, "stop"), done], undefined, type),
        streaming
      )
      assert.deepStrictEqual(answerOf(asked).parts, [{ type: "text", text: "hello" }])
      assert.strictEqual(asked.streamed, "hello")
    }).pipe(Effect.scoped)
  )
})
