/**
 * Turns what a client sent or stored into a runnable crew: looks up stored agents, validates tools
 * and everything else, and reports all problems at once, each with its path from the root of the
 * crew.
 *
 * A stored crew is read and checked once for each of its versions (and of the agents that it refers
 * to), not for each start.
 */
import * as CoreCrew from "@crewline/core/Crew"
import * as Plan from "@crewline/core/Plan"
import * as Tenant from "@crewline/core/Tenant"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AgentBody } from "./Api/Agents.ts"
import type { CrewBody } from "./Api/Crews.ts"
import * as References from "./CrewReader/References.ts"
import * as StoredCrews from "./CrewReader/StoredCrews.ts"
import { AgentStore } from "./ResourceStore/Agents.ts"
import { CrewStore } from "./ResourceStore/Crews.ts"
import * as ResourceStore from "./ResourceStore.ts"

/** A crew that can run, and what is stored of it. */
export interface Read {
  readonly crew: CoreCrew.Crew
  /** References to stored agents stay references. */
  readonly body: CrewBody
}

export interface Source {
  /** The crew as parsed JSON. */
  readonly value: unknown
  /** Problems already found in its text: repeated names, and the number of further ones. */
  readonly problems: ReadonlyArray<CoreCrew.Problem>
  readonly more: number
}

export class CrewReader extends Context.Service<
  CrewReader,
  {
    /** A crew that a client sent. */
    readonly read: (source: Source) => Effect.Effect<Read, CoreCrew.CrewInvalid | ResourceStore.StoreError>
    /** The stored crew of this id, as it is now. */
    readonly stored: (id: string) => Effect.Effect<CoreCrew.Crew, CoreCrew.CrewInvalid | ResourceStore.StoreError>
  }
>()("@crewline/server/CrewReader") {}

const make = Effect.gen(function* () {
  const agents = yield* AgentStore
  const crews = yield* CrewStore
  const toolbox = yield* Toolbox.Toolbox
  const known = new StoredCrews.StoredCrews()

  const toolNames = toolbox.list.pipe(
    Effect.map((tools) => tools.map(({ name }) => name)),
    Effect.mapError(({ message }) => ResourceStore.unavailable("CrewReader.tools", message))
  )

  const findAgent = (id: string, known?: ResourceStore.Stored<AgentBody>) =>
    Effect.catch(agents.get(id, known), (error) =>
      error.reason._tag === "UnknownResource" ? Effect.succeed(undefined) : Effect.fail(error)
    )

  const check = (
    resolved: References.Resolved,
    tools: ReadonlyArray<string>,
    seen: Omit<Source, "value">
  ): Effect.Effect<CoreCrew.Crew, CoreCrew.CrewInvalid> => {
    const { crew, more, problems } = Plan.check(resolved.value, { tools })
    const all = [...seen.problems, ...resolved.problems, ...problems]
    return all.length === 0
      ? Effect.succeed(crew)
      : Effect.fail(new CoreCrew.CrewInvalid({ problems: all, more: seen.more + more }))
  }

  const read: CrewReader["Service"]["read"] = Effect.fn("CrewReader.read")(function* (source) {
    const resolved = yield* References.resolve(source.value, (id) => findAgent(id))
    const crew = yield* check(resolved, yield* toolNames, source)
    return { crew, body: References.restore(crew.definition, resolved) }
  })

  const stored: CrewReader["Service"]["stored"] = Effect.fn("CrewReader.stored")(function* (id) {
    const key = JSON.stringify([yield* Tenant.Current, id])
    const entry = known.get(key)
    const stored = yield* crews.get(id, entry?.stored)
    const before = new Map(Array.from(entry?.agents.values() ?? [], (agent) => [agent.id, agent]))
    const resolved = yield* References.resolve(stored.body, (id) => findAgent(id, before.get(id)))
    const made = { stored, agents: resolved.agents, tools: yield* toolNames }
    if (entry !== undefined && StoredCrews.isCurrent(entry, made)) return entry.crew
    const crew = yield* check(resolved, made.tools, { problems: [], more: 0 })
    known.set(key, { ...made, crew })
    return crew
  })

  return CrewReader.of({ read, stored })
})

export const layer: Layer.Layer<CrewReader, never, AgentStore | CrewStore | Toolbox.Toolbox> = Layer.effect(
  CrewReader,
  make
)
