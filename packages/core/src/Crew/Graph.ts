/**
 * Checks that the names used by a crew's tasks exist, and that their order is possible. Accepts
 * invalid data.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Dag from "../Dag.ts"
import * as Wording from "./Wording.ts"
import { isObject, type Path } from "./PlainJson.ts"
import type { Problem } from "./Problem.ts"
import type { Suggester } from "../Suggestion.ts"

/** An agent or task as it was found. */
export interface Entry {
  readonly name: string
  /** Its place in the data. */
  readonly path: Path
  /** Its declaration without the name; anything at all until the Schema has passed it. */
  readonly declaration: Schema.Json
}

/** A task's mention of another. */
interface Reference {
  readonly name: string
  readonly path: Path
}

export interface Options {
  readonly agents: ReadonlyArray<Entry>
  readonly tasks: ReadonlyArray<Entry>
  readonly sequential: boolean
  /** A manager assigns the tasks that name no agent. */
  readonly managed: boolean
  readonly suggester: Suggester
}

/** Unknown and missing agents, unknown tasks, tasks that wait for themselves or for each other. */
export const graphProblems = (options: Options): ReadonlyArray<Problem> => {
  const agents = agentProblems(options)
  const { nodes, problems, references } = resolve(options)
  const graph = Dag.make(nodes)
  if (Result.isSuccess(graph)) return [...agents, ...problems]
  const cycles = graph.failure.flatMap((problem) => (problem.code === "cycle" ? [problem.path] : []))
  const paths = new Map(options.tasks.map(({ name, path }) => [name, path]))
  const found = cycles.map((cycle) => cycleProblem(cycle, references, { paths, sequential: options.sequential }))
  return [...agents, ...problems, ...found]
}

const agentProblems = ({ agents, managed, suggester, tasks }: Options): ReadonlyArray<Problem> => {
  const names = agents.map(({ name }) => name).filter((name) => !name.startsWith("#"))
  const known = new Set(names)
  return tasks.flatMap(({ declaration, path }): ReadonlyArray<Problem> => {
    const agent = field(declaration, "agent")
    const agentPath = [...path, "agent"]
    if (typeof agent === "string")
      return known.has(agent) ? [] : [unknown("agent", { name: agent, path: agentPath }, names, suggester)]
    if (agent !== undefined || managed || names.length < 2 || typeof declaration !== "object") return []
    const message = `${Wording.place(path)} names no agent, and the crew has several: set agent to one of ${Wording.list(names)}.`
    return [{ code: "missing-agent", path: agentPath, message }]
  })
}

const resolve = ({ sequential, suggester, tasks }: Options) => {
  const names = tasks.map(({ name }) => name).filter((name) => !name.startsWith("#"))
  const known = new Set(names)
  const problems: Array<Problem> = []
  const references = new Map<string, ReadonlyArray<Reference>>()
  const nodes = tasks.map((task, index): Dag.Node => {
    const valid = referencesOf(task).filter((reference) => {
      if (reference.name === task.name) {
        const message = `${Wording.place(reference.path)} is the task itself: a task cannot wait for itself.`
        problems.push({ code: "self-dependency", path: reference.path, message })
      } else if (!known.has(reference.name)) {
        problems.push(unknown("task", reference, names, suggester))
      } else return true
      return false
    })
    references.set(task.name, valid)
    const before = sequential && index > 0 ? [tasks[index - 1]!.name] : []
    return { id: task.name, dependencies: [...valid.map(({ name }) => name), ...before] }
  })
  return { nodes, problems, references }
}

const cycleProblem = (
  cycle: ReadonlyArray<string>,
  references: ReadonlyMap<string, ReadonlyArray<Reference>>,
  { paths, sequential }: { readonly paths: ReadonlyMap<string, Path>; readonly sequential: boolean }
): Problem => {
  const declared = (index: number): Reference | undefined =>
    references.get(cycle[index]!)?.find(({ name }) => name === cycle[index + 1])
  const implied = cycle.slice(0, -1).some((_, index) => declared(index) === undefined)
  const at = cycle
    .slice(0, -1)
    .map((_, index) => declared(index))
    .find((reference) => reference !== undefined)
  const hint = sequential && implied ? " (in a sequential crew each task also waits for the one before it)" : ""
  return {
    code: "cycle",
    path: at?.path ?? paths.get(cycle[0]!) ?? ["tasks"],
    message: `Tasks depend on each other in a cycle: ${Wording.chain(cycle)}${hint}. Remove one of these dependencies.`
  }
}

/** A name that does not exist in the crew. */
export const unknown = (
  kind: "agent" | "task",
  { name, path }: Reference,
  names: ReadonlyArray<string>,
  suggester: Suggester
): Problem => {
  const suggestion = suggester.closest(name, names)
  const hint = Wording.alternatives(kind, names, suggestion)
  return {
    code: kind === "agent" ? "unknown-agent" : "unknown-task",
    path,
    message: `${Wording.place(path)} names the ${kind} ${Wording.quote(name)}, which is not in the crew: ${hint}`,
    ...(suggestion === undefined ? {} : { suggestion })
  }
}

const referencesOf = ({ declaration, path }: Entry): ReadonlyArray<Reference> => {
  const found: Array<Reference> = []
  for (const key of ["context", "dependsOn"]) {
    const names = field(declaration, key)
    if (!Array.isArray(names)) continue
    names.forEach((name: unknown, index) => {
      if (typeof name === "string" && name !== "") found.push({ name, path: [...path, key, index] })
    })
  }
  const condition = field(field(declaration, "when"), "task")
  if (typeof condition === "string" && condition !== "")
    found.push({ name: condition, path: [...path, "when", "task"] })
  return found
}

const field = (value: Schema.Json | undefined, key: string): Schema.Json | undefined =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
