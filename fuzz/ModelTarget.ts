/**
 * A crew whose model returns answers that no reader of a provider's API would expect. Whatever the
 * answer, its execution must end.
 */
import * as Crew from "@crewline/core/Crew"
import * as Tool from "@crewline/core/Tool"
import { client } from "crewline"
import * as FakeProvider from "../fake-provider/src/FakeProvider.ts"
import * as Dialect from "../fake-provider/src/Dialect.ts"
import * as Schema from "effect/Schema"
import * as Providers from "../packages/llm/src/Providers.ts"
import { anthropic } from "../packages/llm/test/conformance/AnthropicSubject.ts"
import { ollama } from "../packages/llm/test/conformance/OllamaSubject.ts"
import { openAi } from "../packages/llm/test/conformance/OpenAiSubject.ts"
import { responses } from "../packages/llm/test/conformance/ResponsesSubject.ts"
import type { Subject } from "../packages/llm/test/conformance/Subject.ts"
import type { Random } from "../packages/core/test/simulation/Random.ts"
import * as HostileValue from "./HostileValue.ts"
import type { Target } from "./Target.ts"

const forecast = Tool.make({
  name: "forecast",
  description: "Tells the weather of a city.",
  parameters: Schema.Struct({ city: Schema.String }),
  idempotent: true,
  execute: ({ city }) => `${city.slice(0, 100)} is sunny`
})

const task = { description: "What is the weather?", expectedOutput: "A sentence.", retry: { attempts: 1 }, maxTurns: 4 }
const crew = Crew.make({
  name: "hostile",
  process: "sequential",
  model: "hostile/m",
  agents: { a: { role: "Guide", goal: "Tell the weather", tools: ["forecast"] } },
  tasks: {
    said: task,
    structured: { ...task, output: Schema.Struct({ city: Schema.String, degrees: Schema.Int }) }
  }
})

/** Of a call, in milliseconds; shorter than what an input may take. */
const timeoutMillis = 2_000

export const make = async (): Promise<ReadonlyArray<Target>> => [openAi, responses, anthropic, ollama].map(targetOf)

const targetOf = (subject: Subject): Target => ({
  name: `answers in the dialect of ${subject.name}`,
  run: (chance) => {
    const answers = Array.from({ length: 3 }, () => answerOf(chance, subject))
    const streaming = chance.below(2) === 0
    return {
      input: { streaming, answers: answers.map(({ input }) => input) },
      work: () => execute(subject, FakeProvider.inTurn(...answers.map(({ handler }) => handler), done), streaming)
    }
  }
})

const done = FakeProvider.answer({ text: "Sunny." })

const execute = async (subject: Subject, handler: FakeProvider.Handler, streaming: boolean): Promise<void> => {
  const provider = await FakeProvider.start(handler, { keep: false })
  const model = { ...subject.model(provider.origin, { timeoutMillis }), reference: "hostile/m" }
  const llm = Providers.layer({ providers: [{ name: "hostile", model: () => model }], defaultModel: "hostile/m" })
  const crewline = await client({ llm, tools: [forecast], worker: { streaming } })
  const execution = await crewline.start(crew)
  // It may fail, but it must end.
  await execution.result.catch(() => undefined)
  const { status } = await crewline.get(execution.id)
  await crewline.close()
  await provider.stop()
  if (status !== "completed" && status !== "failed") throw new Error(`The execution is ${status}`)
}

interface Answer {
  /** What is answered, to be shown. */
  readonly input: unknown
  readonly handler: FakeProvider.Handler
}

const answerOf = (chance: Random, subject: Subject): Answer => {
  const kind = chance.below(9)
  const said = saidOf(chance)
  if (kind < 2)
    return {
      input: said,
      handler: FakeProvider.answer(said, { chunks: 1 + chance.below(5), streamed: chance.below(2) === 0 })
    }
  if (kind === 2) {
    const body = HostileValue.body(chance)
    const status = chance.pick([200, 200, 204, 301, 400, 429, 500, 503, 999])
    const headers = chance.pick([
      {},
      { "retry-after": "1e99" },
      { "content-type": "text/html" },
      { "content-encoding": "gzip" }
    ])
    return { input: { status, body, headers }, handler: FakeProvider.json(body, status, headers) }
  }
  if (kind === 3 && chance.below(8) === 0) {
    const [begin = "", piece = ""] = FakeProvider.beginning(subject.dialect, ["x".repeat(60_000)])
    return { input: "endless", handler: FakeProvider.endless(begin + piece, subject.dialect.streamType) }
  }
  if (kind === 4) {
    const text = HostileValue.body(chance)
    return { input: { raw: text }, handler: (_, response) => response.raw(text) }
  }
  if (kind === 5) return { input: "hang up", handler: FakeProvider.hangUp }
  const spoiled = (text: string): string => {
    const at = chance.below(text.length + 1)
    return (
      text.slice(0, at) +
      chance.pick(["", HostileValue.body(chance), "\u0000", "}", ",", '"', "\n\n"]) +
      text.slice(at + chance.below(20))
    )
  }
  const usage = { input: 1, cached: 0, written: 0, output: 1, reasoning: 0 }
  const { calls = [], text = "" } = said
  const named = calls.map((call, index) => ({ id: `c${index}`, ...call }))
  const reply: Dialect.Reply = { number: 1, model: "m", reasoning: "", text, calls: named, stop: undefined, usage }
  if (kind === 6) {
    const body = spoiled(subject.dialect.whole(reply))
    return { input: { body }, handler: FakeProvider.json(body) }
  }
  const events = Dialect.events(subject.dialect, reply, (whole) => [whole])
  const from = chance.below(events.length)
  const pieces = chance.pick([
    events.map((event) => (chance.below(3) === 0 ? spoiled(event) : event)),
    events.slice(0, from),
    events.slice(from),
    events.toReversed(),
    [...events, ...events]
  ])
  const isCut = chance.below(2) === 0
  return {
    input: { pieces, isCut },
    handler: FakeProvider.stream(
      pieces,
      (response) => (isCut ? response.destroy() : response.end()),
      subject.dialect.streamType
    )
  }
}

/** Answers that are valid for the API, but may be invalid for the crew. */
const saidOf = (chance: Random): FakeProvider.Said => {
  const argument = chance.pick([
    '{"city":"Oslo"}',
    "{}",
    HostileValue.body(chance),
    JSON.stringify(HostileValue.json(chance))
  ])
  return chance.pick<FakeProvider.Said>([
    { text: HostileValue.text(chance) },
    { text: HostileValue.body(chance) },
    { calls: [{ name: "forecast", arguments: argument }] },
    { calls: [{ name: HostileValue.text(chance), arguments: argument }] },
    { calls: Array.from({ length: 50 }, () => ({ name: "forecast", arguments: argument })) },
    { text: "Sunny.", stop: "length" },
    { text: "", usage: { input: -1, output: 1e308 } }
  ])
}
