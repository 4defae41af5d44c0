/** The result of an optimiser step. */
import type { Definition } from "../../Crew.ts"

/** The crew, and each change as a sentence; no changes: the same crew. */
export interface Changed {
  readonly definition: Definition
  readonly changes: ReadonlyArray<string>
}
