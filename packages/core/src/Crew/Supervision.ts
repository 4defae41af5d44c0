/**
 * Whether the manager of a crew, and the approvals that it declares, fit its agents and tools.
 * Reads what is there, valid or not.
 */
import * as Schema from "effect/Schema"
import { searchTool } from "../Agent.ts"
import * as Policy from "../Policy.ts"
import type { Suggester } from "../Suggestion.ts"
import { type Entry, unknown } from "./Graph.ts"
import { candidates, identities } from "./Manager.ts"
import { isObject } from "./PlainJson.ts"
import type { Problem } from "./Problem.ts"
import * as Wording from "./Wording.ts"

export interface Options {
  readonly crew: Schema.JsonObject
  readonly agents: ReadonlyArray<Entry>
  readonly tasks: ReadonlyArray<Entry>
  readonly suggester: Suggester
}

export const supervisionProblems = (options: Options): ReadonlyArray<Problem> => [
  ...managerProblems(options),
  ...options.tasks.flatMap((task) => approvalProblems(task, options)),
  ...policyProblems(options.crew, []),
  ...[...options.agents, ...options.tasks].flatMap(({ declaration, path }) => policyProblems(declaration, path))
]

const managerProblems = ({ agents, crew, suggester, tasks }: Options): ReadonlyArray<Problem> => {
  const { manager, process } = crew
  const path = ["manager"]
  if (manager === undefined) {
    if (process !== "hierarchical") return []
    const message = "A hierarchical crew needs a manager to assign its tasks: add manager, or choose another process."
    return [{ code: "missing-key", path, message }]
  }
  if (!isObject(manager)) return []
  const problems: Array<Problem> = []
  if (identities.filter((key) => manager[key] !== undefined).length !== 1) {
    const message = "manager must have exactly one of model, agent and agentId."
    problems.push({ code: "invalid-value", path, message })
  }
  if (manager["agentId"] !== undefined) {
    const message =
      "manager.agentId refers to an agent that is stored on a server, and this crew runs without one: set model instead, or set agent to an agent of the crew."
    problems.push({ code: "unknown-agent", path: ["manager", "agentId"], message })
  }
  const names = agents.map(({ name }) => name).filter((name) => !name.startsWith("#"))
  const mention = (name: unknown, at: ReadonlyArray<string | number>) => {
    if (typeof name === "string" && !names.includes(name))
      problems.push(unknown("agent", { name, path: at }, names, suggester))
  }
  mention(manager["agent"], ["manager", "agent"])
  const { allow } = manager
  if (Array.isArray(allow)) allow.forEach((name: unknown, index) => mention(name, ["manager", "allow", index]))
  const { agent } = manager
  const who = typeof agent === "string" ? { agent } : {}
  const allowed = Array.isArray(allow) ? { allow } : {}
  if (problems.length === 0 && names.length > 0 && candidates({ ...who, ...allowed }, names).length === 0) {
    const message =
      "The manager does none of the work itself, and no other agent may do it: add an agent, or allow one."
    problems.push({ code: "no-agents", path, message })
  }
  for (const { declaration, path: at } of tasks) {
    if (agent === undefined || !isObject(declaration) || declaration["agent"] !== agent) continue
    const message = `${Wording.place([...at, "agent"])} is the manager, which does none of the work itself: name another agent, or none to let the manager choose one.`
    problems.push({ code: "invalid-value", path: [...at, "agent"], message })
  }
  return problems
}

const isPolicy = Schema.is(Policy.Policy)

/** A rule with an invalid schema would have no effect. */
const policyProblems = (declaration: Schema.Json, path: Problem["path"]): ReadonlyArray<Problem> => {
  const policy = isObject(declaration) ? declaration["policy"] : undefined
  if (!isPolicy(policy)) return []
  return Policy.problems(policy).map(({ message, path: at }) => {
    const place = [...path, "policy", ...at]
    return { code: "invalid-value", path: place, message: `${Wording.place(place)} ${message}.` }
  })
}

/** An approval of a tool that the task does not have would never be asked for. */
const approvalProblems = (task: Entry, { agents, crew }: Options): ReadonlyArray<Problem> => {
  const { declaration, path } = task
  if (!isObject(declaration) || !Array.isArray(declaration["approvals"])) return []
  // Who does it, and with which tools, is not known yet.
  if (declaration["agent"] === undefined && declaration["tools"] === undefined && crew["manager"] !== undefined)
    return []
  const agent =
    declaration["agent"] === undefined ? agents[0] : agents.find(({ name }) => name === declaration["agent"])
  const ofAgent = isObject(agent?.declaration) ? agent.declaration["tools"] : undefined
  const tools = declaration["tools"] ?? ofAgent ?? []
  // Whatever is found may be called.
  if (!Array.isArray(tools) || tools.includes(searchTool)) return []
  return declaration["approvals"].flatMap((name: unknown, index): ReadonlyArray<Problem> => {
    if (typeof name !== "string" || name === "" || tools.includes(name)) return []
    const at = [...path, "approvals", index]
    const message = `${Wording.place(at)} names the tool ${Wording.quote(name)}, which the task may not use: add it to tools, or remove it here.`
    return [{ code: "unknown-tool", path: at, message }]
  })
}
