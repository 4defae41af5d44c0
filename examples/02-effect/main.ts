/**
 * The crew of `01-first-crew` in Effect: services, streams and typed errors. `npm start -- otters`
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Providers from "@crewline/llm/Providers"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const wordCount = Tool.make({
  name: "word_count",
  description: "Counts the words of a text.",
  parameters: Schema.Struct({ text: Schema.String }),
  idempotent: true,
  execute: ({ text }) => Effect.succeed(text.split(/\s+/).filter((word) => word !== "").length)
})

const Brief = Schema.Struct({
  title: Schema.String,
  paragraphs: Schema.NonEmptyArray(Schema.String)
})

const crew = Crew.make({
  name: "first-crew",
  agents: {
    researcher: { role: "Researcher", goal: "Find what a newcomer must know about {topic}" },
    writer: { role: "Writer", goal: "Write so that a busy reader understands", tools: ["word_count"] }
  },
  tasks: {
    gather: {
      agent: "researcher",
      description: "List the seven most important facts about {topic}.",
      expectedOutput: "Seven facts, one sentence each."
    },
    write: {
      agent: "writer",
      context: ["gather"],
      description: "Write a brief about {topic} of at most 200 words. Count them.",
      expectedOutput: "A title and a few paragraphs.",
      output: Brief
    }
  }
})

const program = Effect.gen(function* () {
  const crewline = yield* Crewline.Crewline
  const { events, result } = yield* crewline.start(crew, { inputs: { topic: process.argv[2] ?? "otters" } })

  yield* Stream.runForEach(events, (event) => {
    switch (event.type) {
      case "TaskStarted":
        return Console.log(`${event.taskId} begins`)
      case "ToolCalled":
        return Console.log(`${event.taskId} called ${event.tool}`)
      case "TaskCompleted":
        return Console.log(`${event.taskId} is done`)
      default:
        return Effect.void
    }
  })

  // The output has the type of the schema.
  const { output, usage } = yield* result
  yield* Console.log(`\n${output.title}\n\n${output.paragraphs.join("\n\n")}\n`)
  yield* Console.log(`${usage.requests} model calls, ${usage.inputTokens + usage.outputTokens} tokens`)
})

program.pipe(
  Effect.provide(Crewline.layerLocal().pipe(Layer.provide([Providers.layerConfig, Toolbox.layer([wordCount])]))),
  NodeRuntime.runMain
)
