/**
 * OpenAI's responses. Source: https://developers.openai.com/api/reference/resources/responses
 */
import type { Dialect, Question, Reply, Schema, Usage } from "../Dialect.ts"

interface InputItem {
  readonly type?: string
  readonly role?: string
  readonly content?: string | ReadonlyArray<{ readonly text?: string }>
}

interface Request {
  readonly model: string
  readonly input: string | ReadonlyArray<InputItem>
  readonly stream?: boolean
  readonly tools?: ReadonlyArray<{ readonly name: string; readonly parameters?: Schema }>
  readonly tool_choice?: unknown
  readonly text?: { readonly format?: { readonly schema?: Schema } }
}

type Item = { readonly type: string; readonly [field: string]: unknown }

export const dialect: Dialect = {
  name: "OpenAI's responses",
  matches: (path) => path.includes("/responses"),
  read: (body) => read(body as Request),
  whole: (reply) => JSON.stringify(last(reply)),
  streamType: "text/event-stream",
  stream: (reply) => {
    let items = 0
    /** The item that is being streamed. */
    let growing: { readonly type: PartType; text: string } | undefined
    const close = (): ReadonlyArray<string> => {
      if (growing === undefined) return []
      const { text, type } = growing
      const { kind, place } = partOf(type, items)
      growing = undefined
      return [
        event({ type: `${kind.delta}.done`, ...place, text }),
        event({ type: `${kind.part}.done`, ...place, part: kind.whole(text) }),
        event({ type: "response.output_item.done", output_index: items++, item: itemOf(type, text) })
      ]
    }
    const open = (type: PartType): ReadonlyArray<string> => {
      const before = close()
      growing = { type, text: "" }
      const { kind, place } = partOf(type, items)
      return [
        ...before,
        event({ type: "response.output_item.added", output_index: items, item: kind.begun }),
        event({ type: `${kind.part}.added`, ...place, part: kind.whole("") })
      ]
    }
    const grow = (type: PartType, piece: string): ReadonlyArray<string> => {
      const before = growing?.type === type ? [] : open(type)
      if (growing !== undefined) growing.text += piece
      const { kind, place } = partOf(type, items)
      return [...before, event({ type: `${kind.delta}.delta`, ...place, delta: piece })]
    }
    return {
      begin: () => {
        const response = responseOf(reply, "in_progress", [])
        return ["response.created", "response.in_progress"].map((type) => event({ type, response }))
      },
      reasoning: (piece) => grow("reasoning", piece),
      text: (piece) => grow("message", piece),
      call: (call, pieces) => {
        const out = [...close()]
        const item = functionCall(call, items)
        const place = { item_id: item["id"], output_index: items++ }
        const opening = { ...item, arguments: "", status: "in_progress" }
        const type = "response.function_call_arguments.delta"
        out.push(
          event({ type: "response.output_item.added", output_index: place.output_index, item: opening }),
          ...pieces.map((delta) => event({ type, ...place, delta })),
          event({ type: "response.output_item.done", output_index: place.output_index, item })
        )
        return out
      },
      end: () => {
        const response = last(reply)
        return [...close(), event({ type: `response.${response.status}`, response })]
      }
    }
  },
  failure: (error) => JSON.stringify({ error }),
  requestIdHeader: "x-request-id"
}

const read = (request: Request): Question => {
  const items: ReadonlyArray<InputItem> =
    typeof request.input === "string" ? [{ role: "user", content: request.input }] : request.input
  const content = items.findLast(({ role }) => role === "user")?.content ?? ""
  const [tool] = request.tools ?? []
  return {
    model: request.model,
    messages: items.length,
    prompt: typeof content === "string" ? content : content.map(({ text }) => text ?? "").join(""),
    called: items.filter(({ type }, at) => type === "function_call" && items[at - 1]?.type !== "function_call").length,
    stream: request.stream === true,
    tool:
      tool === undefined || request.tool_choice === "none"
        ? undefined
        : { name: tool.name, parameters: tool.parameters },
    schema: request.text?.format?.schema
  }
}

const event = (data: Item): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

type PartType = "message" | "reasoning"

/** The streamed events of an item with text: of the item, of its part, and of the part's text. */
const kinds = {
  message: {
    id: "msg_1",
    index: "content_index",
    part: "response.content_part",
    delta: "response.output_text",
    whole: (text: string) => ({ type: "output_text", text, annotations: [] }),
    begun: { type: "message", id: "msg_1", role: "assistant", status: "in_progress", content: [] }
  },
  reasoning: {
    id: "rs_1",
    index: "summary_index",
    part: "response.reasoning_summary_part",
    delta: "response.reasoning_summary_text",
    whole: (text: string) => ({ type: "summary_text", text }),
    begun: { type: "reasoning", id: "rs_1", summary: [] }
  }
}

const partOf = (type: PartType, index: number) => {
  const kind = kinds[type]
  return { kind, place: { item_id: kind.id, output_index: index, [kind.index]: 0 } }
}

const itemOf = (type: PartType, text: string): Item =>
  type === "message"
    ? { ...kinds.message.begun, status: "completed", content: [kinds.message.whole(text)] }
    : { ...kinds.reasoning.begun, summary: [kinds.reasoning.whole(text)], encrypted_content: "gAAAA" }

const functionCall = (call: Reply["calls"][number], index: number): Item => ({
  type: "function_call",
  id: `fc_${index}`,
  call_id: call.id,
  name: call.name,
  arguments: call.arguments,
  status: "completed"
})

const last = (reply: Reply) => {
  const output: Array<Item> = []
  if (reply.reasoning !== "") output.push(itemOf("reasoning", reply.reasoning))
  if (reply.text !== "") output.push(itemOf("message", reply.text))
  for (const call of reply.calls) output.push(functionCall(call, output.length))
  return reply.stop === "length"
    ? { ...responseOf(reply, "incomplete", output), incomplete_details: { reason: "max_output_tokens" } }
    : responseOf(reply, "completed", output)
}

/** The response object, including any errors that a test wants in it. */
export const responseOf = (
  { model, number, usage }: Pick<Reply, "model" | "number" | "usage">,
  status: string,
  output: ReadonlyArray<object>
) => ({
  id: `resp_${number}`,
  object: "response",
  created_at: 1,
  model,
  status,
  error: null,
  incomplete_details: null,
  output,
  usage: status === "in_progress" ? null : tokens(usage)
})

const tokens = ({ cached, input, output, reasoning, written }: Usage) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached, ...(written > 0 && { cache_write_tokens: written }) },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output
})
