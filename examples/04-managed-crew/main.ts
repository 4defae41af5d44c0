/**
 * A hierarchical crew: a manager says who does what, and reviews the result. `npm start -- otters`
 */
import { client, Crew } from "crewline"

const crew = Crew.make({
  name: "managed-crew",
  process: "hierarchical",
  // An agent of the crew manages; `model` would do, too.
  manager: { agent: "lead", review: "final" },
  // What fails goes back to the writer.
  acceptance: ["It has at most 200 words.", "It answers all three questions."],
  agents: {
    lead: { role: "Lead", goal: "A brief that needs no second look" },
    researcher: { role: "Researcher", goal: "Find what is true about {topic}" },
    analyst: { role: "Analyst", goal: "See what facts mean" },
    // It may give work to the others, and ask them.
    writer: { role: "Writer", goal: "Write plainly", allowDelegation: true }
  },
  tasks: {
    facts: {
      agent: "researcher",
      description: "List seven facts about {topic}.",
      expectedOutput: "Seven facts, one sentence each."
    },
    // Runs beside `facts`.
    questions: {
      agent: "analyst",
      description: "List three questions that a newcomer has about {topic}.",
      expectedOutput: "Three questions."
    },
    // Nobody is named: the lead says who does it.
    findings: {
      context: ["facts", "questions"],
      description: "Answer the questions from the facts.",
      expectedOutput: "Three answers."
    },
    brief: {
      agent: "writer",
      context: ["findings"],
      description: "Write a brief of at most 200 words.",
      expectedOutput: "A brief."
    }
  }
})

await using crewline = await client()
const execution = await crewline.start(crew, { inputs: { topic: process.argv[2] ?? "otters" } })

for await (const event of execution.events) {
  if (event.type === "AgentAssigned")
    console.log(`${event.taskId} is done by ${event.agent}, says the ${event.by}: ${event.reason ?? "it fits best"}`)
  if (event.type === "TaskSuspended" && event.for.kind === "calls")
    for (const task of event.spawn) console.log(`${event.taskId} gives work to ${task.agent}: ${task.title}`)
  if (event.type === "ReviewJudged") console.log(`${event.taskId} is reviewed by the ${event.by}: ${event.verdict}`)
  if (event.type === "RecoveryChosen") console.log(`${event.taskId} failed; the ${event.by} says ${event.choice}`)
  if (event.type === "TaskCompleted") console.log(`${event.taskId} is done`)
}

const { criteria = [], output, usage } = await execution.result
console.log(`\n${output}\n`)
for (const { criterion, verdict } of criteria) console.log(`${verdict}: ${criterion}`)
console.log(`${usage.requests} model calls, ${usage.inputTokens + usage.outputTokens} tokens`)
