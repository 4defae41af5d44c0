/** What a step of the optimiser makes of a crew. */
import type { Definition } from "../../Crew.ts"

/** The crew, and each change as a sentence; no changes: the same crew. */
export interface Changed {
  readonly definition: Definition
  readonly changes: ReadonlyArray<string>
}
