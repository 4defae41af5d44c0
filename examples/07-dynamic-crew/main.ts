/**
 * From a goal to a result: a crew is generated, shown with the reason of each choice, and run.
 * `npm start -- "Explain tides to children"`
 */
import * as Crew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as Generator from "@crewline/core/Generator"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Providers from "@crewline/llm/Providers"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const tools = [
  Tool.make({
    name: "word_count",
    description: "Counts the words of a text.",
    kind: "read",
    parameters: Schema.Struct({ text: Schema.String }),
    idempotent: true,
    execute: ({ text }) => Effect.succeed(text.split(/\s+/).filter((word) => word !== "").length)
  })
]

const goal = process.argv[2] ?? "Explain tides to children"

const program = Effect.gen(function* () {
  const crewline = yield* Crewline.Crewline
  const log = yield* EventLog.EventLog

  // A generation is an execution, too.
  const { crew: generator, inputs } = Generator.make({ goal, constraints: { maxAgents: 3 } }, { tools })
  const generation = yield* crewline.start(generator, { inputs })
  yield* Stream.runForEach(generation.events, (event) =>
    event.type === "TaskCompleted" ? Console.log(`${event.taskId} is decided`) : Effect.void
  )
  const { crew: data, estimate, problems, rationale } = Generator.fromEvents(yield* log.read(generation.id))
  for (const { message } of problems) yield* Console.log(`Problem: ${message}`)
  if (problems.length > 0) return

  for (const { about, choice, reason } of rationale) yield* Console.log(`${about}: ${choice} (${reason})`)
  if (estimate !== null) yield* Console.log(`It is likely to take ${estimate.seconds.likely} seconds.`)
  const crew = yield* Effect.fromResult(Crew.fromJson(data))
  yield* Console.log(`\n${CrewFile.stringify(crew)}`)

  // Nobody has read its tools: calls that do more than read would wait for a person.
  const { result } = yield* crewline.start(crew, { generated: true })
  const { output } = yield* result
  yield* Console.log(output)
})

program.pipe(
  Effect.provide(Crewline.layerLocal().pipe(Layer.provide([Providers.layerConfig, Toolbox.layer(tools)]))),
  NodeRuntime.runMain
)
