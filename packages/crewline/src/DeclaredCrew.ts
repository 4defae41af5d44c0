/**
 * A crew as a program declares it. It is not validated yet, so that a declaration loads neither the
 * schemas nor the engine: the crew of `@crewline/core` is created when it is first needed.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import type * as Schema from "effect/Schema"

/**
 * A declared crew. `Output` is the result of its executions: the output of the task that no other
 * depends on or, for several such tasks, an object of their outputs by name.
 */
export interface Crew<out Output = Schema.Json> {
  readonly name: string
  /** Makes the crew of `@crewline/core`; the same one each time. */
  readonly "~build": (core: typeof CoreCrew) => CoreCrew.Crew<Output>
}

/** A crew of this package, or of `@crewline/core`. */
export type Any<Output = unknown> = Crew<Output> | CoreCrew.Crew<Output>

export const make = <Output>(name: string, build: (core: typeof CoreCrew) => CoreCrew.Crew<Output>): Crew<Output> => {
  let built: CoreCrew.Crew<Output> | undefined
  return Object.freeze({ name, "~build": (core: typeof CoreCrew) => (built ??= build(core)) })
}
