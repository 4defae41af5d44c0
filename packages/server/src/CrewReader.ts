/**
 * From what a client sent to a crew that can run: references to stored agents are looked up, tools and everything else are
 * checked, and all problems are told at once, each with its path from the root of the crew.
 */
import * as CoreCrew from "@crewline/core/Crew"
import * as Plan from "@crewline/core/Plan"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AgentStore } from "./AgentStore.ts"
import * as CrewStore from "./CrewStore.ts"
import type * as ResourceStore from "./ResourceStore.ts"

/** A crew that can run, and what is stored of it. */
export interface Read {
  readonly crew: CoreCrew.Crew
  /** As it was sent: references to stored agents stay references. */
  readonly body: CrewStore.CrewBody
}

export class CrewReader extends Context.Service<
  CrewReader,
  {
    /** A crew as parsed JSON (or YAML); `problems` are those that its text already showed. */
    readonly read: (
      value: unknown,
      problems?: ReadonlyArray<CoreCrew.Problem>
    ) => Effect.Effect<Read, CoreCrew.CrewInvalid | ResourceStore.StoreError>
  }
>()("@crewline/server/CrewReader") {}

/** Stands for an agent that cannot be looked up, so that the rest of the crew can be checked. */
const placeholder = { role: "unknown", goal: "unknown" }

const decodeBody = Schema.decodeUnknownEffect(CrewStore.CrewBody)

const make = Effect.gen(function* () {
  const agents = yield* AgentStore
  const toolbox = yield* Toolbox.Toolbox

  /** Puts stored agents in the place of references to them. */
  const resolve = Effect.fnUntraced(function* (value: unknown) {
    const problems: Array<CoreCrew.Problem> = []
    if (!Predicate.isObject(value) || !("agents" in value) || !Predicate.isObject(value.agents)) {
      return { value, problems }
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
          message: `agents.${name}: next to agentId nothing else can stand; remove ${JSON.stringify(key)}.`
        })
      }
      const id = agent.agentId
      if (typeof id !== "string") {
        problems.push({ code: "wrong-type", path, message: `agents.${name}.agentId must be the id of a stored agent.` })
        define(resolved, name, placeholder)
        continue
      }
      const stored = yield* Effect.catch(agents.get(id), (error) =>
        error.reason._tag === "UnknownResource" ? Effect.succeed(undefined) : Effect.fail(error)
      )
      if (stored === undefined) {
        problems.push({
          code: "unknown-agent",
          path,
          message: `agents.${name}.agentId: there is no stored agent ${JSON.stringify(id)}.`
        })
        define(resolved, name, placeholder)
        continue
      }
      const { name: _name, ...declared } = stored.body
      define(resolved, name, declared)
    }
    return { value: { ...value, agents: resolved }, problems }
  })

  const read = Effect.fn("CrewReader.read")(function* (
    value: unknown,
    seen: ReadonlyArray<CoreCrew.Problem> = []
  ): Effect.fn.Return<Read, CoreCrew.CrewInvalid | ResourceStore.StoreError> {
    const resolved = yield* resolve(value)
    const crew = CoreCrew.fromJson(resolved.value)
    const tools = (yield* toolbox.list).map((tool) => tool.name)
    const checked = Result.flatMap(crew, (crew) => Plan.make(crew, { tools }))
    const problems = [
      ...seen,
      ...resolved.problems,
      // Inputs are given when the crew is started.
      ...(Result.isFailure(checked) ? checked.failure.problems.filter(({ code }) => code !== "missing-input") : [])
    ]
    if (problems.length > 0 || Result.isFailure(crew)) return yield* new CoreCrew.CrewInvalid({ problems })
    return { crew: crew.success, body: yield* Effect.orDie(decodeBody(value)) }
  })

  return CrewReader.of({ read })
})

/** A key of a client may be `__proto__`. */
const define = (record: Record<string, unknown>, key: string, value: unknown) =>
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })

export const layer: Layer.Layer<CrewReader, never, AgentStore | Toolbox.Toolbox> = Layer.effect(CrewReader, make)
