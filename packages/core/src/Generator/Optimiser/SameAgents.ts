/**
 * Merges agents of the same role with the same tools into the first of them. An agent can work on
 * any number of tasks concurrently, so no task waits longer. Agents that differ in more than goal
 * and backstory (model, limits, policy, memory …) are kept; so is the manager. Different goals and
 * backstories are joined.
 */
import * as Struct from "effect/Struct"
import type { Agent } from "../../Agent.ts"
import * as CanonicalJson from "../../CanonicalJson.ts"
import type { Definition } from "../../Crew.ts"
import type { Changed } from "./Changed.ts"

export const apply = (definition: Definition): Changed => {
  const changes: Array<string> = []
  const agents = new Map<string, Agent>()
  const firsts = new Map<string, string>()
  const heirs = new Map<string, string>()
  for (const [name, agent] of Object.entries(definition.agents)) {
    const key = mergeableBy(definition, name, agent)
    const first = key === undefined ? undefined : firsts.get(key)
    if (first === undefined) {
      agents.set(name, agent)
      if (key !== undefined) firsts.set(key, name)
    } else {
      agents.set(first, joined(agents.get(first)!, agent))
      heirs.set(name, first)
      changes.push(`The agents ${first} and ${name} have the same role and tools: ${first} does the tasks of both.`)
    }
  }
  if (changes.length === 0) return { definition, changes }
  const heirOf = (name: string) => heirs.get(name) ?? name
  const { manager } = definition
  const tasks = Object.entries(definition.tasks).map(
    ([name, task]) => [name, task.agent === undefined ? task : { ...task, agent: heirOf(task.agent) }] as const
  )
  return {
    definition: {
      ...definition,
      agents: Object.fromEntries(agents),
      tasks: Object.fromEntries(tasks),
      ...(manager?.allow === undefined
        ? {}
        : { manager: { ...manager, allow: [...new Set(manager.allow.map(heirOf))] } })
    },
    changes
  }
}

/** Equal for agents that can be merged; `undefined` for an agent that cannot. */
const mergeableBy = ({ manager }: Definition, name: string, agent: Agent): string | undefined => {
  // Merging would change which agents can receive work, and their limits.
  if (manager?.agent === name || agent.limits !== undefined) return undefined
  const { role, tools = [], ...rest } = Struct.omit(agent, ["backstory", "goal"])
  const isAllowed = manager?.allow === undefined || manager.allow.includes(name)
  return CanonicalJson.stringify({
    ...rest,
    role: folded(role),
    tools: [...new Set(tools)].toSorted(),
    isAllowed
  })
}

const joined = (first: Agent, second: Agent): Agent => {
  const backstory = both(first.backstory ?? "", second.backstory ?? "")
  return { ...first, goal: both(first.goal, second.goal), ...(backstory === "" ? {} : { backstory }) }
}

const both = (first: string, second: string): string =>
  folded(second) === "" || folded(first).includes(folded(second))
    ? first
    : folded(first) === ""
      ? second
      : `${first.trimEnd()}\n${second}`

const folded = (text: string): string => text.trim().replaceAll(/\s+/g, " ").toLowerCase()
