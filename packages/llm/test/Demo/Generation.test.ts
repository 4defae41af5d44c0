import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as Generator from "@crewline/core/Generator"
import * as Llm from "@crewline/core/Llm"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Demo from "../../src/Demo.ts"

const tools = [
  Tool.make({ name: "send", description: "Sends mail", kind: "network", execute: () => "sent" }),
  Tool.make({ name: "look", description: "Looks", kind: "read", execute: () => "seen" })
]
const llm = Layer.succeed(Llm.Llm, {
  enforcesLimits: true,
  resolve: () => Effect.succeed(Demo.make({ wordDelayMillis: 0 }).model("demo"))
})
const world = Crewline.layerLocal().pipe(Layer.provide([llm, Toolbox.layer(tools)]))

const generate = Effect.fnUntraced(function* (request: Generator.Request) {
  const crewline = yield* Crewline.Crewline
  const log = yield* EventLog.EventLog
  const { crew, inputs } = Generator.make(request, { tools })
  const { events, id } = yield* crewline.start(crew, { inputs })
  yield* Stream.runDrain(events)
  return Generator.fromEvents(yield* log.read(id))
})

it.live("generates a small valid crew by rule, which runs without inputs and without people", () =>
  Effect.gen(function* () {
    const generated = yield* generate({ goal: "Write about {otters} in two paragraphs.", inputs: { tone: "plain" } })
    assert.deepStrictEqual(generated.problems, [])
    assert.isFalse(generated.estimate!.waitsForPeople)
    assert.isTrue(generated.rationale.some(({ reason }) => reason.startsWith("This is a demonstration")))
    const crew = yield* Effect.fromResult(Crew.fromJson(generated.crew))
    assert.deepStrictEqual(Object.keys(crew.definition.tasks), ["outline", "write"])
    assert.isTrue(Object.values(crew.definition.tasks).every((task) => task.tools === undefined))
    const crewline = yield* Crewline.Crewline
    const { result } = yield* crewline.start(crew, { generated: true })
    const { output } = yield* result
    assert.include(JSON.stringify(output), "This is a demonstration")
  }).pipe(Effect.provide(world))
)

it.live("gives the same crew for the same goal, and mentions the goal", () =>
  Effect.gen(function* () {
    const [one, two] = [yield* generate({ goal: "Count owls." }), yield* generate({ goal: "Count owls." })]
    assert.deepStrictEqual(one, two)
    assert.include(JSON.stringify(one.crew), "Count owls.")
  }).pipe(Effect.provide(world))
)
