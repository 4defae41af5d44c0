/** The verdicts on the acceptance criteria of a crew, as text. */
import type { Criterion } from "@crewline/core/ExecutionEvent"

/** `2 of 3 criteria pass`. */
export const summary = (criteria: ReadonlyArray<Criterion>): string => {
  const passed = criteria.filter(({ verdict }) => verdict === "passed").length
  return passed === criteria.length ? "all criteria pass" : `${passed} of ${criteria.length} criteria pass`
}

/** The same, and each that does not pass. */
export const lines = (criteria: ReadonlyArray<Criterion>): ReadonlyArray<string> => [
  `Acceptance: ${summary(criteria)}.`,
  ...criteria.flatMap(({ criterion, reason, verdict }) =>
    verdict === "passed" ? [] : [`  ${verdict}: ${criterion}${reason === undefined ? "" : ` (${reason})`}`]
  )
]
