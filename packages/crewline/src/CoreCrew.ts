/**
 * Creates crews of `@crewline/core` from declarations, data and files. Loads the schemas of crews.
 */
import * as Crew from "@crewline/core/Crew"
import type * as Limits from "@crewline/core/Limits"
import * as Result from "effect/Result"
import { readFile } from "node:fs/promises"
import type { Any, Crew as Declared } from "./DeclaredCrew.ts"

const isDeclared = <Output>(crew: Any<Output>): crew is Declared<Output> =>
  // An untyped program may pass any value; the engine reports those that are not crews.
  typeof crew === "object" && crew !== null && "~build" in crew

/** The crew that was declared. */
export const of = <Output>(crew: Any<Output>): Crew.Crew<Output> => (isDeclared(crew) ? crew["~build"](Crew) : crew)

const orThrow = <A>(result: Result.Result<A, Crew.CrewInvalid>): A => Result.getOrThrowWith(result, (error) => error)

export const fromJson = (input: unknown): Crew.Crew => orThrow(Crew.fromJson(input))

export const fromFile = async (path: string | URL): Promise<Crew.Crew> => {
  // Loads a YAML parser, which crews in TypeScript do not need.
  const CrewFile = await import("@crewline/core/CrewFile")
  return orThrow(Result.flatMap(CrewFile.decode(await readFile(path)), (text) => CrewFile.parse(text)))
}

export const validate = (crew: Any): void => orThrow(Crew.validate(of(crew)))

type Amount = keyof Omit<Limits.Declared, "onExceeded">

/**
 * The crew with these limits in addition to its own: the lower limit of each kind applies. Invalid
 * limits are kept, and reported with the crew.
 */
export const withLimits = <Output>(crew: Crew.Crew<Output>, limits: Limits.Declared): Crew.Crew<Output> => {
  const { definition } = crew
  const own = definition.limits ?? {}
  // A program without types may pass anything.
  const isObject = typeof limits === "object" && limits !== null && !Array.isArray(limits)
  const lower = (kind: Amount) => {
    const [mine, given] = [own[kind], limits[kind] ?? own[kind]]
    if (given === undefined) return {}
    return { [kind]: typeof mine === "number" && typeof given === "number" ? Math.min(mine, given) : given }
  }
  const both = isObject ? { ...own, ...limits, ...lower("costUsd"), ...lower("requests"), ...lower("tokens") } : limits
  return { ...crew, definition: { ...definition, limits: both } }
}
