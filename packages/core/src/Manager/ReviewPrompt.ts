/** Instructions for reviewing an output, and for the agent whose output is sent back. */
import type * as JsonSchema from "effect/JsonSchema"
import type { Doubt } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import * as Excerpt from "./Excerpt.ts"

export const version = 3

export const instructions =
  "Review the output of a task. Accept it when it does what the task asks for. Otherwise send it back, and say exactly what has to be changed: the agent sees your feedback and nothing else. Matters of taste are no reason to send it back."

export interface Subject {
  readonly task: Plan.PlannedTask
  readonly output: string
  readonly doubts: ReadonlyArray<Doubt>
}

export const facts = (subject: Subject): string => {
  const { agent, description, expectedOutput, id } = subject.task
  return `The task "${id}" of ${agent}:\n${description}\n\nExpected output: ${expectedOutput}\n\n${shown(subject)}`
}

/** The output that is looked at, and what speaks against it. */
export const shown = ({ doubts, output, task }: Subject): string =>
  `The output:\n<output>\n${Excerpt.of(task.id, output)}\n</output>${
    doubts.length === 0
      ? ""
      : `\n\nSigns that it may not be what it says:\n${doubts.map(({ message }) => `- ${message}`).join("\n")}`
  }`

export const expectedOutput = "Your verdict, the reason in one sentence, and feedback when it is sent back."

export const output: JsonSchema.JsonSchema = {
  type: "object",
  properties: {
    verdict: { type: "string", enum: ["accept", "revise"] },
    reason: { type: "string", description: "in one sentence" },
    feedback: { type: "string", description: "with revise: what has to be changed" }
  },
  required: ["verdict", "reason"],
  additionalProperties: false
}

/** Why an output counts that the manager has not accepted. */
export const notReviewed = "The manager returned no verdict on the output."
export const unchanged = "The output is the one that the manager had sent back, unchanged."
export const tooOften = (times: number): string =>
  times === 0
    ? "The manager would send the output back, and may not."
    : `The manager had sent the output back ${times === 1 ? "once" : `${times} times`}, and would again.`
