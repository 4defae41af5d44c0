/** The differences of an OpenAI-compatible server from OpenAI. */
import type { Body } from "../Received.ts"

export type Feature = "json_schema" | "json_object" | "tools" | "tool_choice" | "stream_options" | "system_role"

export interface Habits {
  /** Words for the end of an answer. */
  readonly finish: { readonly stop: string; readonly calls: string }
  /** The finish reason of events that are not the last. */
  readonly unfinished: "null" | "empty" | "absent"
  /** Ids of calls. */
  readonly ids: "openai" | "dotted" | "nine" | "same" | "none" | "numbered"
  /** The ids of calls with every piece of a stream, or with the first. */
  readonly repeatsIds: boolean
  readonly index: "counted" | "zero" | "absent"
  readonly arguments: "text" | "object" | "pieces" | "doubled" | "again" | "null-first"
  readonly content: "text" | "parts" | "fenced" | "talkative"
  readonly thoughts: "reasoning_content" | "reasoning" | "parts" | "tags" | "late-tag" | "none"
  /** The opaque fields that it sends with calls and answers. */
  readonly signs: "nothing" | "calls" | "functions" | "details" | "blocks"
  readonly usage: "end" | "none" | "zeros" | "groq" | "choice" | "total" | "timings"
  readonly done: boolean
  readonly streamType: string
  /** A comment or an event without choices between the others. */
  readonly noise: boolean
  // --- refusals ---
  /** Features that it does not have, and its error message. */
  readonly lacks: { readonly [F in Feature]?: string }
  /** Whether calls must be returned with the opaque fields that came with them. */
  readonly wantsSigned: boolean
  /** Whether the thoughts that led to calls have to come back with them. */
  readonly wantsThoughts: boolean
  /** Whether fields that OpenAI does not have are refused in answers that come back. */
  readonly isStrict: boolean
  /** The form that ids of calls must have. */
  readonly idForm: RegExp
  /** How a refusal is written. */
  readonly refusal: (message: string) => { readonly status: number; readonly body: unknown }
  /** A parameter with a different name: the name that it refuses, and its error message. */
  readonly refusesParameter?: { readonly has: (body: Body) => boolean; readonly message: string }
}

/** OpenAI itself. */
export const openAi: Habits = {
  finish: { stop: "stop", calls: "tool_calls" },
  unfinished: "null",
  ids: "openai",
  repeatsIds: false,
  index: "counted",
  arguments: "pieces",
  content: "text",
  thoughts: "none",
  signs: "nothing",
  usage: "end",
  done: true,
  streamType: "text/event-stream",
  noise: false,
  lacks: {},
  wantsSigned: false,
  wantsThoughts: false,
  isStrict: true,
  idForm: /^[\w.:-]{1,40}$/,
  refusal: (message) => ({ status: 400, body: { error: { message, type: "invalid_request_error", code: null } } })
}
