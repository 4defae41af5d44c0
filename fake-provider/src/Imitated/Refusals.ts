/** The features of a request that a server refuses, in its words. */
import type { Habits } from "./Habits.ts"
import type { Body, Received } from "../Received.ts"

interface Message {
  readonly role: string
  readonly content?: unknown
  readonly tool_call_id?: string
  readonly tool_calls?: ReadonlyArray<Call>
  readonly [field: string]: unknown
}

interface Call {
  readonly id: string
  readonly type: string
  readonly function: { readonly name: string; readonly arguments: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

/** `issued`: ids of the calls that this server has made. */
export const of = (
  habits: Habits,
  request: Received,
  issued: ReadonlySet<string>
): { readonly status: number; readonly body: unknown } | undefined => {
  const message = complaint(habits, request.body, issued)
  return message === undefined ? undefined : habits.refusal(message)
}

const complaint = (habits: Habits, body: Body, issued: ReadonlySet<string>): string | undefined => {
  const { lacks } = habits
  const messages = body.messages as ReadonlyArray<Message>
  const { response_format: format, stream_options: options, tool_choice: choice, tools } = body
  if (format?.type === "json_schema" && lacks.json_schema !== undefined) return lacks.json_schema
  if (format?.type === "json_object" && lacks.json_object !== undefined) return lacks.json_object
  if (options !== undefined && lacks.stream_options !== undefined) return lacks.stream_options
  if (tools !== undefined && lacks.tools !== undefined) return lacks.tools
  if (typeof choice === "object" && lacks.tool_choice !== undefined) return lacks.tool_choice
  if (messages.some(({ role }) => role === "system") && lacks.system_role !== undefined) return lacks.system_role
  if (habits.refusesParameter?.has(body) === true) return habits.refusesParameter.message
  return conversation(habits, messages, issued)
}

const conversation = (
  habits: Habits,
  messages: ReadonlyArray<Message>,
  issued: ReadonlySet<string>
): string | undefined => {
  if (messages.at(-1)?.role === "assistant") return "the last message must be of the role user or tool"
  const open = new Set<string>()
  const seen = new Set<string>()
  for (const [index, message] of messages.entries()) {
    if (message.role === "assistant") {
      const wrong = answer(habits, message, index, issued)
      if (wrong !== undefined) return wrong
      for (const { id } of message.tool_calls ?? []) {
        if (seen.has(id)) return `messages[${index}]: duplicate tool call ${id}`
        seen.add(id)
        open.add(id)
      }
    } else if (message.role === "tool" && !open.delete(message.tool_call_id ?? "")) {
      return `messages[${index}]: a result of no call: ${message.tool_call_id}`
    }
  }
  return open.size === 0 ? undefined : `calls without results: ${[...open].join(", ")}`
}

const plain = new Set(["role", "content", "tool_calls", "refusal", "name"])

const answer = (habits: Habits, message: Message, index: number, issued: ReadonlySet<string>): string | undefined => {
  const calls = message.tool_calls ?? []
  if ((message.content ?? "") === "" && calls.length === 0) {
    return `messages[${index}]: an assistant message needs content or tool_calls`
  }
  if (habits.isStrict) {
    const extra = Object.keys(message).find((field) => !plain.has(field))
    if (extra !== undefined) return `property 'messages.${index}.${extra}' is unsupported`
    if (calls.some((call) => Object.keys(call).some((field) => !["id", "type", "function"].includes(field)))) {
      return `messages[${index}].tool_calls: Extra inputs are not permitted`
    }
  }
  if (calls.length === 0) return undefined
  if (habits.wantsThoughts && !hasThoughts(habits, message)) {
    return `the assistant message at index ${index} has no ${habits.thoughts}`
  }
  if (habits.wantsSigned && !isSigned(habits, message, issued)) return "a function call has no thought_signature"
  for (const call of calls) {
    if (!habits.idForm.test(call.id)) {
      return `Tool call id was ${call.id} but must be a-z, A-Z, 0-9, with a length of 9.`
    }
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(call.function.name)) return `Invalid function name: ${call.function.name}`
    try {
      JSON.parse(call.function.arguments)
    } catch {
      return `messages[${index}]: arguments are not JSON`
    }
  }
  return undefined
}

const hasThoughts = ({ thoughts }: Habits, message: Message): boolean =>
  typeof message[thoughts] === "string" && message[thoughts] !== ""

const isSigned = ({ ids, signs }: Habits, message: Message, issued: ReadonlySet<string>): boolean => {
  const calls = message.tool_calls ?? []
  // Calls made by another server cannot have a signature; Gemini accepts a placeholder instead.
  const own = calls.filter(({ id }) => issued.has(id) || ids === "same" || ids === "none")
  switch (signs) {
    case "calls":
      return calls.every((call) =>
        /sig==|skip_thought_signature_validator/.test(JSON.stringify(call["extra_content"] ?? ""))
      )
    case "functions":
      return own.every(({ function: named }) => named["thought_signature"] === "sig==")
    case "details":
      return own.length === 0 || JSON.stringify(message["reasoning_details"] ?? "").includes("sig==")
    case "blocks":
      return own.length === 0 || JSON.stringify(message["thinking_blocks"] ?? "").includes("sig==")
    case "nothing":
      return true
  }
}
