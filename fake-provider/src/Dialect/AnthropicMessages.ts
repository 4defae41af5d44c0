/**
 * Anthropic's messages. Source: https://platform.claude.com/docs/en/api/messages
 */
import type { Dialect, Reply, Schema, Usage } from "../Dialect.ts"
import * as Chat from "./Chat.ts"

interface Request extends Chat.Request {
  readonly output_config?: { readonly format?: { readonly schema?: Schema } }
}

export const dialect: Dialect = {
  name: "Anthropic's messages",
  matches: (path) => path.includes("/v1/messages"),
  read: (body) => {
    const request = body as Request
    return { ...Chat.read(request), schema: request.output_config?.format?.schema }
  },
  whole: (reply) => {
    const message = JSON.stringify({ ...messageOf(reply, [], tokens(reply.usage)), stop_reason: stopReason(reply) })
    return message.replace('"content":[]', () => `"content":[${blocksOf(reply).join(",")}]`)
  },
  streamType: "text/event-stream",
  stream: (reply) => {
    let index = -1
    let open: "text" | "thinking" | undefined
    const close = (): ReadonlyArray<string> => {
      if (open === undefined) return []
      const signed = open === "thinking" ? [delta(index, '{"type":"signature_delta","signature":"sig"}')] : []
      open = undefined
      return [...signed, stop(index)]
    }
    const grow = (type: "text" | "thinking", piece: string): ReadonlyArray<string> => {
      const before: Array<string> = []
      if (open !== type) {
        before.push(...close())
        open = type
        index += 1
        const empty = type === "text" ? '"text":""' : '"thinking":"","signature":""'
        before.push(start(index, `{"type":"${type}",${empty}}`))
      }
      return [...before, delta(index, `{"type":"${type}_delta","${type}":${JSON.stringify(piece)}}`)]
    }
    return {
      begin: () => [
        event("message_start", `,"message":${JSON.stringify(messageOf(reply, [], begun(reply.usage)))}`),
        event("ping", "")
      ],
      reasoning: (piece) => grow("thinking", piece),
      text: (piece) => grow("text", piece),
      call: (call, pieces) => {
        const out = [...close()]
        index += 1
        const opening = JSON.stringify({ type: "tool_use", id: call.id, name: call.name, input: {} })
        out.push(start(index, opening))
        for (const piece of pieces) {
          out.push(delta(index, `{"type":"input_json_delta","partial_json":${JSON.stringify(piece)}}`))
        }
        out.push(stop(index))
        return out
      },
      end: () => {
        const { output, reasoning } = reply.usage
        const usage = { output_tokens: output, output_tokens_details: { thinking_tokens: reasoning } }
        const ended = { stop_reason: stopReason(reply), stop_sequence: null }
        return [
          ...close(),
          event("message_delta", `,"delta":${JSON.stringify(ended)},"usage":${JSON.stringify(usage)}`),
          event("message_stop", "")
        ]
      }
    }
  },
  failure: ({ message, type }) => JSON.stringify({ type: "error", error: { type, message } }),
  requestIdHeader: "request-id"
}

const event = (type: string, rest: string): string => `event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`
const start = (index: number, block: string) =>
  event("content_block_start", `,"index":${index},"content_block":${block}`)
const delta = (index: number, json: string) => event("content_block_delta", `,"index":${index},"delta":${json}`)
const stop = (index: number) => event("content_block_stop", `,"index":${index}`)

/** A message, including any errors that a test wants in it. */
export const messageOf = (
  { model, number }: Pick<Reply, "model" | "number">,
  content: ReadonlyArray<object>,
  usage: object
) => ({
  id: `msg_${number}`,
  type: "message",
  role: "assistant",
  model,
  content,
  stop_reason: null,
  stop_sequence: null,
  usage
})

/**
 * The blocks as JSON. Arguments are not parsed and serialized again, because they may be nested too
 * deeply for that.
 */
const blocksOf = ({ calls, reasoning, text }: Reply): ReadonlyArray<string> => [
  ...(reasoning === "" ? [] : [JSON.stringify({ type: "thinking", thinking: reasoning, signature: "sig" })]),
  ...(text === "" ? [] : [JSON.stringify({ type: "text", text })]),
  ...calls.map(({ arguments: json, id, name }) => {
    const head = JSON.stringify({ type: "tool_use", id, name })
    return `${head.slice(0, -1)},"input":${inputOf(json)}}`
  })
]

/** Arguments that are not JSON stay the text that they are. */
const inputOf = (json: string): string => {
  try {
    JSON.parse(json || "{}")
    return json || "{}"
  } catch {
    return JSON.stringify(json)
  }
}

const stopReason = ({ calls, stop: early }: Reply): string =>
  early === "length" ? "max_tokens" : calls.length > 0 ? "tool_use" : "end_turn"

/** The provider's input tokens exclude those read from or written to its cache. */
const tokens = ({ cached, input, output, reasoning, written }: Usage) => ({
  input_tokens: input - cached - written,
  cache_read_input_tokens: cached,
  cache_creation_input_tokens: written,
  output_tokens: output,
  output_tokens_details: { thinking_tokens: reasoning }
})

const begun = (usage: Usage) => ({ ...tokens(usage), output_tokens: 1, output_tokens_details: null })
