/** The provider against aimock, which others wrote after the real API: that both agree is what this shows. */
import type * as Llm from "@crewline/core/Llm"
import { LLMock } from "@copilotkit/aimock"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OpenAi from "../src/OpenAi.ts"

const withMock = <A, E>(
  run: (mock: LLMock, model: Llm.Model) => Effect.Effect<A, E>,
  options: Partial<OpenAi.Options> = {}
) =>
  Effect.acquireUseRelease(
    Effect.promise(() => LLMock.create({ port: 0, logLevel: "silent" })),
    (mock) =>
      run(mock, OpenAi.make({ apiKey: Redacted.make("test"), baseURL: `${mock.url}/v1`, ...options }).model("gpt-4o")),
    (mock) => Effect.promise(() => mock.stop())
  )

const request = (content: string, fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content }],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const forecast: Llm.ToolDefinition = {
  name: "forecast",
  description: "Tells the weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

const text = (answer: Llm.Answer) =>
  answer.parts.map((part) => (part.type === "text" ? part.text : part.type)).join("|")

describe("OpenAi against aimock", () => {
  for (const streamed of [false, true]) {
    const deltas: Array<string> = []
    const how: Partial<Llm.Request> = streamed ? { onDelta: (delta) => deltas.push(delta) } : {}
    const kind = streamed ? "streamed" : "whole"

    it.live(`text, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const content = "Sea otters hold hands – 水獺 🦦 – while they sleep."
          mock.onMessage("otters", { content, usage: { prompt_tokens: 11, completion_tokens: 7 } })
          const answer = yield* model.generate(request("Tell me about otters", how))
          assert.strictEqual(text(answer), content)
          assert.strictEqual(answer.finishReason, "stop")
          assert.strictEqual(answer.usage.inputTokens, 11)
          assert.strictEqual(answer.usage.outputTokens, 7)
          if (streamed) assert.strictEqual(deltas.join(""), content)
        })
      )
    )

    it.live(`parallel tool calls and the answer to their results, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const call = (city: string) => ({ name: "forecast", arguments: JSON.stringify({ city }) })
          mock.on({ userMessage: "weather", hasToolResult: false }, { toolCalls: [call("Oslo"), call("Rome")] })
          mock.on({ userMessage: "weather", hasToolResult: true }, { content: "Sunny in both." })
          const first = request("weather?", { tools: [forecast], ...how })
          const answer = yield* model.generate(first)
          const calls = answer.parts.flatMap((part) => (part.type === "tool-call" ? [part] : []))
          assert.deepStrictEqual(
            calls.map(({ name, params }) => ({ name, params })),
            [
              { name: "forecast", params: { city: "Oslo" } },
              { name: "forecast", params: { city: "Rome" } }
            ]
          )
          assert.strictEqual(new Set(calls.map(({ id }) => id)).size, 2)
          assert.strictEqual(answer.finishReason, "tool-calls")
          const last = yield* model.generate({
            ...first,
            messages: [
              ...first.messages,
              {
                role: "assistant",
                content: calls.map(({ id, name, params }) => ({ type: "tool-call", id, name, params }))
              },
              {
                role: "tool",
                content: calls.map(({ id, name }) => ({
                  type: "tool-result",
                  id,
                  name,
                  isFailure: false,
                  result: { sunny: true }
                }))
              }
            ]
          })
          assert.strictEqual(text(last), "Sunny in both.")
        })
      )
    )

    it.live(`structured output, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          mock.onMessage("rate", { content: '{"score":7}' })
          const schema = {
            type: "object",
            properties: { score: { type: "integer" } },
            required: ["score"],
            additionalProperties: false
          }
          const answer = yield* model.generate(request("rate it", { output: { name: "rating", schema }, ...how }))
          assert.deepStrictEqual(JSON.parse(text(answer)), { score: 7 })
          const body = mock.getLastRequest()?.body
          assert.deepStrictEqual(body === null || body === undefined ? undefined : body.response_format, {
            type: "json_schema",
            json_schema: { name: "rating", schema, strict: true }
          })
        })
      )
    )

    it.live(`errors, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          mock.onMessage("otters", { content: "Otters." })
          const fail = (status: number, body: { message?: string; type?: string; code?: string }) => {
            mock.nextRequestError(status, body)
            return Effect.map(Effect.flip(model.generate(request("otters", how))), ({ reason }) => reason)
          }
          const limited = yield* fail(429, { message: "slow down", code: "rate_limit_exceeded" })
          assert.strictEqual(limited._tag, "RateLimited")
          assert.strictEqual(limited._tag === "RateLimited" ? limited.retryAfterMillis : undefined, 1_000)
          assert.strictEqual((yield* fail(500, { message: "oops" }))._tag, "Overloaded")
          assert.strictEqual((yield* fail(401, { message: "bad key" }))._tag, "Authentication")
          assert.strictEqual(
            (yield* fail(400, { message: "too long", code: "context_length_exceeded" }))._tag,
            "ContextTooLong"
          )
          // One-shot errors: the next call is answered.
          assert.strictEqual(text(yield* model.generate(request("otters", how))), "Otters.")
        })
      )
    )
  }

  it.live("a stream that is cut off, and a connection that is dropped", () =>
    withMock((mock, model) =>
      Effect.gen(function* () {
        mock.onMessage(
          "cut",
          { content: "A long answer about sea otters and their stones." },
          { truncateAfterChunks: 2, chunkSize: 5 }
        )
        const cut = yield* Effect.flip(model.generate(request("cut", { onDelta: () => {} })))
        assert.include(["MalformedAnswer", "Network"], cut.reason._tag)
        assert.isTrue(cut.reason.isRetryable)
        mock.onMessage("drop", { content: "never seen" }, { chaos: { disconnectRate: 1 } })
        const dropped = yield* Effect.flip(model.generate(request("drop")))
        assert.strictEqual(dropped.reason._tag, "Network")
      })
    )
  )

  it.live("a malformed answer and a slow one", () =>
    withMock(
      (mock, model) =>
        Effect.gen(function* () {
          mock.onMessage("broken", { content: "x" }, { chaos: { malformedRate: 1 } })
          assert.strictEqual((yield* Effect.flip(model.generate(request("broken")))).reason._tag, "MalformedAnswer")
          mock.onMessage("slow", { content: "x" }, { chaos: { latencyMs: 2_000 } })
          assert.strictEqual((yield* Effect.flip(model.generate(request("slow")))).reason._tag, "Timeout")
          const none = yield* Effect.timeoutOption(model.generate(request("slow")), 50)
          assert.strictEqual(none._tag, "None")
        }),
      { timeoutMillis: 200 }
    )
  )
})
