/**
 * Conversations as a list of messages, as in the requests of all dialects except OpenAI's
 * responses.
 */
import type { Question, Schema } from "../Dialect.ts"

interface Part {
  readonly type?: string
  readonly text?: string
}

interface Message {
  readonly role: string
  readonly content?: string | ReadonlyArray<Part> | null
  readonly tool_calls?: ReadonlyArray<unknown>
}

interface Tool {
  readonly function?: { readonly name: string; readonly parameters?: Schema }
  readonly name?: string
  readonly input_schema?: Schema
}

export interface Request {
  readonly model: string
  readonly messages: ReadonlyArray<Message>
  readonly stream?: boolean
  readonly tools?: ReadonlyArray<Tool>
  readonly tool_choice?: unknown
}

/**
 * The parts of a request that are the same in every dialect, which excludes the schema of the
 * answer.
 */
export const read = (request: Request): Omit<Question, "schema"> => {
  const user = request.messages.findLast(asks)
  let called = 0
  for (const message of request.messages) if (calls(message)) called += 1
  const [tool] = request.tools ?? []
  const name = tool?.function?.name ?? tool?.name
  return {
    model: request.model,
    messages: request.messages.length,
    prompt: user === undefined ? "" : textOf(user),
    called,
    stream: request.stream === true,
    tool:
      name === undefined || request.tool_choice === "none"
        ? undefined
        : { name, parameters: tool?.function?.parameters ?? tool?.input_schema }
  }
}

const textOf = ({ content }: Message): string => {
  if (typeof content === "string") return content
  if (content == null) return ""
  return content.map((part) => part.text ?? "").join("")
}

/** At Anthropic, tool results are in a user message: the question comes before them. */
const asks = ({ content, role }: Message): boolean =>
  role === "user" && (typeof content === "string" || content == null || content.some(({ type }) => type === "text"))

const calls = ({ content, tool_calls }: Message): boolean =>
  (tool_calls !== undefined && tool_calls.length > 0) ||
  (Array.isArray(content) && content.some((part: Part) => part.type === "tool_use"))
