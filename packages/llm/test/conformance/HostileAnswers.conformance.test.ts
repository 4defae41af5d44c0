/**
 * Answers that would exhaust a process that reads them: each is one call with one reason, for every
 * provider.
 */
import type * as Llm from "@crewline/core/Llm"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { openAi } from "./OpenAiSubject.ts"
import { responses } from "./ResponsesSubject.ts"
import { answerWith, type Subject } from "./Subject.ts"

const request: Llm.Request = { messages: [{ role: "user", content: "otters" }], tools: [], toolChoice: "auto" }
const followed: Llm.Request = { ...request, onDelta: () => {} }

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`

const asked = (subject: Subject, handler: FakeProvider.Handler, how: Llm.Request) =>
  Effect.gen(function* () {
    const provider = yield* Scoped.start(handler)
    const result = yield* Effect.result(subject.model(provider.origin).generate(how))
    assert.strictEqual(provider.received.length, 1)
    return result
  }).pipe(Effect.scoped)

describe.each([openAi, responses, anthropic, ollama])("$name", (subject) => {
  it.live("a body that is nested 5,000 deep is a MalformedAnswer", () =>
    Effect.gen(function* () {
      const body = deep(5_000)
      const { streamType } = subject.dialect
      const piece = streamType === "text/event-stream" ? `data: ${body}\n\n` : `${body}\n`
      const cases = [
        { handler: FakeProvider.json(body), how: request },
        { handler: FakeProvider.stream([piece], undefined, streamType), how: followed }
      ]
      for (const { handler, how } of cases) {
        const result = yield* asked(subject, handler, how)
        assert(result._tag === "Failure")
        assert.strictEqual(result.failure.reason._tag, "MalformedAnswer")
        assert.include(result.failure.message, "nested deeper than 500 levels")
      }
    })
  )

  it.live("a tool call whose arguments are nested 5,000 deep ends as text, or as a MalformedAnswer", () =>
    Effect.gen(function* () {
      const json = `{"city":${deep(5_000)}}`
      const handler = answerWith({ calls: [{ id: "a", name: "forecast", arguments: json }] })
      for (const how of [request, followed]) {
        const result = yield* asked(subject, handler, how)
        if (result._tag === "Failure") assert.strictEqual(result.failure.reason._tag, "MalformedAnswer")
        else assert.deepInclude(result.success.parts[0], { type: "tool-call", params: json })
      }
    })
  )

  it.live("an endless stream is cut off", () =>
    Effect.gen(function* () {
      const [begin = "", piece = ""] = FakeProvider.beginning(subject.dialect, ["x".repeat(60_000)])
      const handler = FakeProvider.endless(begin + piece, subject.dialect.streamType)
      const result = yield* asked(subject, handler, followed)
      assert(result._tag === "Failure")
      assert.strictEqual(result.failure.reason._tag, "MalformedAnswer")
      assert.include(result.failure.message, "longer than 33554432 bytes")
    })
  )
})
