/**
 * Declares crews. `validate` reports the problems of a declaration, and so does starting the crew:
 * all of them at once, as `CrewInvalid`.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import * as DeclaredCrew from "./DeclaredCrew.ts"
import type { Any, Crew } from "./DeclaredCrew.ts"

export type { Any, Crew } from "./DeclaredCrew.ts"

/**
 * A crew in TypeScript. The type checker rejects names of agents and tasks that do not exist, a
 * task that refers to itself, and functions that expect a different output than their task
 * declares. The output of the crew is inferred.
 */
export const make = <
  const AgentName extends string,
  const Outputs,
  const Contexts,
  const Orders,
  const Conditions,
  const Acceptance,
  const Written,
  const Process extends "parallel" | "sequential" | "hierarchical" = "parallel"
>(
  options: CoreCrew.MakeOptions<AgentName, Process, Outputs, Contexts, Orders, Conditions, Acceptance, Written>
): Crew<CoreCrew.CrewOutput<Process, Outputs, Contexts, Orders, Conditions, Acceptance, Written>> =>
  DeclaredCrew.make(options.name, (core) => core.make(options))

/**
 * A crew from its data: agents and tasks by name, or as lists of objects with a `name`. Rejects
 * with `CrewInvalid`.
 */
export const fromJson = async (input: unknown): Promise<Crew> => {
  const Core = await import("./CoreCrew.ts")
  return declared(Core.fromJson(input))
}

/**
 * A crew from a file: YAML, JSON, or JSON with comments. Rejects with `CrewInvalid`, whose problems
 * have line and column, or with the error of the file system.
 */
export const fromFile = async (path: string | URL): Promise<Crew> => {
  const Core = await import("./CoreCrew.ts")
  return declared(await Core.fromFile(path))
}

/** Validates a crew, independent of its inputs. Rejects with `CrewInvalid`. */
export const validate = async (crew: Any): Promise<void> => {
  const Core = await import("./CoreCrew.ts")
  Core.validate(crew)
}

/** The crew as `@crewline/core` knows it, for programs that also use its Effect API. */
export const toCore = async <Output>(crew: Any<Output>): Promise<CoreCrew.Crew<Output>> => {
  const Core = await import("./CoreCrew.ts")
  return Core.of(crew)
}

const declared = <Output>(crew: CoreCrew.Crew<Output>): Crew<Output> =>
  DeclaredCrew.make(crew.definition.name, () => crew)
