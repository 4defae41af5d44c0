/**
 * A model for tests that returns scripted answers: a list of steps, one for each call. A call
 * consumes the first remaining step that matches it, so parallel tasks each follow their own part
 * of the script. A call that matches no step fails.
 */
import * as LlmScripted from "@crewline/llm/Scripted"
import * as Effect from "effect/Effect"

export { failure, never, object, parts, reply, ScriptError, text, toolCall, toolCalls } from "@crewline/llm/Scripted"
export type { Call, Options, Step, StepOptions } from "@crewline/llm/Scripted"

/** A script, for the option `models`: it answers for every model of the crew. */
export interface Script extends Omit<LlmScripted.Script, "assertConsumed"> {
  /** Rejects with `ScriptError` when steps remain, or when calls matched no step. */
  readonly assertConsumed: () => Promise<void>
}

/** A script; a string is short for `text`. Each has its own state: create one per test. */
export const make = (steps: ReadonlyArray<LlmScripted.Step | string>, options?: LlmScripted.Options): Script => {
  const script = LlmScripted.make(steps, options)
  // `remaining` and `requests` are the script's own lists, which it changes.
  return { ...script, assertConsumed: () => Effect.runPromise(script.assertConsumed) }
}
