/**
 * One crew, unchanged, on every provider: tools, a parallel part, output of a schema. And a chain
 * of models that completes it although the first of them fails in every way.
 */
import * as Crew from "@crewline/core/Crew"
import type { Followed } from "@crewline/core/ExecutionEvent"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Provider } from "../../src/Provider.ts"
import * as Providers from "../../src/Providers.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { compatible, openAi } from "./OpenAiSubject.ts"
import { responses } from "./ResponsesSubject.ts"
import { answerWith, type ModelOptions, type Subject } from "./Subject.ts"

const forecast = Tool.make({
  name: "forecast",
  description: "Tells the weather of a city.",
  parameters: Schema.Struct({ city: Schema.String }),
  idempotent: true,
  execute: ({ city }) => `${city} has ${city === "Rome" ? 28 : 12} degrees`
})

const crewOn = (model: string | ReadonlyArray<string>) =>
  Crew.make({
    name: "travel",
    model,
    agents: { guide: { role: "Guide", goal: "Find the warmer city", tools: ["forecast"] } },
    tasks: {
      oslo: { description: "What is the weather in Oslo?", expectedOutput: "A sentence.", tools: ["forecast"] },
      rome: { description: "What is the weather in Rome?", expectedOutput: "A sentence.", tools: ["forecast"] },
      decide: {
        description: "Decide which city is warmer.",
        context: ["oslo", "rome"],
        expectedOutput: "The city and its degrees.",
        tools: [],
        output: Schema.Struct({ city: Schema.String, degrees: Schema.Int })
      }
    }
  })

/** The answers of a sensible model to each prompt. */
const thinks = (messages: ReadonlyArray<unknown>): FakeProvider.Said => {
  const told = JSON.stringify(messages)
  if (told.includes("Decide which")) {
    return { text: told.includes("Rome has 28") ? '{"city":"Rome","degrees":28}' : '{"city":"?","degrees":0}' }
  }
  const city = told.includes("in Oslo?") ? "Oslo" : "Rome"
  const known = new RegExp(`${city} has \\d+ degrees`).exec(told)
  return known === null
    ? { calls: [{ id: `call_${city}`, name: "forecast", arguments: JSON.stringify({ city }) }] }
    : { text: `${known[0]}.` }
}

const answering =
  (subject: Subject, more: FakeProvider.Said = {}): FakeProvider.Handler =>
  (received, response) =>
    answerWith({ ...more, ...thinks(subject.messagesOf(received.body)) })(received, response)

/** Holds the first two requests until both have arrived: sequential tasks would never get there. */
const sideBySide = (handler: FakeProvider.Handler): FakeProvider.Handler => {
  let held: Array<() => void> | undefined = []
  return (received, response) => {
    if (held === undefined) return handler(received, response)
    held.push(() => void handler(received, response))
    if (held.length < 2) return
    const both = held
    held = undefined
    for (const answer of both) answer()
  }
}

/** A provider with the subject as its only model. */
const providerOf = (
  name: string,
  subject: Subject,
  { baseURL }: Scoped.FakeProvider,
  options?: ModelOptions
): Provider => {
  const model = subject.model(new URL(baseURL).origin, options)
  return { name, model: () => model }
}

const run = (model: string | ReadonlyArray<string>, providers: ReadonlyArray<Provider>) =>
  Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const execution = yield* crewline.start(crewOn(model))
    const events: ReadonlyArray<Followed> = yield* Stream.runCollect(execution.events)
    return { events, ...(yield* execution.result) }
  }).pipe(
    Effect.provide(
      Crewline.layerLocal().pipe(
        Layer.provide([Providers.layer({ providers, defaultModel: "none/none" }), Toolbox.layer([forecast])])
      )
    )
  )

describe("the same crew", () => {
  it.live.each([openAi, responses, compatible, anthropic, ollama])("runs on $name", (subject) =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(sideBySide(answering(subject)))
      const { events, output, tasks, usage } = yield* run("some/model", [providerOf("some", subject, server)])
      assert.deepStrictEqual(output, { city: "Rome", degrees: 28 })
      assert.strictEqual(tasks["oslo"]?.output, "Oslo has 12 degrees.")
      assert.strictEqual(server.received.length, 5)
      assert.strictEqual(usage.requests, 5)
      assert.strictEqual(usage.inputTokens, 500)
      assert.strictEqual(events.filter(({ type }) => type === "ToolCalled").length, 2)
      // The last task requests its schema with the provider's own feature.
      assert.isDefined(subject.schemaOf(server.received.at(-1)!.body))
    }).pipe(Effect.scoped)
  )

  it.live.each([
    { subject: responses, sealed: '"encrypted_content":"gAAAA"' },
    { subject: anthropic, sealed: '"signature":"sig"' }
  ])("gives $subject.name back the thoughts of its model before a tool call", ({ sealed, subject }) =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(answering(subject, { reasoning: "I should look." }))
      const { output } = yield* run("some/model", [providerOf("some", subject, server)])
      assert.deepStrictEqual(output, { city: "Rome", degrees: 28 })
      const conversations = server.received.map(({ body }) => JSON.stringify(subject.messagesOf(body)))
      const second = conversations.filter((each) => each.includes("call_"))
      assert.strictEqual(second.length, 2)
      for (const each of second) assert.include(each, sealed)
    }).pipe(Effect.scoped)
  )

  it.live("is completed by a chain of models while the first answers 500, 429 and not at all", () =>
    Effect.gen(function* () {
      const refusals: ReadonlyArray<FakeProvider.Handler> = [
        FakeProvider.json({ error: { message: "oops" } }, 500),
        FakeProvider.json({ error: { message: "slow down", code: "rate_limit_exceeded" } }, 429),
        () => {}
      ]
      let asked = 0
      const failing = yield* Scoped.start((received, response) =>
        refusals[asked++ % refusals.length]!(received, response)
      )
      const sound = yield* Scoped.start(answering(anthropic))
      const { events, output } = yield* run(
        ["openai/m", "anthropic/m"],
        [providerOf("openai", openAi, failing, { timeoutMillis: 200 }), providerOf("anthropic", anthropic, sound)]
      )
      assert.deepStrictEqual(output, { city: "Rome", degrees: 28 })
      assert.strictEqual(failing.received.length, 5)
      assert.strictEqual(sound.received.length, 5)
      const notices = events.flatMap((event) => (event.type === "ModelNoticed" ? [event.notice] : []))
      assert.deepStrictEqual([...new Set(notices.map(({ kind }) => kind))], ["fell-back"])
      const told = notices.map(({ message }) => message).join("\n")
      for (const why of ["oops", "slow down", "sent nothing for too long"]) assert.include(told, why)
    }).pipe(Effect.scoped)
  )
})
