/**
 * A model for tests that answers what it is told to: a list of steps, each for one call. A call
 * takes the first step left that fits it, so tasks that run at once each follow their own part of
 * the script. A call that no step fits fails.
 */
import * as LlmScripted from "@crewline/llm/Scripted"
import * as Effect from "effect/Effect"

export { failure, never, object, parts, reply, ScriptError, text, toolCall, toolCalls } from "@crewline/llm/Scripted"
export type { Call, Options, Step, StepOptions } from "@crewline/llm/Scripted"

/** A script, for the option `models`: every model of the crew is answered from it. */
export interface Script extends Omit<LlmScripted.Script, "assertConsumed"> {
  /** Rejects with `ScriptError` when steps are left, or calls came that no step was for. */
  readonly assertConsumed: () => Promise<void>
}

/** A script; a string is short for `text`. Each has its own state: make one per test. */
export const make = (steps: ReadonlyArray<LlmScripted.Step | string>, options?: LlmScripted.Options): Script => {
  const script = LlmScripted.make(steps, options)
  // `remaining` and `requests` are the script's own lists, which it changes.
  return { ...script, assertConsumed: () => Effect.runPromise(script.assertConsumed) }
}
