/**
 * Why an answer ended. Servers have dozens of words for it; only those that are known to mean a
 * complete answer, or one cut at its length limit, make an answer. Anything else broke the answer
 * off, and what came before is not one.
 */
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import * as Fault from "./Fault.ts"
import * as ProviderJson from "./Json.ts"

const stops = words(`
  stop end_turn stop_sequence stop_token stop_string stop_str stop_word stopped eos eos_token eot eom end_of_text endoftext end_of_turn
  end_of_message end_of_sequence end complete completed finish finished done success normal natural word`)
const calls = words("tool_calls tool_call tool_use tool_uses function_call function_calls function_calling")
const lengths = words(`
  length max_tokens max_output_tokens max_completion_tokens max_new_tokens max_length max_token length_limit model_length token_limit
  output_limit output_token_limit num_predict max_tokens_reached limit truncated model_context_window_exceeded context_window_exceeded context_length_exceeded context_length`)
const filters = words(`
  content_filter content_filtered content_policy content_policy_violation safety recitation blocklist blocked prohibited_content spii
  image_safety image_prohibited_content sensitive moderation filtered refusal guardrail guardrail_intervened guardrails error_toxic toxic
  unsafe language safety_block content_blocked policy_violation`)

/**
 * The reason in the words of `effect/ai`; throws where the answer was broken off or filtered.
 * Without a reason the answer is whole: some servers never give one. Some say "stop" when tools are
 * called.
 */
export const of = (given: unknown, called: boolean): Response.FinishReason => {
  if (isNone(given)) return called ? "tool-calls" : "unknown"
  const said = wordOf(given)
  const word = plain(said)
  if (lengths.has(word)) return "length"
  if (called ? calls.has(word) || stops.has(word) : stops.has(word)) return called ? "tool-calls" : "stop"
  if (filters.has(word)) throw new Fault.Refused("The provider's content filter cut off the answer.")
  if (calls.has(word)) return "tool-calls"
  throw brokenOff(said)
}

/** A word, or an object that contains one (`{"type": "stop"}`). */
const wordOf = (given: unknown): string => {
  if (!Predicate.isReadonlyObject(given)) return String(given)
  const within = given["type"] ?? given["reason"]
  return typeof within === "string" ? within : JSON.stringify(given)
}

/** Servers write an empty text, or the text `null`, into every event but the last. */
export const isNone = (given: unknown): boolean => given == null || given === "" || given === "null" || given === "None"

/** An answer that ended for another reason than that it was complete. */
export const brokenOff = (reason: string): Fault.NotAnAnswer =>
  new Fault.NotAnAnswer(
    "The provider ended its answer before it was complete",
    `finish reason "${ProviderJson.excerpt(reason)}"`
  )

function plain(word: string): string {
  return word
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .replace(/^finishreason(?=.)/, "")
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/).map(plain))
}
