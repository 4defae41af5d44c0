/** The tool `ask_human` asks a person a question. The task waits without occupying a worker. */
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Schema from "effect/Schema"

export const tool: Toolbox.Tool = Tool.make({
  name: "ask_human",
  description: "Asks a person and returns the answer.",
  parameters: Schema.Struct({ question: Schema.String }),
  kind: "read",
  source: "built-in",
  idempotent: true,
  ask: ({ question }) => question,
  execute: (_, { answer }) => answer
})
