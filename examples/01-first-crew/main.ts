/** A crew of two agents with a tool of its own and typed output. `npm start -- otters` */
import { client, Crew, Tool } from "crewline"
import { z } from "zod"

const wordCount = Tool.make({
  name: "word_count",
  description: "Counts the words of a text.",
  parameters: z.object({ text: z.string() }),
  idempotent: true,
  execute: ({ text }) => text.split(/\s+/).filter((word) => word !== "").length
})

const Brief = z.object({
  title: z.string(),
  paragraphs: z.array(z.string()).min(1)
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

const topic = process.argv[2] ?? "otters"

await using crewline = await client({ tools: [wordCount] })
const execution = await crewline.start(crew, { inputs: { topic } })

for await (const event of execution.events) {
  if (event.type === "TaskStarted") console.log(`${event.taskId} begins`)
  if (event.type === "ToolCalled") console.log(`${event.taskId} called ${event.tool}`)
  if (event.type === "TaskCompleted") console.log(`${event.taskId} is done`)
}

// The output has the type of the schema.
const { output, usage } = await execution.result
console.log(`\n${output.title}\n\n${output.paragraphs.join("\n\n")}\n`)
console.log(`${usage.requests} model calls, ${usage.inputTokens + usage.outputTokens} tokens`)
