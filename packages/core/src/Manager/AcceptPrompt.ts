/**
 * Instructions for judging the result of a crew by its criteria, and for the agent whose result
 * fails some.
 */
import type * as JsonSchema from "effect/JsonSchema"
import type { Criterion } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"

export const version = 2

export const instructions =
  "Hold the result of the crew against what it must fulfil. Judge each criterion by itself, by what the output shows. A criterion passes only when the output fulfils all of it; otherwise say what is missing, so that it can be mended."

/** The key of a criterion in the answer. */
export const keyOf = (index: number): string => `criterion_${index + 1}`

/** Where no review is asked for, which says this, too. */
export const subject = ({ agent, description, expectedOutput, id }: Plan.PlannedTask): string =>
  `The result comes from the task "${id}" of ${agent}:\n${description}\n\nExpected output: ${expectedOutput}`

export const criteria = (texts: ReadonlyArray<string>): string =>
  `The criteria of the crew:\n${texts.map((text, index) => `- ${keyOf(index)}: ${text}`).join("\n")}`

export const expectedOutput = "For each criterion whether it passes, and the reason in one sentence."

/** Of the answer: each criterion has exactly one verdict. */
export const output = (texts: ReadonlyArray<string>): JsonSchema.JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    texts.map((text, index) => [
      keyOf(index),
      {
        type: "object",
        description: text,
        properties: {
          passed: { type: "boolean" },
          reason: { type: "string", description: "in one sentence" }
        },
        required: ["passed", "reason"],
        additionalProperties: false
      }
    ])
  ),
  required: texts.map((_, index) => keyOf(index)),
  additionalProperties: false
})

/** The feedback on a result that fails some. */
export const failing = (failed: ReadonlyArray<Criterion>): string =>
  `The output does not fulfil:\n${failed.map(({ criterion, reason = "" }) => `- ${criterion}${reason === "" ? "" : ` (${reason})`}`).join("\n")}`

export const count = (all: number, failed: number): string =>
  failed === 0 ? `All criteria pass (${all}).` : `${failed} of ${all} criteria fail.`

export const notJudged = "It was not judged."
export const limitReached = "It was not judged: a limit was reached."
