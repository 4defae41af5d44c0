/**
 * Instructions of the manager and of delegating agents: the default text, or the crew's
 * replacement. The facts of a decision and the format of its answer are the same in both cases. The
 * answer records which text was used.
 */
import type { Power } from "../Crew/Manager.ts"
import type * as Plan from "../Plan.ts"

/** The file of a power. */
export interface Prompt {
  /**
   * Raised whenever a text of the file changes: answers to the old and the new one cannot be
   * compared.
   */
  readonly version: number
  readonly instructions: string
}

/** What somebody is told, and by what name that is recorded. */
export interface Told extends Pick<Plan.PlannedTask, "description"> {
  /** `review/3`, or `review/own` for the crew's own words. */
  readonly prompt: string
}

/** The instructions, then the facts. `own`: the crew's words. */
export const inWords = (own: string | undefined, power: string, prompt: Prompt, facts: string): Told => ({
  description: `${own ?? prompt.instructions}\n\n${facts}`,
  prompt: `${power}/${own === undefined ? prompt.version : "own"}`
})

/** In the words that the crew gives its manager for this power, if any. */
export const tell = ({ manager }: Plan.Plan, power: Power, prompt: Prompt, facts: string): Told =>
  inWords(manager?.prompts?.[power], power, prompt, facts)
