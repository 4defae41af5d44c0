/** A crew for tests that need any crew that takes a moment: three sequential tasks. */
import * as Server from "./Server.ts"

export const crew = {
  name: "chain",
  agents: { a: { role: "r", goal: "g" } },
  tasks: {
    first: { description: "d", expectedOutput: "e" },
    second: { description: "d", expectedOutput: "e", context: ["first"] },
    third: { description: "d", expectedOutput: "e", context: ["second"] }
  }
}

/** Starts an execution of it. */
export const start = ({ url }: Server.Running) => Server.request(`${url}/api/v1/executions`, { body: { crew } })
