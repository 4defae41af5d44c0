/** An analyst that queries 120,000 rows by SQL, draws a chart and writes a report. `npm start` */
import { client, Crew } from "crewline"
import { join } from "node:path"
import * as Sales from "./sales.ts"
import { models } from "./script.ts"

const workspace = process.argv[2] ?? "workspace"
Sales.write(join(workspace, "sales.csv"))

const crew = Crew.make({
  name: "data-report",
  agents: {
    analyst: {
      role: "Analyst",
      goal: "Say what the numbers mean, and only what they say",
      tools: ["data_describe", "data_query", "chart"]
    }
  },
  tasks: {
    report: {
      agent: "analyst",
      description:
        "How did sales.csv develop over the year? Query it, draw the months, and write a report with the chart.",
      expectedOutput: "A report in Markdown.",
      outputFile: "report.md"
    }
  }
})

const isReal = process.env["OPENAI_API_KEY"] !== undefined
await using crewline = await client({ workspace, ...(!isReal && { models: models() }) })
const execution = await crewline.start(crew)
for await (const event of execution.events) {
  if (event.type === "ToolCalled") console.log(`${event.tool} ${event.isFailure ? "failed" : "answered"}`)
}
const { output } = await execution.result
console.log(`\n${output}\nThe report is ${join(workspace, "report.md")}, its chart ${join(workspace, "sales.svg")}.`)
