/**
 * From what a client sent to a crew that can run: references to stored agents are looked up, tools and everything else are
 * checked, and all problems are told at once, each with its path from the root of the crew.
 */
import * as CoreCrew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as Plan from "@crewline/core/Plan"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CrewBody } from "./Api/Crews.ts"
import { AgentStore } from "./ResourceStore/Agents.ts"
import type * as ResourceStore from "./ResourceStore.ts"

/** A crew that can run, and what is stored of it. */
export interface Read {
  readonly crew: CoreCrew.Crew
  /** As it was sent: references to stored agents stay references. */
  readonly body: CrewBody
}

export interface Source {
  /** The crew as parsed JSON. */
  readonly value: unknown
  /** The text of the crew: its problems have lines and columns then. */
  readonly text?: string | undefined
  /** True when the text must be looked at even if the value is in order: names may stand twice in it. */
  readonly isSuspect?: boolean | undefined
  /** What is wrong already, when there is no `text` of the crew alone. */
  readonly problems?: ReadonlyArray<CoreCrew.Problem> | undefined
}

export class CrewReader extends Context.Service<
  CrewReader,
  {
    readonly read: (source: Source) => Effect.Effect<Read, CoreCrew.CrewInvalid | ResourceStore.StoreError>
  }
>()("@crewline/server/CrewReader") {}

/** What a text of YAML says, or where it breaks. */
export const parseYaml = (text: string): Result.Result<unknown, CoreCrew.CrewInvalid> => {
  let value: unknown
  let isRead = false
  const parsed = CrewFile.parse(text, {
    transform: (said) => {
      isRead = true
      value = said
      return said
    }
  })
  return !isRead && Result.isFailure(parsed) ? Result.fail(parsed.failure) : Result.succeed(value)
}

/** Stands for an agent that cannot be looked up, so that the rest of the crew can be checked. */
const placeholder = { role: "unknown", goal: "unknown" }

const decodeBody = Schema.decodeUnknownEffect(CrewBody)

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

  const read = Effect.fn("CrewReader.read")(function* ({
    value,
    text,
    isSuspect = false,
    problems: seen = []
  }: Source): Effect.fn.Return<Read, CoreCrew.CrewInvalid | ResourceStore.StoreError> {
    const resolved = yield* resolve(value)
    const tools = (yield* toolbox.list).map((tool) => tool.name)
    const crew = CoreCrew.fromJson(resolved.value)
    const planned = Result.flatMap(crew, (crew) => Plan.make(crew, { tools }))
    // Inputs are given when the crew is started. They come last, so that no other problem is left out of the list for them.
    const isMissing = ({ code }: CoreCrew.Problem) => code === "missing-input"
    const wrong = Result.isFailure(planned) ? planned.failure : undefined
    const isWrong = wrong?.problems.some((problem) => !isMissing(problem)) === true
    const wrongInText = () => {
      const parsed = CrewFile.parse(text ?? JSON.stringify(value) ?? "", {
        plan: { tools },
        transform: () => resolved.value
      })
      if (!Result.isFailure(parsed)) return wrong
      // In the order of the text a list that is cut may be of missing inputs alone.
      return isWrong && parsed.failure.problems.every(isMissing) ? wrong : parsed.failure
    }
    // Reading the text once more costs as much as all the rest: only for crews that need it.
    const found = isSuspect || isWrong ? wrongInText() : undefined
    const listed = found?.problems ?? []
    const problems = [
      ...seen,
      ...resolved.problems,
      ...listed
        .filter((problem) => !isMissing(problem))
        .map((problem) => (text === undefined ? withoutPlace(problem) : problem))
    ]
    if (problems.length > 0 || Result.isFailure(crew)) {
      const more = listed.some(isMissing) ? 0 : (found?.more ?? 0)
      return yield* new CoreCrew.CrewInvalid({ problems, more })
    }
    return { crew: crew.success, body: yield* Effect.orDie(decodeBody(value)) }
  })

  return CrewReader.of({ read })
})

const withoutPlace = ({ line: _line, column: _column, ...problem }: CoreCrew.Problem): CoreCrew.Problem => problem

/** A key of a client may be `__proto__`. */
const define = (record: Record<string, unknown>, key: string, value: unknown) =>
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })

export const layer: Layer.Layer<CrewReader, never, AgentStore | Toolbox.Toolbox> = Layer.effect(CrewReader, make)
