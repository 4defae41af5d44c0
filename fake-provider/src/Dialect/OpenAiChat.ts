/**
 * OpenAI's chat completions. Source: https://developers.openai.com/api/reference/resources/chat
 */
import type { Dialect, Reply, Schema, Usage } from "../Dialect.ts"
import * as Chat from "./Chat.ts"

interface Request extends Chat.Request {
  readonly response_format?: { readonly json_schema?: { readonly schema?: Schema } }
}

export const dialect: Dialect = {
  name: "OpenAI's chat completions",
  matches: (path) => path.includes("/chat/completions"),
  read: (body) => {
    const request = body as Request
    return { ...Chat.read(request), schema: request.response_format?.json_schema?.schema }
  },
  whole: ({ calls, model, number, reasoning, stop, text, usage }) =>
    JSON.stringify(
      completion(
        {
          ...(reasoning !== "" && { reasoning_content: reasoning }),
          ...(text !== "" && { content: text }),
          ...(calls.length > 0 && { tool_calls: calls.map((call) => functionCall(call)) })
        },
        { id: `chatcmpl-${number}`, model, usage: tokens(usage) },
        finishOf({ calls, stop })
      )
    ),
  streamType: "text/event-stream",
  stream: (reply) => {
    const head = `data: {"id":"chatcmpl-${reply.number}","object":"chat.completion.chunk","created":1,"model":${JSON.stringify(reply.model)},"choices":`
    const chunk = (delta: string, finish = "null") => [
      `${head}[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`
    ]
    let index = 0
    return {
      begin: () => chunk('{"role":"assistant","content":""}'),
      reasoning: (piece) => chunk(`{"reasoning_content":${JSON.stringify(piece)}}`),
      text: (piece) => chunk(`{"content":${JSON.stringify(piece)}}`),
      call: (call, pieces) => {
        const at = index++
        const opening = JSON.stringify({ index: at, ...functionCall({ ...call, arguments: "" }) })
        return [
          ...chunk(`{"tool_calls":[${opening}]}`),
          ...pieces.flatMap((piece) =>
            chunk(`{"tool_calls":[{"index":${at},"function":{"arguments":${JSON.stringify(piece)}}}]}`)
          )
        ]
      },
      end: () => [
        ...chunk("{}", `"${finishOf(reply)}"`),
        `${head}[],"usage":${JSON.stringify(tokens(reply.usage))}}\n\n`,
        "data: [DONE]\n\n"
      ]
    }
  },
  failure: (error) => JSON.stringify({ error }),
  requestIdHeader: "x-request-id"
}

/** A completion with this message. */
export const completion = (message: object, rest: object = {}, finishReason: string | null = "stop") => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "model-2026",
  choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: finishReason }],
  usage: tokens({ input: 100, cached: 40, written: 0, output: 20, reasoning: 5 }),
  ...rest
})

/** One event of a stream. */
export const event = (delta: object, finishReason: string | null = null, rest: object = {}): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", model: "model-2026", choices: [{ index: 0, delta, finish_reason: finishReason }], ...rest })}\n\n`

const functionCall = ({ arguments: json, id, name }: Reply["calls"][number]) => ({
  id,
  type: "function",
  function: { name, arguments: json }
})

const finishOf = ({ calls, stop }: Pick<Reply, "calls" | "stop">): string =>
  stop ?? (calls.length > 0 ? "tool_calls" : "stop")

const tokens = ({ cached, input, output, reasoning, written }: Usage) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached, ...(written > 0 && { cache_write_tokens: written }) },
  completion_tokens_details: { reasoning_tokens: reasoning }
})

/** The event with the usage, which is the last of a stream. */
export const usageEvent = `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [], usage: { prompt_tokens: 10, completion_tokens: 3 } })}\n\n`
