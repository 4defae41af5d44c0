import type * as Llm from "@crewline/core/Llm"
import type { LanguageModelV2, LanguageModelV2CallOptions, LanguageModelV3, LanguageModelV4 } from "@ai-sdk/provider"
import { APICallError, LoadAPIKeyError } from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import { convertArrayToReadableStream, MockLanguageModelV3, MockLanguageModelV4 } from "ai/test"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as AiSdkModel from "../src/AiSdkModel.ts"

const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content: "Hi" }],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const tool: Llm.ToolDefinition = {
  name: "look",
  description: "Looks",
  parameters: { type: "object", properties: { at: { type: "string" } } }
}

const content = [
  { type: "reasoning", text: "Hm.", providerMetadata: { some: { signature: "s" } } },
  { type: "text", text: "Let me look." },
  { type: "tool-call", toolCallId: "a", toolName: "look", input: '{"at":"x"}' },
  { type: "tool-call", toolCallId: "b", toolName: "look", input: '{"at' }
] as const

const usage = {
  inputTokens: { total: 100, noCache: 50, cacheRead: 40, cacheWrite: 10 },
  outputTokens: { total: 20, text: 15, reasoning: 5 }
}
const finishReason = { unified: "tool-calls", raw: "tool_use" } as const

const stream = () =>
  convertArrayToReadableStream([
    { type: "stream-start" as const, warnings: [] },
    { type: "response-metadata" as const, modelId: "model-2026" },
    { type: "reasoning-start" as const, id: "0" },
    { type: "reasoning-delta" as const, id: "0", delta: "Hm." },
    { type: "reasoning-end" as const, id: "0", providerMetadata: { some: { signature: "s" } } },
    { type: "text-start" as const, id: "0" },
    { type: "text-delta" as const, id: "0", delta: "Let me " },
    { type: "text-delta" as const, id: "0", delta: "look." },
    { type: "text-end" as const, id: "0" },
    content[2],
    content[3],
    { type: "finish" as const, finishReason, usage }
  ])

const result = { content: [...content], finishReason, usage, warnings: [], response: { modelId: "model-2026" } }

const v4 = () => new MockLanguageModelV4({ doGenerate: result, doStream: async () => ({ stream: stream() }) })
const v3 = () => new MockLanguageModelV3({ doGenerate: result, doStream: async () => ({ stream: stream() }) })

/** `ai` no longer has a mock of the oldest specification. */
const v2 = (calls: Array<LanguageModelV2CallOptions> = []): LanguageModelV2 => {
  const flat = { inputTokens: 100, outputTokens: 20, totalTokens: 120, cachedInputTokens: 40, reasoningTokens: 5 }
  return {
    specificationVersion: "v2",
    provider: "mock-provider",
    modelId: "mock-model-id",
    supportedUrls: {},
    doGenerate: async (options) => {
      calls.push(options)
      return {
        content: [...content],
        finishReason: "tool-calls",
        usage: flat,
        warnings: [],
        response: { modelId: "model-2026" }
      }
    },
    doStream: async () => ({
      stream: convertArrayToReadableStream([
        { type: "response-metadata", modelId: "model-2026" },
        { type: "reasoning-start", id: "0", providerMetadata: { some: { signature: "s" } } },
        { type: "reasoning-delta", id: "0", delta: "Hm." },
        { type: "text-start", id: "1" },
        { type: "text-delta", id: "1", delta: "Let me look." },
        content[2],
        content[3],
        { type: "finish", finishReason: "tool-calls", usage: flat }
      ])
    })
  }
}

const models: ReadonlyArray<readonly [string, () => LanguageModelV2 | LanguageModelV3 | LanguageModelV4]> = [
  ["V2", v2],
  ["V3", v3],
  ["V4", v4]
]

describe.each(models)("AiSdkModel, specification %s", (version, model) => {
  it.effect.each([false, true])("answers, streamed: %s", (streamed) =>
    Effect.gen(function* () {
      const deltas: Array<string> = []
      const made = AiSdkModel.make(model(), { prices: { "mock-model-id": { input: 1, cacheWrite: 3, output: 2 } } })
      const answer = yield* made.generate(request(streamed ? { onDelta: (delta) => deltas.push(delta) } : {}))
      assert.deepStrictEqual(answer, {
        parts: [
          { type: "reasoning", text: "Hm.", metadata: { some: { signature: "s" } } },
          { type: "text", text: "Let me look." },
          { type: "tool-call", id: "a", name: "look", params: { at: "x" } },
          { type: "tool-call", id: "b", name: "look", params: '{"at' }
        ],
        finishReason: "tool-calls",
        usage: {
          requests: 1,
          inputTokens: 100,
          cachedInputTokens: 40,
          // The second specification cannot express it.
          ...(version !== "V2" && { cacheWriteInputTokens: 10 }),
          outputTokens: 20,
          reasoningTokens: 5,
          costUsd: (version === "V2" ? 140 : 160) / 1_000_000
        },
        model: "model-2026"
      })
      assert.strictEqual(made.reference, "mock-provider/mock-model-id")
      if (streamed) assert.strictEqual(deltas.join(""), "Let me look.")
    })
  )
})

describe("AiSdkModel", () => {
  it.effect("converts the conversation, tools, files and parameters for each specification", () =>
    Effect.gen(function* () {
      const asked = request({
        messages: [
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "Look." },
              { type: "file", mediaType: "image/png", data: "AQID" },
              { type: "file", mediaType: "image/png", data: "https://example.com/a.png" }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "Hm.", options: { some: { signature: "s" } } },
              { type: "tool-call", id: "a", name: "look", params: { at: "x" } }
            ]
          },
          { role: "tool", content: [{ type: "tool-result", id: "a", name: "look", isFailure: true, result: "dark" }] }
        ],
        tools: [tool],
        toolChoice: "none",
        output: { name: "seen", schema: { type: "object" } },
        options: { temperature: 0.5, maxOutputTokens: 9, stop: ["END"] }
      })
      const newest = v4()
      yield* AiSdkModel.make(newest).generate(asked)
      const { abortSignal, ...call } = newest.doGenerateCalls[0]!
      assert.instanceOf(abortSignal, AbortSignal)
      const url = new URL("https://example.com/a.png")
      const image = (data: unknown) => ({ type: "file", mediaType: "image/png", data })
      const prompt = (first: unknown, second: unknown) => [
        { role: "system", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "Look." }, image(first), image(second)] },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm.", providerOptions: { some: { signature: "s" } } },
            { type: "tool-call", toolCallId: "a", toolName: "look", input: { at: "x" } }
          ]
        },
        {
          role: "tool",
          content: [
            { type: "tool-result", toolCallId: "a", toolName: "look", output: { type: "error-text", value: "dark" } }
          ]
        }
      ]
      assert.deepStrictEqual<unknown>(call, {
        prompt: prompt({ type: "data", data: "AQID" }, { type: "url", url }),
        tools: [{ type: "function", name: "look", description: "Looks", inputSchema: tool.parameters }],
        toolChoice: { type: "none" },
        responseFormat: { type: "json", name: "seen", schema: { type: "object" } },
        temperature: 0.5,
        maxOutputTokens: 9,
        stopSequences: ["END"]
      })
      const calls: Array<LanguageModelV2CallOptions> = []
      yield* AiSdkModel.make(v2(calls)).generate({ ...asked, toolChoice: "auto" })
      assert.deepStrictEqual<unknown>(calls[0]?.prompt, prompt("AQID", url))
      // The schema does not disable the tools.
      assert.isUndefined(calls[0]?.responseFormat)
    })
  )

  it.effect("converts its errors to reasons", () =>
    Effect.gen(function* () {
      const failing = (error: unknown) =>
        AiSdkModel.make(new MockLanguageModelV4({ doGenerate: () => Promise.reject(error) }))
      const reasonOf = (error: unknown) =>
        Effect.map(Effect.flip(failing(error).generate(request())), ({ reason }) => reason)
      const api = (statusCode: number | undefined, rest: object = {}) =>
        new APICallError({
          message: "no",
          url: "https://x",
          requestBodyValues: {},
          ...(statusCode !== undefined && { statusCode }),
          ...rest
        })
      const limited = yield* reasonOf(api(429, { responseHeaders: { "retry-after": "3", "x-request-id": "req_1" } }))
      assert.deepInclude(limited, { _tag: "RateLimited", retryAfterMillis: 3_000, requestId: "req_1" })
      assert.strictEqual((yield* reasonOf(api(503)))._tag, "Overloaded")
      assert.strictEqual(
        (yield* reasonOf(api(400, { data: { error: { code: "context_length_exceeded" } } })))._tag,
        "ContextTooLong"
      )
      assert.strictEqual((yield* reasonOf(api(undefined, { cause: new Error("socket") })))._tag, "Network")
      assert.strictEqual((yield* reasonOf(new LoadAPIKeyError({ message: "set a key" })))._tag, "Authentication")
      const broken = AiSdkModel.make(
        new MockLanguageModelV4({
          doStream: async () => ({
            stream: convertArrayToReadableStream([
              { type: "text-start" as const, id: "0" },
              { type: "error" as const, error: { type: "overloaded_error", message: "Overloaded" } }
            ])
          })
        })
      )
      const told = yield* Effect.flip(broken.generate(request({ onDelta: () => {} })))
      assert.strictEqual(told.reason._tag, "Overloaded")
      const cut = AiSdkModel.make(
        new MockLanguageModelV4({ doStream: async () => ({ stream: convertArrayToReadableStream([]) }) })
      )
      const ended = yield* Effect.flip(cut.generate(request({ onDelta: () => {} })))
      assert.strictEqual(ended.reason._tag, "MalformedAnswer")
    })
  )

  it.effect("reports the remaining rate limits from headers, with answers, streams and refusals", () =>
    Effect.gen(function* () {
      const headers = {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "30s"
      }
      const refusal = new APICallError({
        message: "slow down",
        url: "https://example.com",
        requestBodyValues: {},
        statusCode: 429,
        responseHeaders: headers
      })
      const response = { headers }
      const sound = new MockLanguageModelV4({
        doGenerate: { ...result, response },
        doStream: async () => ({ stream: stream(), response })
      })
      const busy = new MockLanguageModelV4({
        doGenerate: async () => {
          throw refusal
        }
      })
      const told: Array<unknown> = []
      const asked = request({ onRateLimits: (states) => told.push(...states) })
      yield* AiSdkModel.make(sound).generate(asked)
      yield* AiSdkModel.make(sound).generate({ ...asked, onDelta: () => {} })
      yield* Effect.flip(AiSdkModel.make(busy).generate(asked))
      const state = { of: "requests", limit: 100, remaining: 7, resetMillis: 30_000 }
      assert.deepStrictEqual(told, [state, state, state])
    })
  )

  it.live("interrupting aborts the model's signal", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<AbortSignal>()
      const model = AiSdkModel.provider(
        "some",
        () =>
          new MockLanguageModelV4({
            doGenerate: ({ abortSignal }) => {
              Deferred.doneUnsafe(asked, Effect.succeed(abortSignal!))
              return new Promise(() => {})
            }
          })
      ).model("m")
      assert.strictEqual(model.reference, "some/m")
      const fiber = yield* Effect.forkChild(model.generate(request()))
      const signal = yield* Deferred.await(asked)
      assert.isFalse(signal.aborted)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(signal.aborted)
    })
  )
})
