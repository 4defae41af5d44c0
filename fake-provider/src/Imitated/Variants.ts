/** Hypothetical servers: each habit is drawn from all known ones, by a seed. */
import { type Feature, type Habits, openAi } from "./Habits.ts"
import * as Random from "../Random.ts"
import type { Server } from "./Servers.ts"

const choices = {
  stop: ["stop", "end_turn", "eos", "STOP", "COMPLETE", "stop_sequence", "finished", "EndTurn"],
  calls: ["tool_calls", "stop", "tool_use", "function_call", "TOOL_CALLS", "toolCalls"],
  unfinished: ["null", "empty", "absent"],
  ids: ["openai", "dotted", "nine", "same", "none", "numbered"],
  index: ["counted", "zero", "absent"],
  arguments: ["text", "object", "pieces", "doubled", "again", "null-first"],
  content: ["text", "parts", "fenced", "talkative"],
  thoughts: ["reasoning_content", "reasoning", "parts", "tags", "late-tag", "none"],
  signs: ["nothing", "calls", "functions", "details", "blocks"],
  usage: ["end", "none", "zeros", "groq", "choice", "total", "timings"],
  streamType: [
    "text/event-stream",
    "TEXT/EVENT-STREAM",
    "Text/Event-Stream; Charset=UTF-8",
    "application/json",
    "text/plain"
  ]
} as const

const words: { readonly [F in Feature]: ReadonlyArray<string> } = {
  json_schema: [
    "response_format is not supported",
    "json_schema: unknown variant",
    "structured outputs are not enabled",
    "bad request"
  ],
  json_object: ["response_format: json_object is not available", "JSON mode is not supported"],
  tools: ["tools are not supported by this model", "function calling is not enabled"],
  tool_choice: ["tool_choice must be auto", "`tool_choice` is not supported"],
  stream_options: ["Unrecognized request argument supplied: stream_options", "include_usage is not allowed"],
  system_role: ["Unsupported value: 'messages[0].role' does not support 'system'", "The system role is not supported"]
}

const refusals: ReadonlyArray<Habits["refusal"]> = [
  (message) => ({ status: 400, body: { error: { message } } }),
  (message) => ({ status: 400, body: { error: message } }),
  (message) => ({ status: 422, body: { detail: message } }),
  (message) => ({ status: 400, body: { code: 4001, msg: message, success: false } }),
  (message) => ({ status: 400, body: [{ error: { message, status: "INVALID_ARGUMENT" } }] }),
  (message) => ({ status: 400, body: { errors: [{ message }] } })
]

/** The server of this seed. */
export const variant = (seed: number): Server => {
  const { maybe, one } = Random.of(seed)
  const lacks: { [F in Feature]?: string } = {}
  for (const feature of ["json_schema", "json_object", "tool_choice", "stream_options", "system_role"] as const) {
    if (maybe(0.3)) lacks[feature] = one(words[feature])
  }
  const signs = one(choices.signs)
  const thoughts = one(choices.thoughts)
  const index = one(choices.index)
  const ids = one(choices.ids)
  // Without numbers and ids, the pieces of two calls cannot be told apart.
  const form = ids === "none" && index !== "counted" ? "text" : one(choices.arguments)
  const habits: Habits = {
    ...openAi,
    finish: { stop: one(choices.stop), calls: one(choices.calls) },
    unfinished: one(choices.unfinished),
    ids,
    repeatsIds: maybe(0.5),
    index,
    arguments: form,
    content: one(choices.content),
    thoughts,
    signs,
    usage: one(choices.usage),
    done: maybe(0.7),
    streamType: one(choices.streamType),
    noise: maybe(0.3),
    lacks,
    isStrict: signs === "nothing" && maybe(0.3),
    wantsSigned: maybe(0.7),
    wantsThoughts: false,
    refusal: one(refusals)
  }
  const wantsThoughts = !habits.isStrict && (thoughts === "reasoning" || thoughts === "reasoning_content")
  return { name: `variant ${seed}`, habits: { ...habits, wantsThoughts } }
}
