import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as EffectModel from "../src/EffectModel.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as Scripted from "../src/Scripted.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as OpenAiChat from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { request } from "./fake/Request.ts"

const weather: Llm.ToolDefinition = {
  name: "weather",
  description: "Tells the weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

const usage = { inputTokens: 12, cachedInputTokens: 4, outputTokens: 7, reasoningTokens: 2 }

/** A model converted to an Effect language model and back: nothing may be lost. */
const there = (steps: ReadonlyArray<Scripted.Step | string>) =>
  Effect.gen(function* () {
    const script = Scripted.make(steps)
    const languageModel = yield* EffectModel.toLanguageModel(script.model)
    return { script, languageModel, model: EffectModel.fromLanguageModel(languageModel, "effect/any") }
  })

describe("EffectModel, there and back", () => {
  it.effect("keeps messages, tools, answers and usage", () =>
    Effect.gen(function* () {
      const { model, script } = yield* there([
        Scripted.toolCalls([{ name: "weather", params: { city: "Oslo" }, id: "a" }], { text: "Let me look.", usage }),
        Scripted.text("Sunny.", { usage })
      ])
      const first = request({ tools: [weather] })
      const answer = yield* model.generate(first)
      assert.deepStrictEqual(answer.parts, [
        { type: "text", text: "Let me look." },
        { type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } }
      ])
      assert.strictEqual(answer.finishReason, "tool-calls")
      assert.deepStrictEqual(answer.usage, { requests: 1, ...usage, costUsd: null })
      assert.strictEqual(answer.model, "scripted/script")
      const last = yield* model.generate({
        ...first,
        toolChoice: "none",
        messages: [
          ...first.messages,
          { role: "assistant", content: [{ type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } }] },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "a", name: "weather", isFailure: false, result: { sunny: true } }]
          }
        ]
      })
      assert.deepStrictEqual(last.parts, [{ type: "text", text: "Sunny." }])
      const [asked = assert.fail(), again = assert.fail()] = script.requests
      assert.deepStrictEqual(asked.tools, [weather])
      assert.strictEqual(again.toolChoice, "none")
      assert.deepStrictEqual(
        again.messages.map(({ role }) => role),
        ["system", "user", "assistant", "tool"]
      )
      const [, , , result] = again.messages
      const part = result?.role === "tool" ? result.content[0] : undefined
      assert.deepStrictEqual(part?.type === "tool-result" ? part.result : undefined, { sunny: true })
    })
  )

  it.effect("streams the text as it comes", () =>
    Effect.gen(function* () {
      const { model } = yield* there([Scripted.text("Sea otters do.", { usage })])
      const deltas: Array<string> = []
      const answer = yield* model.generate(request({ onDelta: (delta) => deltas.push(delta) }))
      assert.deepStrictEqual(deltas, ["Sea ", "otters ", "do."])
      assert.deepStrictEqual(answer.parts, [{ type: "text", text: "Sea otters do." }])
      assert.strictEqual(answer.finishReason, "stop")
      assert.deepStrictEqual(answer.usage, { requests: 1, ...usage, costUsd: null })
    })
  )

  const thoughts: Llm.Answer["parts"] = [
    { type: "reasoning", text: "Two things.", metadata: { anthropic: { signature: "s-1" } } },
    { type: "text", text: "Let me look.", metadata: { openai: { phase: "commentary" } } },
    { type: "reasoning", text: "", metadata: { anthropic: { redactedData: "s-2" } } },
    {
      type: "tool-call",
      id: "a",
      name: "weather",
      params: { city: "Oslo" },
      metadata: { google: { signature: "s-3" } }
    }
  ]
  const looked: Llm.Request["messages"] = [
    {
      role: "tool",
      content: [{ type: "tool-result", id: "a", name: "weather", isFailure: false, result: "Sunny" }]
    }
  ]
  /** An answer as the message that is sent back, built like the agent loop does. */
  const backOf = (parts: Llm.Answer["parts"]): Llm.Request["messages"][number] => ({
    role: "assistant",
    content: parts.flatMap((part) => {
      if (part.type !== "text" && part.type !== "reasoning" && part.type !== "tool-call") return []
      const { metadata, ...rest } = part
      return [{ ...rest, ...(metadata !== undefined && { options: metadata }) }]
    })
  })
  /** The request of a model with this answer, without empty options. */
  const sentOf = (asked: Llm.Request | undefined): unknown => {
    const message = asked?.messages.find(({ role }) => role === "assistant")
    return typeof message?.content === "string"
      ? message.content
      : message?.content.map((part) => ({
          type: part.type,
          ...("text" in part && { text: part.text }),
          options: part.options
        }))
  }

  it.effect("returns to a provider the data it added, in its order, through a model of a crew", () =>
    Effect.gen(function* () {
      const { model, script } = yield* there([Scripted.parts(thoughts), "Sunny.", Scripted.parts(thoughts), "Sunny."])
      const first = request({ tools: [weather] })
      const whole = yield* model.generate(first)
      assert.deepStrictEqual(whole.parts, thoughts)
      yield* model.generate({ ...first, messages: [...first.messages, backOf(whole.parts), ...looked] })
      assert.deepStrictEqual(sentOf(script.requests[1]), [
        { type: "reasoning", text: "Two things.", options: { anthropic: { signature: "s-1" } } },
        { type: "text", text: "Let me look.", options: { openai: { phase: "commentary" } } },
        { type: "reasoning", text: "", options: { anthropic: { redactedData: "s-2" } } },
        { type: "tool-call", options: { google: { signature: "s-3" } } }
      ])
      // In a stream, the text comes first: the parts before it are known only when the answer is
      // complete.
      const streamed = yield* model.generate({ ...first, onDelta: () => {} })
      yield* model.generate({ ...first, messages: [...first.messages, backOf(streamed.parts), ...looked] })
      assert.deepStrictEqual(sentOf(script.requests[3]), sentOf(script.requests[1]))
    })
  )

  it.effect("returns to a provider the data it added through a conversation of Effect, complete and streamed", () =>
    Effect.gen(function* () {
      for (const stream of [false, true]) {
        const script = Scripted.make([Scripted.parts(thoughts.slice(0, 3)), "Sunny."])
        const languageModel = yield* EffectModel.toLanguageModel(script.model)
        const conversation = yield* Chat.empty.pipe(Effect.provideService(LanguageModel.LanguageModel, languageModel))
        const asking = { prompt: "weather?" }
        yield* (
          stream ? Stream.runDrain(conversation.streamText(asking)) : Effect.asVoid(conversation.generateText(asking))
        ).pipe(Effect.provideService(LanguageModel.LanguageModel, languageModel))
        yield* conversation
          .generateText({ prompt: "and tomorrow?" })
          .pipe(Effect.provideService(LanguageModel.LanguageModel, languageModel))
        assert.deepStrictEqual(sentOf(script.requests[1]), [
          { type: "reasoning", text: "Two things.", options: { anthropic: { signature: "s-1" } } },
          { type: "text", text: "Let me look.", options: { openai: { phase: "commentary" } } },
          { type: "reasoning", text: "", options: { anthropic: { redactedData: "s-2" } } }
        ])
      }
    })
  )

  it.effect("forwards a complete answer of a model without streaming, and the tokens written to a cache", () =>
    Effect.gen(function* () {
      const usage = { requests: 1, inputTokens: 12, cachedInputTokens: 4, cacheWriteInputTokens: 3, outputTokens: 7 }
      const silent: Llm.Model = {
        reference: "acme/silent",
        generate: () =>
          Effect.succeed({
            parts: thoughts,
            finishReason: "tool-calls",
            model: "silent",
            usage: { ...usage, reasoningTokens: 2, costUsd: null }
          })
      }
      const languageModel = yield* EffectModel.toLanguageModel(silent)
      const model = EffectModel.fromLanguageModel(languageModel, "effect/any")
      const deltas: Array<string> = []
      const answer = yield* model.generate(request({ tools: [weather], onDelta: (delta) => deltas.push(delta) }))
      assert.deepStrictEqual(answer.parts, thoughts)
      assert.deepStrictEqual(deltas, ["Let me look."])
      assert.deepStrictEqual(answer.usage, { ...usage, reasoningTokens: 2, costUsd: null })
    })
  )

  it.effect("requests objects, and forwards invalid ones for the caller to send back", () =>
    Effect.gen(function* () {
      const schema = {
        type: "object",
        properties: { score: { type: "integer" } },
        required: ["score"],
        additionalProperties: false
      }
      const { model, script } = yield* there([
        Scripted.object({ score: 7 }),
        "no JSON at all",
        Scripted.object({ score: 1 })
      ])
      const ask = model.generate(request({ output: { name: "rating", schema } }))
      assert.deepStrictEqual((yield* ask).parts, [{ type: "text", text: '{"score":7}' }])
      assert.deepStrictEqual((yield* ask).parts, [{ type: "text", text: "no JSON at all" }])
      const { output } = script.requests[0] ?? assert.fail()
      assert.strictEqual(output?.name, "rating")
      assert.deepStrictEqual(output?.schema["required"], ["score"])
      // Schemas that Effect cannot express are requested in the prompt only.
      const beyond = { ...schema, if: { required: ["score"] }, else: false }
      yield* model.generate(request({ output: { name: "rating", schema: beyond } }))
      assert.isUndefined(script.requests[2]?.output)
      yield* script.assertConsumed
    })
  )

  const reasons: ReadonlyArray<Llm.Reason> = [
    new Llm.RateLimited({ description: "slow down", retryAfterMillis: 70 }),
    new Llm.QuotaExhausted({ description: "no credit" }),
    new Llm.Authentication({ description: "bad key" }),
    new Llm.ContentRefused({ description: "refused" }),
    new Llm.Overloaded({ description: "busy" }),
    new Llm.Network({ description: "gone" }),
    new Llm.MalformedAnswer({ description: "nonsense" }),
    new Llm.InvalidRequest({ description: "bad" })
  ]
  for (const reason of reasons) {
    it.effect(`keeps the reason ${reason._tag}, whole and streamed`, () =>
      Effect.gen(function* () {
        const { model } = yield* there([Scripted.failure(reason), Scripted.failure(reason)])
        for (const fields of [{}, { onDelta: () => {} }]) {
          const error = yield* Effect.flip(model.generate(request(fields)))
          assert.strictEqual(error.reason._tag, reason._tag)
          assert.strictEqual(error.reason.isRetryable, reason.isRetryable)
          assert.strictEqual(error.model, "effect/any")
          if (reason._tag === "RateLimited") assert.propertyVal(error.reason, "retryAfterMillis", 70)
        }
      })
    )
  }
})

describe("EffectModel.toLanguageModel", () => {
  it.effect("serves programs written against LanguageModel", () =>
    Effect.gen(function* () {
      const { languageModel, script } = yield* there([
        Scripted.toolCall("forecast", { city: "Oslo" }),
        Scripted.object({ title: "Otters", tags: ["sea"] }),
        Scripted.failure(new Llm.RateLimited({ description: "slow down", retryAfterMillis: 70 }))
      ])
      const provided = Effect.provideService(LanguageModel.LanguageModel, languageModel)
      const Forecast = Tool.make("forecast", {
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.String
      })
      const toolkit = Toolkit.make(Forecast)
      const response = yield* LanguageModel.generateText({
        prompt: "weather?",
        toolkit,
        toolChoice: { tool: "forecast" }
      }).pipe(provided, Effect.provide(toolkit.toLayer({ forecast: ({ city }) => Effect.succeed(`Sunny in ${city}`) })))
      assert.strictEqual(response.toolResults[0]?.result, "Sunny in Oslo")
      assert.strictEqual(script.requests[0]?.toolChoice, "required")
      const object = yield* provided(
        LanguageModel.generateObject({
          prompt: "x",
          schema: Schema.Struct({ title: Schema.String, tags: Schema.Array(Schema.String) })
        })
      )
      assert.deepStrictEqual(object.value, { title: "Otters", tags: ["sea"] })
      const error = yield* Effect.flip(provided(LanguageModel.generateText({ prompt: "x" })))
      assert.instanceOf(error.reason, AiError.RateLimitError)
      assert.strictEqual(
        error.reason._tag === "RateLimitError" && error.reason.retryAfter
          ? Duration.toMillis(error.reason.retryAfter)
          : 0,
        70
      )
    })
  )
})

describe("OpenAi.languageModel", () => {
  it.effect("is an effect/ai language model over the same calls", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start((received, response) =>
        received.body["stream"] === true
          ? FakeProvider.stream([
              OpenAiChat.event({ content: "Sea " }),
              OpenAiChat.event({ content: "otters." }, "stop"),
              OpenAiChat.usageEvent,
              "data: [DONE]\n\n"
            ])(received, response)
          : FakeProvider.json(OpenAiChat.completion({ content: "Otters." }))(received, response)
      )
      const languageModel = yield* OpenAi.languageModel({ apiKey: Redacted.make("k"), baseURL: provider.baseURL }, "m")
      const response = yield* languageModel.generateText({ prompt: "Which?" })
      assert.strictEqual(response.text, "Otters.")
      assert.strictEqual(response.usage.inputTokens.total, 100)
      assert.strictEqual(response.usage.inputTokens.cacheRead, 40)
      const parts = yield* Stream.runCollect(languageModel.streamText({ prompt: "Which?" }))
      const deltas = parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : []))
      assert.strictEqual(deltas.join(""), "Sea otters.")
      const types = parts.map(({ type }) => type)
      assert.strictEqual(types[0], "text-start")
      assert.deepStrictEqual(types.slice(-3), ["text-end", "response-metadata", "finish"])
    }).pipe(Effect.scoped)
  )
})
