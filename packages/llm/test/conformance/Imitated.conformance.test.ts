/**
 * One crew, unchanged, on every kind of server compatible with OpenAI, complete and streamed:
 * parallel tool calls, output of a schema, and a chain of three servers, two of which fail during
 * the work.
 */
import * as Crew from "@crewline/core/Crew"
import type * as Llm from "@crewline/core/Llm"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as FakeProvider from "@crewline/fake-provider"
import * as Imitated from "@crewline/fake-provider/Imitated"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as OpenAi from "../../src/OpenAi.ts"
import type { Provider } from "../../src/Provider.ts"
import * as Providers from "../../src/Providers.ts"

const forecast = Tool.make({
  name: "forecast",
  description: "Tells the weather of a city.",
  parameters: Schema.Struct({ city: Schema.String }),
  idempotent: true,
  execute: ({ city }) => `${city} has ${city === "Rome" ? 28 : 12} degrees`
})

const crewOn = (model: ReadonlyArray<string>) =>
  Crew.make({
    name: "travel",
    model,
    agents: {
      guide: {
        role: "Guide",
        goal: "Find the warmer city",
        tools: ["forecast"],
        modelOptions: { maxOutputTokens: 500 }
      }
    },
    tasks: {
      look: { description: "What is the weather in both?", expectedOutput: "Two sentences.", tools: ["forecast"] },
      decide: {
        description: "Decide which city is warmer.",
        context: ["look"],
        expectedOutput: "The city and its degrees.",
        tools: [],
        output: Schema.Struct({ city: Schema.String, degrees: Schema.Int })
      }
    }
  })

/** The answers of a sensible model to each prompt. */
const thinks = (request: FakeProvider.Received): FakeProvider.Said => {
  const told = JSON.stringify(request.body.messages)
  const reasoning = "I should look."
  if (told.includes("Decide which")) {
    const known = told.includes("Rome has 28 degrees") && told.includes("Oslo has 12 degrees")
    return { reasoning, text: known ? '{"city":"Rome","degrees":28}' : '{"city":"?","degrees":0}' }
  }
  if (!told.includes("Oslo has 12")) {
    const call = (city: string) => ({ name: "forecast", arguments: JSON.stringify({ city }) })
    return { reasoning, calls: [call("Oslo"), call("Rome")] }
  }
  // A second round: previously used ids are used again.
  if (told.split("Rome has 28").length < 3) {
    return { reasoning, calls: [{ name: "forecast", arguments: '{"city":"Rome"}' }] }
  }
  return { reasoning, text: "Oslo has 12 degrees. Rome has 28 degrees." }
}

/** A provider at this address, called with or without streaming. */
const providerAt = (name: string, baseURL: string, streamed: boolean): Provider => {
  const provider = OpenAi.make({ name, apiKey: Redacted.make("k"), baseURL })
  return {
    name,
    model: (id): Llm.Model => {
      const model = provider.model(id)
      return { ...model, generate: (request) => model.generate(streamed ? { ...request, onDelta: () => {} } : request) }
    }
  }
}

const run = (providers: ReadonlyArray<Provider>) =>
  Effect.gen(function* () {
    const { start } = yield* Crewline.Crewline
    const handle = yield* start(crewOn(providers.map(({ name }) => `${name}/m`)))
    const events = yield* Stream.runCollect(handle.events)
    return { events, ...(yield* handle.result) }
  }).pipe(
    Effect.provide(
      Crewline.layerLocal().pipe(
        Layer.provide([Providers.layer({ providers, defaultModel: "none/none" }), Toolbox.layer([forecast])])
      )
    )
  )

const isWhole = ({ events, output, tasks }: Effect.Success<ReturnType<typeof run>>, what: string) => {
  assert.deepStrictEqual(output, { city: "Rome", degrees: 28 }, what)
  assert.strictEqual(tasks["look"]?.output, "Oslo has 12 degrees. Rome has 28 degrees.", what)
  const calls = events.flatMap((event) => (event.type === "ToolCalled" ? [event] : []))
  assert.deepStrictEqual(
    calls.map(({ isFailure, result }) => `${isFailure} ${JSON.stringify(result)}`).toSorted(),
    ['false "Oslo has 12 degrees"', 'false "Rome has 28 degrees"', 'false "Rome has 28 degrees"'],
    what
  )
  // All calls of a conversation have distinct ids.
  assert.strictEqual(new Set(calls.map(({ callId }) => callId)).size, 3, what)
}

/** Completes the first turn, and then breaks off every answer. */
const failingAfterFirst = (habits: Imitated.Habits, finishReason: string): FakeProvider.Handler => {
  const sound = Imitated.handler(habits, thinks)
  const broken = Imitated.handler({ ...habits, finish: { stop: finishReason, calls: finishReason } }, () => ({
    text: "The first half of"
  }))
  return (request, response) =>
    (JSON.stringify(request.body.messages).includes("Oslo has 12") ? broken : sound)(request, response)
}

const ways = [
  { way: "whole", streamed: false },
  { way: "streamed", streamed: true }
]

describe.each(ways)("the same crew, $way", ({ streamed }) => {
  it.live.each(Imitated.servers)("completes on $name", ({ habits, name }) =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(Imitated.handler(habits, thinks))
      isWhole(yield* run([providerAt("some", server.baseURL, streamed)]), name)
    }).pipe(Effect.scoped)
  )

  it.live.each(Imitated.servers.map((server, index) => ({ ...server, index })))(
    "completes on a chain in which $name takes over from one server and breaks off, and another takes over from it",
    ({ index }) =>
      Effect.gen(function* () {
        const at = (offset: number) => Imitated.servers[(index + offset) % Imitated.servers.length]!
        const first = yield* Scoped.start(failingAfterFirst(at(-1 + Imitated.servers.length).habits, "error"))
        const second = yield* Scoped.start(failingAfterFirst(at(0).habits, "insufficient_system_resource"))
        const third = yield* Scoped.start(Imitated.handler(at(1).habits, thinks))
        const providers = [first, second, third].map((server, place) =>
          providerAt(`p${place}`, server.baseURL, streamed)
        )
        const done = yield* run(providers)
        isWhole(done, at(0).name)
        assert.isAbove(third.received.length, 1)
        const fell = done.events.filter((event) => event.type === "ModelNoticed" && event.notice.kind === "fell-back")
        assert.isAbove(fell.length, 1)
      }).pipe(Effect.scoped)
  )
})

describe("unknown servers", () => {
  const seeds = Array.from({ length: 40 }, (_, index) => index + 1)

  it.live.each(seeds)("complete the crew with the habits of seed %i", (seed) =>
    Effect.gen(function* () {
      const { habits, name } = Imitated.variant(seed)
      const server = yield* Scoped.start(Imitated.handler(habits, thinks))
      const what = `${name}: ${JSON.stringify(habits)}`
      isWhole(yield* run([providerAt("some", server.baseURL, seed % 2 === 0)]), what)
    }).pipe(Effect.scoped)
  )
})
