/**
 * How the demonstration model generates a crew (`Generator` of core): always the same two tasks of
 * one agent, without tools, and every reason says that nothing was weighed.
 */
import type { Json } from "effect/Schema"
import { notice, type Reading } from "./Reading.ts"

const unreasoned = `${notice}: nothing was weighed, the rule always makes this crew.`

/** The answer to a step of a generation, known by the title of its schema. */
export const answer = (reading: Reading): Json | undefined => {
  const title = reading.schema?.["title"]
  return typeof title === "string" && Object.hasOwn(steps, title) ? steps[title]!(reading) : undefined
}

const steps: { readonly [title: string]: (reading: Reading) => Json } = {
  GeneratorDeliverables: () => ({
    crewName: "demonstration",
    deliverables: [
      { name: "answer", description: `An answer to the goal. ${notice}.`, criteria: ["It addresses the goal."] }
    ]
  }),
  GeneratorOrganisation: () => ({ kind: "agent", ground: "none", reason: unreasoned }),
  GeneratorDecomposition: ({ prompt }) => {
    const goal = goalIn(prompt)
    const agent = "generalist"
    return {
      agents: [{ name: agent, role: "Generalist", goal: "Reach the goal of the crew." }],
      tasks: [
        {
          name: "outline",
          description: `Outline how to reach this goal: ${goal}`,
          expectedOutput: "A short list of points.",
          agent,
          reads: inputsIn(prompt),
          produces: "outline"
        },
        {
          name: "write",
          description: `Write the answer by the outline, for this goal: ${goal}`,
          expectedOutput: "A text that addresses the goal.",
          agent,
          reads: ["outline"],
          produces: "answer"
        }
      ],
      reason: unreasoned
    }
  },
  GeneratorTools: () => ({ tasks: ["outline", "write"].map((task) => ({ task, tools: [], reason: unreasoned })) })
}

/** Between its tags, without braces, which would be placeholders. */
const goalIn = (prompt: string): string => {
  const start = prompt.indexOf("<goal>")
  const end = prompt.lastIndexOf("</goal>")
  return (start < 0 || end < start ? "" : prompt.slice(start + "<goal>".length, end))
    .replaceAll("{", "(")
    .replaceAll("}", ")")
    .trim()
}

/** The names in the list of inputs. */
const inputsIn = (prompt: string): ReadonlyArray<string> => {
  const list = /^Inputs,.*\n((?:- .*(?:\n|$))+)/m.exec(prompt.slice(prompt.lastIndexOf("</goal>")))?.[1] ?? ""
  return list
    .split("\n")
    .filter((line) => line.startsWith("- "))
    .map((line) => line.slice(2).split(":")[0]!)
}
