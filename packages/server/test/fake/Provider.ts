/**
 * A provider that speaks OpenAI's chat completions, on loopback: it remembers what it was asked.
 */
import { createServer, type IncomingMessage } from "node:http"

export interface Call {
  readonly path: string
  /** The key, as it came. */
  readonly authorization: string | undefined
  readonly model: string
}

export interface Provider {
  /** Where the API begins. */
  readonly baseUrl: string
  readonly calls: ReadonlyArray<Call>
  readonly close: () => void
}

const header = (request: IncomingMessage, name: string) => request.headers[name]?.toString()

const read = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

/** A failure instead of an answer: the body is sent as it is. */
export interface Refusal {
  readonly status: number
  readonly body: object
  readonly headers?: Record<string, string>
}

type Reply = string | Refusal

/** Answers every request with this text, or with what is said to the call. */
export const start = async (reply: Reply | ((call: Call) => Reply | Promise<Reply>)): Promise<Provider> => {
  const calls: Array<Call> = []
  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      const { model, stream }: { model: string; stream?: boolean } = JSON.parse(body)
      const path = request.url ?? ""
      const call = { path, authorization: request.headers.authorization ?? header(request, "x-api-key"), model }
      calls.push(call)
      const replied = typeof reply === "function" ? await reply(call) : reply
      if (typeof replied !== "string") {
        response.writeHead(replied.status, { "content-type": "application/json", ...replied.headers })
        return response.end(JSON.stringify(replied.body))
      }
      const text = replied
      const common = { id: "chatcmpl-1", created: 1, model }
      const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
      if (stream !== true) {
        response.writeHead(200, { "content-type": "application/json" })
        const message = { role: "assistant", content: text }
        const choices = [{ index: 0, finish_reason: "stop", message }]
        return response.end(JSON.stringify({ ...common, object: "chat.completion", choices, usage }))
      }
      response.writeHead(200, { "content-type": "text/event-stream" })
      const chunk = (fields: object) =>
        response.write(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", ...fields })}\n\n`)
      chunk({ choices: [{ index: 0, delta: { role: "assistant", content: text }, finish_reason: null }] })
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
      chunk({ choices: [], usage })
      response.end("data: [DONE]\n\n")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    calls,
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}
