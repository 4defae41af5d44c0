/** References to stored agents in a crew, `{ "agentId": … }`, and what they refer to. */
import type * as CoreCrew from "@crewline/core/Crew"
import * as Name from "@crewline/core/Name"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { AgentBody } from "../Api/Agents.ts"
import type { CrewBody } from "../Api/Crews.ts"
import type * as ResourceStore from "../ResourceStore.ts"

type StoredAgent = ResourceStore.Stored<AgentBody>

/** A crew with stored agents in the place of references to them. */
export interface Resolved {
  readonly value: unknown
  /** References that cannot be resolved. */
  readonly problems: ReadonlyArray<CoreCrew.Problem>
  /** The agents that it refers to, by the names that they have in the crew. */
  readonly agents: ReadonlyMap<string, StoredAgent>
  /** The name that the crew has for a stored agent that manages it. */
  readonly manager?: string
}

/** Any other text cannot be an id, and a storage may refuse to look it up. */
const isKey = Schema.is(Name.Key)

/**
 * A placeholder for an agent that cannot be looked up, so that the rest of the crew can be checked.
 */
const placeholder = { role: "unknown", goal: "unknown" }

/** Looks the stored agents of a crew up. `find` answers `undefined` where there is none. */
export const resolve = Effect.fnUntraced(function* <E>(
  value: unknown,
  find: (id: string) => Effect.Effect<StoredAgent | undefined, E>
): Effect.fn.Return<Resolved, E> {
  const problems: Array<CoreCrew.Problem> = []
  const agents = new Map<string, StoredAgent>()
  if (!Predicate.isObject(value) || !("agents" in value) || !Predicate.isObject(value.agents)) {
    return { value, problems, agents }
  }
  const resolved: Record<string, unknown> = {}
  for (const [name, agent] of Object.entries(value.agents)) {
    if (!Predicate.isObject(agent) || !("agentId" in agent)) {
      define(resolved, name, agent)
      continue
    }
    const path = ["agents", name, "agentId"]
    for (const key of Object.keys(agent).filter((key) => key !== "agentId")) {
      problems.push({
        code: "unknown-key",
        path: ["agents", name, key],
        message: `agents.${name}: no other key is allowed next to agentId: remove ${JSON.stringify(key)}.`
      })
    }
    const id = agent.agentId
    const stored = isKey(id) ? yield* find(id) : undefined
    if (stored !== undefined) {
      const { name: _name, ...declared } = stored.body
      // The crew is checked and restored under names in one form.
      agents.set(name.normalize("NFC"), stored)
      define(resolved, name, declared)
      continue
    }
    define(resolved, name, placeholder)
    problems.push(
      typeof id === "string"
        ? {
            code: "unknown-agent",
            path,
            message: `agents.${name}.agentId: there is no stored agent ${JSON.stringify(id)}.`
          }
        : { code: "wrong-type", path, message: `agents.${name}.agentId must be the id of a stored agent.` }
    )
  }
  const managed = "manager" in value ? value.manager : undefined
  if (!Predicate.isObject(managed) || !("agentId" in managed)) {
    return { value: { ...value, agents: resolved }, problems, agents }
  }
  // It becomes an agent of the crew, under a name that no other has.
  let manager = "manager"
  while (Object.hasOwn(resolved, manager)) manager = `crew_${manager}`
  const { agentId: id, ...powers } = managed
  const stored = isKey(id) ? yield* find(id) : undefined
  if (stored === undefined) {
    const path = ["manager", "agentId"]
    problems.push(
      typeof id === "string"
        ? {
            code: "unknown-agent",
            path,
            message: `manager.agentId: there is no stored agent ${JSON.stringify(id)}.`
          }
        : { code: "wrong-type", path, message: "manager.agentId must be the id of a stored agent." }
    )
    define(resolved, manager, placeholder)
  } else {
    const { name: _name, ...declared } = stored.body
    agents.set(manager, stored)
    define(resolved, manager, declared)
  }
  // Kept beside another manager: the validation of the crew reports that there are two.
  const isAlone = !("model" in powers) && !("agent" in powers)
  const who = isAlone ? { ...powers, agent: manager } : managed
  return { value: { ...value, agents: resolved, manager: who }, problems, agents, manager }
})

/** The crew as it is stored: with its references. */
export const restore = (definition: CoreCrew.Definition, { agents, manager }: Resolved): CrewBody => {
  const restored: Record<string, CrewBody["agents"][string]> = {}
  for (const [name, agent] of Object.entries(definition.agents)) {
    if (name === manager) continue
    const stored = agents.get(name)
    define(restored, name, stored === undefined ? agent : { agentId: stored.id })
  }
  const managing = manager === undefined ? undefined : agents.get(manager)
  if (managing === undefined) return { ...definition, agents: restored }
  const { agent: _, ...powers } = definition.manager!
  return { ...definition, agents: restored, manager: { ...powers, agentId: managing.id } }
}

/** A key of a client may be `__proto__`. */
const define = <A>(record: Record<string, A>, key: string, value: A) =>
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
