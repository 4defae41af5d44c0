import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"

/** An event on one line, without the fields that all events share. */
export const describe = (event: ExecutionEvent.Draft): string =>
  JSON.stringify(event, (key, value: unknown) => (tiring.has(key) ? undefined : value)).slice(0, 400)

const tiring = new Set([
  "at",
  "executionId",
  "usage",
  "plan",
  "spawn",
  "hash",
  "shown",
  "title",
  "answerableBy",
  "model",
  "finishReason",
  "durationMillis",
  "worker",
  "by",
  "onSilence"
])
