/**
 * One suite for every provider, with the real SDKs: against aimock, written by others after the
 * real servers, and against a raw fake for what aimock cannot do (broken arguments, images, exact
 * counts, connections that really close).
 */
import * as Llm from "@crewline/core/Llm"
import { LLMock } from "@copilotkit/aimock"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { compatible, openAi } from "./OpenAiSubject.ts"
import { responses } from "./ResponsesSubject.ts"
import { answerWith, type ModelOptions, type Subject, unfinished, usage } from "./Subject.ts"

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

const rating = {
  type: "object",
  properties: { score: { type: "integer" } },
  required: ["score"],
  additionalProperties: false
}

/** Every thought of a model. */
const text = (answer: Llm.Answer) =>
  answer.parts
    .filter(({ type }) => type !== "reasoning")
    .map((part) => (part.type === "text" ? part.text : part.type))
    .join("|")

const callsOf = (answer: Llm.Answer) => answer.parts.flatMap((part) => (part.type === "tool-call" ? [part] : []))

/** The conversation after the calls of an answer were made. */
const withResults = (before: Llm.Request, answer: Llm.Answer, result: unknown): Llm.Request => {
  const calls = callsOf(answer)
  return {
    ...before,
    messages: [
      ...before.messages,
      { role: "assistant", content: calls.map(({ id, name, params }) => ({ type: "tool-call", id, name, params })) },
      {
        role: "tool",
        content: calls.map(({ id, name }) => ({ type: "tool-result", id, name, isFailure: false, result }))
      }
    ]
  }
}

const canary = "sk-canary-7f3a9b1c5d"

const conforms = (subject: Subject): void => {
  const withMock = <A, E>(
    run: (mock: LLMock, model: Llm.Model) => Effect.Effect<A, E>,
    options?: ModelOptions
  ): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.promise(() => LLMock.create({ port: 0, logLevel: "silent" })),
      (mock) => run(mock, subject.model(mock.url, options)),
      (mock) => Effect.promise(() => mock.stop())
    )

  const at = (provider: Scoped.FakeProvider, options?: ModelOptions): Llm.Model =>
    subject.model(new URL(provider.baseURL).origin, options)

  const withFake = (handler: FakeProvider.Handler, fields: Llm.Request, options?: ModelOptions) =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(handler)
      const answer = yield* at(provider, options).generate(fields)
      return { answer, body: provider.received[0]!.body }
    }).pipe(Effect.scoped)

  const failure = (handler: FakeProvider.Handler, fields: Llm.Request, options?: ModelOptions) =>
    Effect.map(Effect.flip(withFake(handler, fields, options)), (error) => error.reason)

  for (const streamed of [false, true]) {
    const kind = streamed ? "streamed" : "whole"
    const listening = () => {
      const deltas: Array<string> = []
      const how: Partial<Llm.Request> = streamed ? { onDelta: (delta) => deltas.push(delta) } : {}
      return { deltas, how }
    }

    it.live(`text, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const { deltas, how } = listening()
          const content = "Sea otters hold hands – 水獺 🦦 – while they sleep."
          mock.onMessage("otters", { content })
          const answer = yield* model.generate(request("Tell me about otters", how))
          assert.strictEqual(text(answer), content)
          assert.strictEqual(answer.finishReason, "stop")
          if (streamed) {
            assert.strictEqual(deltas.join(""), content)
            assert.isAbove(deltas.length, 0)
          }
        })
      )
    )

    it.live(`parallel tool calls and the answer to their results, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const { how } = listening()
          const call = (city: string) => ({ name: "forecast", arguments: JSON.stringify({ city }) })
          mock.on({ userMessage: "weather", hasToolResult: false }, { toolCalls: [call("Oslo"), call("Rome")] })
          mock.on({ userMessage: "weather", hasToolResult: true }, { content: "Sunny in both." })
          const first = request("weather?", { tools: [forecast], ...how })
          const answer = yield* model.generate(first)
          const calls = callsOf(answer)
          assert.deepStrictEqual(
            calls.map(({ name, params }) => ({ name, params })),
            [
              { name: "forecast", params: { city: "Oslo" } },
              { name: "forecast", params: { city: "Rome" } }
            ]
          )
          assert.strictEqual(new Set(calls.map(({ id }) => id)).size, 2)
          assert.strictEqual(answer.finishReason, "tool-calls")
          const last = yield* model.generate(withResults(first, answer, { sunny: true }))
          assert.strictEqual(text(last), "Sunny in both.")
        })
      )
    )

    it.live(`a loop of tool calls, one turn after another, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const { how } = listening()
          let turn = 0
          mock.on({ userMessage: "weather" }, () => {
            turn += 1
            return turn === 4
              ? { content: "Enough." }
              : { toolCalls: [{ name: "forecast", arguments: JSON.stringify({ city: `City ${turn}` }) }] }
          })
          let asked = request("weather?", { tools: [forecast], ...how })
          for (let expected = 1; expected <= 3; expected++) {
            const answer = yield* model.generate(asked)
            assert.deepStrictEqual(
              callsOf(answer).map(({ params }) => params),
              [{ city: `City ${expected}` }]
            )
            asked = withResults(asked, answer, expected)
          }
          assert.strictEqual(text(yield* model.generate(asked)), "Enough.")
        })
      )
    )

    it.live(`structured output, ${kind}`, () =>
      Effect.gen(function* () {
        const { deltas, how } = listening()
        const { answer, body } = yield* withFake(
          answerWith({ text: '{"score":7}' }),
          request("rate it", { output: { name: "rating", schema: rating }, ...how })
        )
        assert.deepStrictEqual(JSON.parse(text(answer)), { score: 7 })
        assert.deepStrictEqual(subject.schemaOf(body), rating)
        if (streamed) assert.strictEqual(deltas.join(""), '{"score":7}')
      })
    )

    it.live(`a schema does not stop the tools, ${kind}`, () =>
      Effect.gen(function* () {
        const { how } = listening()
        const calls = [{ id: "a", name: "forecast", arguments: '{"city":"Oslo"}' }]
        const asked = request("rate it", { output: { name: "rating", schema: rating }, tools: [forecast], ...how })
        const { answer, body } = yield* withFake(answerWith({ calls }), asked)
        assert.deepStrictEqual(
          callsOf(answer).map(({ params }) => params),
          [{ city: "Oslo" }]
        )
        assert.strictEqual(answer.finishReason, "tool-calls")
        assert.deepStrictEqual(subject.schemaOf(body), subject.schemaBesideTools ? rating : undefined)
        // Nothing forces the model to answer instead of calling.
        assert.isUndefined(body["tool_choice"])
        const last: Llm.Request = { ...withResults(asked, answer, "sunny"), toolChoice: "none" }
        const done = yield* withFake(answerWith({ text: '{"score":7}' }), last)
        assert.deepStrictEqual(JSON.parse(text(done.answer)), { score: 7 })
        assert.deepStrictEqual(subject.schemaOf(done.body), rating)
      })
    )

    it.live(`usage, reasoning and the model that answered, ${kind}`, () =>
      Effect.gen(function* () {
        const { how } = listening()
        const { answer } = yield* withFake(
          answerWith({ reasoning: "They use stones.", text: "Otters." }),
          request("otters", how)
        )
        const { requests, inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = answer.usage
        assert.deepStrictEqual(
          { requests, inputTokens, cachedInputTokens, outputTokens, reasoningTokens },
          {
            requests: 1,
            inputTokens: usage.input,
            cachedInputTokens: subject.caches ? usage.cached : 0,
            outputTokens: usage.output,
            reasoningTokens: subject.countsReasoning ? usage.reasoning : 0
          }
        )
        assert.strictEqual(answer.model, "model-2026")
        assert.deepStrictEqual(
          answer.parts.map((part) => [part.type, "text" in part ? part.text : undefined]),
          [
            ["reasoning", "They use stones."],
            ["text", "Otters."]
          ]
        )
      })
    )

    it.live(`an answer truncated at its length is marked, ${kind}`, () =>
      Effect.gen(function* () {
        const { how } = listening()
        const { answer } = yield* withFake(answerWith({ text: "Sea ot", stop: "length" }), request("otters", how))
        assert.strictEqual(answer.finishReason, "length")
      })
    )

    if (subject.textArguments) {
      it.live(`invalid JSON arguments are forwarded unchanged, ${kind}`, () =>
        Effect.gen(function* () {
          const { how } = listening()
          const calls = [{ id: "a", name: "forecast", arguments: '{"city": "Os' }]
          const { answer } = yield* withFake(answerWith({ calls }), request("weather?", { tools: [forecast], ...how }))
          assert.deepStrictEqual(answer.parts, [
            { type: "tool-call", id: "a", name: "forecast", params: '{"city": "Os' }
          ])
          // And the conversation can continue: what the provider parses is JSON again.
          const { body } = yield* withFake(
            answerWith({ text: "Sorry." }),
            withResults(request("weather?", { tools: [forecast], ...how }), answer, "The arguments are no JSON.")
          )
          assert.strictEqual(subject.messagesOf(body).length, 3)
        })
      )
    }

    it.live(`errors of aimock, each once, ${kind}`, () =>
      withMock((mock, model) =>
        Effect.gen(function* () {
          const { how } = listening()
          mock.onMessage("otters", { content: "Otters." })
          const fail = (status: number, type: string) => {
            mock.nextRequestError(status, { message: "no", type })
            return Effect.map(Effect.flip(model.generate(request("otters", how))), ({ reason }) => reason)
          }
          const limited = yield* fail(429, "rate_limit_error")
          assert.strictEqual(limited._tag, "RateLimited")
          assert.strictEqual(limited._tag === "RateLimited" ? limited.retryAfterMillis : undefined, 1_000)
          assert.strictEqual((yield* fail(500, "api_error"))._tag, "Overloaded")
          assert.strictEqual((yield* fail(401, "authentication_error"))._tag, "Authentication")
          assert.strictEqual(text(yield* model.generate(request("otters", how))), "Otters.")
        })
      )
    )
  }

  it.live("images in prompts", () =>
    Effect.gen(function* () {
      const ask = (data: string | URL) =>
        request("", {
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "Look." },
                { type: "file", mediaType: "image/png", data }
              ]
            }
          ]
        })
      const handler = answerWith({ text: "An otter." })
      for (const data of ["AQID", "data:image/png;base64,AQID"]) {
        const { body } = yield* withFake(handler, ask(data))
        assert.deepStrictEqual(subject.messagesOf(body), [subject.imageMessage])
      }
      const byUrl = ask(new URL("https://example.com/a.png"))
      if (subject.imageUrlMessage !== undefined) {
        const { body } = yield* withFake(handler, byUrl)
        assert.deepStrictEqual(subject.messagesOf(body), [subject.imageUrlMessage])
      } else {
        assert.strictEqual((yield* failure(handler, byUrl))._tag, "InvalidRequest")
      }
    })
  )

  it.live("a file type that the provider does not support is an invalid request", () =>
    Effect.gen(function* () {
      const file = { type: "file", mediaType: "application/x-tar", data: "AQID" } as const
      const reason = yield* failure(
        answerWith({ text: "?" }),
        request("", { messages: [{ role: "user", content: [file] }] })
      )
      assert.strictEqual(reason._tag, "InvalidRequest")
      assert.include(reason.description, "application/x-tar")
    })
  )

  it.live("a stream that is cut off, and a connection that is dropped", () =>
    withMock((mock, model) =>
      Effect.gen(function* () {
        const content = "A long answer about sea otters and their stones."
        mock.onMessage("cut", { content }, { truncateAfterChunks: 2, chunkSize: 5 })
        const cut = yield* Effect.flip(model.generate(request("cut", { onDelta: () => {} })))
        assert.include(["MalformedAnswer", "Network"], cut.reason._tag)
        assert.isTrue(cut.reason.isRetryable)
        mock.onMessage("drop", { content: "never seen" }, { chaos: { disconnectRate: 1 } })
        const dropped = yield* Effect.flip(model.generate(request("drop")))
        assert.strictEqual(dropped.reason._tag, "Network")
      })
    )
  )

  it.live("a stream that ends too early", () =>
    Effect.gen(function* () {
      const ask = request("otters", { onDelta: () => {} })
      const empty = FakeProvider.stream([], undefined, subject.dialect.streamType)
      for (const handler of [unfinished(subject, ["Sea ot"]), empty]) {
        assert.strictEqual((yield* failure(handler, ask))._tag, "MalformedAnswer")
      }
    })
  )

  it.live("a malformed answer", () =>
    withMock((mock, model) =>
      Effect.gen(function* () {
        mock.onMessage("broken", { content: "x" }, { chaos: { malformedRate: 1 } })
        assert.strictEqual((yield* Effect.flip(model.generate(request("broken")))).reason._tag, "MalformedAnswer")
      })
    )
  )

  it.live("interruption closes the connection, before the answer and during a stream", () =>
    Effect.gen(function* () {
      const waiting = yield* Scoped.start(() => {})
      const early = yield* Effect.forkChild(at(waiting).generate(request("otters")))
      yield* waiting.asked
      yield* Fiber.interrupt(early)
      yield* waiting.aborted

      const first = yield* Deferred.make<void>()
      const deltas: Array<string> = []
      const endless = Array.from({ length: 2_000 }, (_, n) => `${n} `)
      const provider = yield* Scoped.start(unfinished(subject, endless))
      const onDelta = (delta: string): void => {
        deltas.push(delta)
        Deferred.doneUnsafe(first, Effect.void)
      }
      const fiber = yield* Effect.forkChild(at(provider).generate(request("otters", { onDelta })))
      yield* Deferred.await(first)
      yield* Fiber.interrupt(fiber)
      const seen = deltas.length
      yield* provider.aborted
      assert.strictEqual(deltas.length, seen)
    }).pipe(Effect.scoped)
  )

  it.live("one call is one request, also when it fails", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(FakeProvider.json({ error: "no" }, 500, { "x-should-retry": "true" }))
      yield* Effect.flip(at(provider).generate(request("otters")))
      assert.strictEqual(provider.received.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("the key is in no text, whatever the server repeats", () =>
    Effect.gen(function* () {
      const echo =
        (status: number): FakeProvider.Handler =>
        (received, response) => {
          const sent = JSON.stringify(received.headers)
          assert.include(sent, canary)
          const error = { message: sent, type: canary, code: canary, details: { error_code: canary } }
          const headers = { "x-request-id": canary, "request-id": canary, location: `https://example.com/?${canary}` }
          FakeProvider.json({ error }, status, headers)(received, response)
        }
      const handlers = [
        ...[200, 301, 400, 401, 404, 429, 500].map(echo),
        FakeProvider.json(`no JSON ${canary}`),
        ...[`data: ${canary}\n\n`, `{"error":"${canary}"}\n`].map((piece) =>
          FakeProvider.stream([piece], undefined, subject.dialect.streamType)
        )
      ]
      for (const handler of handlers) {
        for (const fields of [{}, { onDelta: () => {} }]) {
          const error = yield* Effect.flip(withFake(handler, request("otters", fields), { apiKey: canary }))
          const shown = `${error.message} ${String(error.stack)} ${JSON.stringify(error)} ${String(error.cause)}`
          assert.notInclude(shown, canary)
        }
      }
    })
  )
}

describe.each([openAi, responses, compatible, anthropic, ollama])("$name", (subject) => {
  conforms(subject)
})
