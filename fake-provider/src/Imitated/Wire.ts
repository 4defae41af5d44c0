/** How a server writes its answers, whole and in events. */
import type * as Dialect from "../Dialect.ts"
import type { Habits } from "./Habits.ts"

type Reply = Dialect.Reply
type Json = { readonly [field: string]: unknown }

export const whole = (habits: Habits, reply: Reply): Json => {
  const calls = reply.calls.map((call, index) => wholeCall(habits, reply, call, index))
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    model: reply.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: contentOf(habits, reply, true),
          ...thoughtOf(habits, reply.reasoning),
          ...signature(habits, reply, true),
          ...(calls.length > 0 && { tool_calls: calls })
        },
        finish_reason: finishOf(habits, reply)
      }
    ],
    ...usageOf(habits, reply)
  }
}

export const events = (habits: Habits, reply: Reply): ReadonlyArray<string> => {
  const out: Array<string> = []
  const event = (delta: Json, finish?: string, rest: Json = {}, ofChoice: Json = {}): void => {
    const none = habits.unfinished === "absent" ? {} : { finish_reason: habits.unfinished === "empty" ? "" : null }
    const choice = { index: 0, delta, ...none, ...(finish !== undefined && { finish_reason: finish }), ...ofChoice }
    write({ id: "chatcmpl-1", object: "chat.completion.chunk", model: reply.model, choices: [choice], ...rest })
  }
  const write = (body: Json): void => {
    if (habits.noise && out.length % 2 === 1) out.push(": keep-alive\n\n", 'data: {"choices":[]}\n\n')
    out.push(`data: ${JSON.stringify(body)}\n\n`)
  }
  event({ role: "assistant", content: "" })
  for (const piece of halves(reply.reasoning)) {
    const thought = thoughtOf(habits, piece)
    if (Object.keys(thought).length > 0) event(thought)
  }
  const signed = signature(habits, reply, false)
  if (Object.keys(signed).length > 0) event(signed)
  const content = contentOf(habits, reply, false)
  if (typeof content === "object") for (const part of content ?? []) event({ content: [part] })
  else for (const piece of halves(content)) event({ content: piece })
  reply.calls.forEach((call, index) => {
    for (const piece of callPieces(habits, reply, call, index)) event({ tool_calls: [piece] })
  })
  const { choices: _, ...usage } = usageOf(habits, reply) as { choices?: unknown }
  const last = finishOf(habits, reply)
  if (habits.usage === "choice") event({}, last, {}, { usage: tokens(reply) })
  else if (habits.usage === "end") {
    event({}, last)
    write({ id: "chatcmpl-1", choices: [], ...usage })
  } else event({}, last, usage)
  if (habits.done) out.push("data: [DONE]\n\n")
  return out
}

// --- parts of answers
// -------------------------------------------------------------------------------------------------------------

const finishOf = ({ finish }: Habits, { calls, stop }: Reply): string =>
  stop ?? (calls.length > 0 ? finish.calls : finish.stop)

const contentOf = (
  habits: Habits,
  { calls, reasoning, text: said }: Reply,
  isWhole: boolean
): string | ReadonlyArray<Json> | null => {
  const text = dressed(habits, said)
  const isThinking = reasoning !== ""
  if (habits.thoughts === "parts" || habits.content === "parts") {
    const parts = [
      ...(isThinking && habits.thoughts === "parts"
        ? [{ type: "thinking", thinking: [{ type: "text", text: reasoning }] }]
        : []),
      ...(text === "" ? [] : [{ type: "text", text }])
    ]
    return parts.length === 0 ? null : parts
  }
  if (isThinking && text !== "" && habits.thoughts === "tags") return `<think>\n${reasoning} [1]\n</think>\n\n${text}`
  if (isThinking && text !== "" && habits.thoughts === "late-tag") return `${reasoning} {so}\n</think>\n\n${text}`
  return text === "" ? (isWhole && calls.length > 0 ? null : "") : text
}

/** The text as a model writes it that likes to talk about JSON. */
const dressed = ({ content }: Habits, text: string): string => {
  if (!text.startsWith("{")) return text
  if (content === "fenced") return `Here it is:\n\n\`\`\`JSON\n${text}\n\`\`\`\nHope that helps [1]!`
  return content === "talkative"
    ? `I filled {city} and {degrees}: ${text}\n\nLet me know if {anything} is missing.`
    : text
}

const thoughtOf = ({ thoughts }: Habits, text: string): Json =>
  text !== "" && (thoughts === "reasoning" || thoughts === "reasoning_content") ? { [thoughts]: text } : {}

const signature = ({ signs }: Habits, { calls }: Reply, isWhole: boolean): Json => {
  if (calls.length === 0) return {}
  if (signs === "details") {
    const detail = { type: "reasoning.encrypted", format: "google-gemini-v1", index: 0 }
    return { reasoning_details: [{ ...detail, data: "sig==" }] }
  }
  if (signs === "blocks")
    return { thinking_blocks: [{ type: "thinking", thinking: isWhole ? "Hm." : "", signature: "sig==" }] }
  return {}
}

/** The ids that the calls of an answer have. */
export const idsOf = (habits: Habits, reply: Reply): ReadonlyArray<string> =>
  reply.calls.flatMap((call, index) => idOf(habits, reply, call, index) ?? [])

const idOf = ({ ids }: Habits, { number }: Reply, call: Dialect.Call, index: number): string | undefined => {
  switch (ids) {
    case "openai":
      return `call_${number}_${index}`
    case "dotted":
      return `functions.${call.name}:${index}`
    case "nine":
      return `${100_000_000 + number * 10 + index}`
    case "same":
      return "call_00_a"
    case "numbered":
      return String(index)
    case "none":
      return undefined
  }
}

const ofCall = ({ signs }: Habits): Json =>
  signs === "calls" ? { extra_content: { google: { thought_signature: "sig==" } } } : {}
const ofFunction = ({ signs }: Habits): Json => (signs === "functions" ? { thought_signature: "sig==" } : {})

const wholeCall = (habits: Habits, reply: Reply, call: Dialect.Call, index: number): Json => {
  const id = idOf(habits, reply, call, index)
  return {
    ...(id !== undefined && { id }),
    type: "function",
    function: { name: call.name, arguments: argumentsOf(habits, call.arguments), ...ofFunction(habits) },
    ...ofCall(habits)
  }
}

const argumentsOf = ({ arguments: form }: Habits, json: string): unknown => {
  switch (form) {
    case "object":
      return JSON.parse(json)
    case "doubled":
      return JSON.stringify(json)
    default:
      return json
  }
}

/** The pieces of a call in a stream. */
const callPieces = (habits: Habits, reply: Reply, call: Dialect.Call, index: number): ReadonlyArray<Json> => {
  const id = idOf(habits, reply, call, index)
  const place = habits.index === "absent" ? {} : { index: habits.index === "zero" ? 0 : index }
  const given = argumentsOf(habits, call.arguments)
  const pieces =
    typeof given !== "string" || habits.arguments === "text"
      ? [given]
      : habits.arguments === "again"
        ? [...halves(given), given]
        : habits.arguments === "null-first"
          ? [null, ...halves(given)]
          : halves(given)
  return pieces.map((piece, at) => ({
    ...place,
    ...(id !== undefined && (at === 0 || habits.repeatsIds) && { id, type: "function" }),
    function: { ...(at === 0 && { name: call.name, ...ofFunction(habits) }), arguments: piece },
    ...(at === 0 && ofCall(habits))
  }))
}

const halves = (text: string): ReadonlyArray<string> => {
  if (text.length < 2) return text === "" ? [] : [text]
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)]
}

const tokens = ({ usage: { input, output } }: Reply): Json => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output
})

const usageOf = ({ usage }: Habits, reply: Reply): Json => {
  const { input, output } = reply.usage
  switch (usage) {
    case "end":
    case "choice":
      return { usage: tokens(reply) }
    case "zeros":
      return { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }
    case "groq":
      return { x_groq: { usage: tokens(reply) } }
    case "total":
      return { usage: { total_tokens: input + output } }
    case "timings":
      return { timings: { prompt_n: input, predicted_n: output, cache_n: 0 } }
    case "none":
      return { usage: null }
  }
}
