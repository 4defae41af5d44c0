/**
 * Bounds what a plan repeats: inputs in every text that names them, the tools of agents in each of
 * their tasks, and in a sequential crew the names of all earlier tasks. Otherwise a small crew
 * could expand to a plan that exceeds memory.
 */
import type { Definition } from "../Crew/Definition.ts"
import type { Problem } from "../Crew/Problem.ts"

/**
 * Characters that inputs may come to in all texts of a plan, and likewise those that tasks are
 * given by their agents and their order.
 */
export const maxCharacters = 16 * 1024 * 1024

/** What keeps this valid crew from being planned, whatever its inputs. */
export const problemOf = ({ agents, process, tasks }: Definition): Problem | undefined => {
  const onlyAgent = Object.keys(agents)[0]!
  const sizes = new Map(
    Object.entries(agents).map(([name, { approvals = [], tools = [] }]) => [
      name,
      { tools: charactersOf(tools), approvals: charactersOf(approvals) }
    ])
  )
  let characters = 0
  let before = 0
  for (const [name, { agent = onlyAgent, context, tools }] of Object.entries(tasks)) {
    const brought = sizes.get(agent)!
    characters += brought.approvals
    if (tools === undefined) characters += brought.tools
    if (process === "sequential" && context === undefined) characters += before
    before += name.length + quotes
  }
  if (characters <= maxCharacters) return undefined
  const cause =
    process === "sequential"
      ? "in a sequential crew, a task without `context` gets the outputs of all earlier tasks: list the ones it needs"
      : "each task gets the tools of its agent: list fewer of them"
  return {
    code: "too-large",
    path: ["tasks"],
    message: `The expanded tasks have more than ${maxCharacters} characters: ${cause}.`
  }
}

/** The inputs come to too much in the texts that name them. */
export const overfull: Problem = {
  code: "too-large",
  path: ["inputs"],
  message: `With these inputs the texts of the crew come to more than ${maxCharacters} characters: shorten them, or name them in fewer places.`
}

/** Around a name, and the comma after it. */
const quotes = 3

const charactersOf = (names: ReadonlyArray<string>): number =>
  names.reduce((characters, name) => characters + name.length + quotes, 0)
