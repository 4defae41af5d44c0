/**
 * Puts a crew together from the answers of the steps, by rule: dependencies from what tasks read
 * and produce, acceptance criteria from the deliverables, and a manager that acts only on failures.
 * Pure; says what does not fit together.
 */
import * as Schema from "effect/Schema"
import type * as Crew from "../Crew.ts"
import * as Placeholder from "../Crew/Placeholder.ts"
import * as Wording from "../Crew/Wording.ts"
import type { Problem } from "./Problem.ts"
import type { Facts } from "./Request.ts"
import * as Schedule from "./Schedule.ts"
import type * as Steps from "./Steps.ts"
import * as TaskGraph from "./TaskGraph.ts"
import type { Draft } from "./Validation.ts"

const toJson = Schema.decodeUnknownSync(Schema.JsonObject)

/** The answers so far. */
export interface Answers {
  readonly deliverables: Steps.Deliverables
  readonly organisation: Steps.Organisation
  readonly decomposition: Steps.Decomposition
  /** Absent: not chosen yet. */
  readonly tools?: Steps.ToolChoice | undefined
}

export interface Assembled extends Draft {
  readonly data: Schema.JsonObject
  readonly problems: ReadonlyArray<Problem>
}

export const assemble = (answers: Answers, facts: Facts): Assembled => {
  const { decomposition, deliverables: wanted, tools } = answers
  const { constraints, goal, inputs } = facts
  const producers = new Map<string, string>()
  const problems: Array<Problem> = []
  decomposition.tasks.forEach(({ name, produces }, index) => {
    const first = producers.get(produces)
    if (first === undefined) producers.set(produces, name)
    else {
      const message = `The tasks ${first} and ${name} both produce ${Wording.quote(produces)}: give each output its own name.`
      problems.push({ code: "duplicate-output", path: ["tasks", index, "produces"], message })
    }
  })
  const chosen = toolsOf(tools, decomposition, problems)
  const tasks = decomposition.tasks.map((task, index) => {
    const context: Array<string> = []
    const read: Array<string> = []
    task.reads.forEach((name, place) => {
      const producer = producers.get(name)
      if (producer !== undefined) context.push(producer)
      else if (Object.hasOwn(inputs, name)) read.push(name)
      else {
        const path = ["tasks", index, "reads", place]
        const message = `${Wording.place(path)} is ${Wording.quote(name)}, which is neither an input nor produced by a task: ${Wording.alternatives("input", [...Object.keys(inputs), ...producers.keys()], undefined)}`
        problems.push({ code: "unknown-output", path, message })
      }
    })
    const names = chosen.get(task.name) ?? []
    const deliverable = wanted.deliverables.find(({ name }) => name === task.produces)
    // With one deliverable its criteria are those of the crew.
    const criteria = wanted.deliverables.length > 1 ? (deliverable?.criteria ?? []) : []
    return {
      name: task.name,
      description: withInputs(task.description, read),
      expectedOutput: task.expectedOutput,
      agent: task.agent,
      ...(context.length === 0 ? {} : { context: [...new Set(context)] }),
      ...(names.length === 0 ? {} : { tools: names }),
      ...(criteria.length === 0 ? {} : { guardrails: criteria })
    }
  })
  const manager = unused("manager", new Set(decomposition.agents.map(({ name }) => name)))
  const [model] = constraints.models ?? []
  const only = wanted.deliverables.length === 1 ? wanted.deliverables[0] : undefined
  const data: Schema.JsonObject = {
    name: wanted.crewName,
    description: goal,
    agents: [
      ...decomposition.agents.map(({ backstory = "", ...agent }) =>
        backstory === "" ? agent : { ...agent, backstory }
      ),
      { name: manager, role: "Manager", goal: "Get the work of the crew done when something fails." }
    ],
    tasks,
    ...(Object.keys(inputs).length === 0 ? {} : { inputs: toJson(inputs) }),
    ...(model === undefined ? {} : { model }),
    manager: { agent: manager },
    ...(only === undefined ? {} : { acceptance: only.criteria }),
    ...(constraints.limits === undefined ? {} : { limits: toJson(constraints.limits) }),
    ...(constraints.timeout === undefined ? {} : { timeout: constraints.timeout })
  }
  return {
    data,
    deliverables: wanted.deliverables.map(({ name }) => ({ name, task: producers.get(name) })),
    problems
  }
}

/** The tools of each task; choices for tasks that do not exist are problems. */
const toolsOf = (
  choice: Steps.ToolChoice | undefined,
  { tasks }: Steps.Decomposition,
  problems: Array<Problem>
): ReadonlyMap<string, ReadonlyArray<string>> => {
  const chosen = new Map<string, ReadonlyArray<string>>()
  const known = tasks.map(({ name }) => name)
  choice?.tasks.forEach(({ task, tools }, index) => {
    if (known.includes(task)) chosen.set(task, [...new Set([...(chosen.get(task) ?? []), ...tools])])
    else {
      const path = ["tasks", index, "task"]
      const message = `The task ${Wording.quote(task)} is not in the crew: ${Wording.alternatives("task", known, undefined)}`
      problems.push({ code: "unknown-task", path, message })
    }
  })
  return chosen
}

/** The description with a line for each input that it reads and does not mention. */
const withInputs = (description: string, read: ReadonlyArray<string>): string => {
  const mentioned = new Set(Placeholder.names(Placeholder.parse(description)))
  const missing = [...new Set(read)].filter((name) => !mentioned.has(name))
  return missing.length === 0
    ? description
    : `${description}\n\n${missing.map((name) => `${name}: {${name}}`).join("\n")}`
}

const unused = (name: string, taken: ReadonlySet<string>): string =>
  taken.has(name) ? unused(`crew_${name}`, taken) : name

/**
 * Whether the crew has what justifies several agents. Reads a valid crew.
 */
export const foundingProblems = (
  definition: Crew.Definition,
  { ground, kind }: Steps.Organisation,
  { hasTools }: { readonly hasTools: boolean }
): ReadonlyArray<Problem> => {
  const unfounded = (path: Problem["path"], message: string): ReadonlyArray<Problem> => [
    { code: "unfounded-crew", path, message }
  ]
  const { agents, manager, tasks } = definition
  const workers = Object.keys(agents).filter((name) => name !== manager?.agent)
  if (kind === "agent") {
    if (workers.length === 1) return []
    return unfounded(["agents"], `The work was planned for one agent, but there are ${workers.length}: keep one.`)
  }
  if (workers.length < 2)
    return unfounded(["agents"], "The work was planned for a crew, but there is only one agent: add another.")
  const all = Object.entries(tasks)
  switch (ground) {
    case "parallel-work": {
      const dag = TaskGraph.make(definition)
      const longestChain = Schedule.longest(
        dag,
        Array.from({ length: dag.size }, () => 1)
      )
      return longestChain === dag.size
        ? unfounded(
            ["tasks"],
            "The crew was planned for parallel work, but its tasks form a chain: let tasks run in parallel."
          )
        : []
    }
    case "independent-review": {
      const isReviewed = all.some(([, { agent, context = [] }]) => context.some((name) => tasks[name]?.agent !== agent))
      return isReviewed
        ? []
        : unfounded(
            ["tasks"],
            "An independent review was planned, but no task reads the output of another agent: add one."
          )
    }
    case "different-tools": {
      if (!hasTools) return []
      const ofAgents = workers.map((worker) =>
        JSON.stringify(
          [...new Set(all.flatMap(([, task]) => (task.agent === worker ? (task.tools ?? []) : [])))].toSorted()
        )
      )
      return new Set(ofAgents).size > 1
        ? []
        : unfounded(
            ["agents"],
            "The agents were planned with different tools, but have the same ones: give them different tools."
          )
    }
    case "none":
      return unfounded(["agents"], "Nothing justifies several agents: keep one.")
  }
}
