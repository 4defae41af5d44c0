/**
 * A provider that speaks OpenAI's chat completions and answers only when it is told to: tests decide what is under way and for how long.
 * A request belongs to the gate that its prompt names: `[gate:draft]`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

/** A request that waits for its answer. */
export interface Waiting {
  /** Writes a piece of the answer. */
  readonly write: (piece: string) => void
  /** Ends the answer, with a last piece. */
  readonly answer: (piece: string) => void
  /** Resolves when the client has hung up before it had its answer. */
  readonly left: Promise<void>
}

export interface Gates {
  readonly baseUrl: string
  /** The next request at this gate, which may have come already. */
  readonly next: (gate: string) => Promise<Waiting>
  /** How many requests have come to this gate. */
  readonly count: (gate: string) => number
  readonly close: () => void
}

/** The part of a description that leads to a gate. */
export const to = (gate: string): string => `[gate:${gate}]`

const waiting = (response: ServerResponse, model: string, isStream: boolean): Waiting => {
  const common = { id: "chatcmpl-1", created: 1, model }
  let text = ""
  const chunk = (delta: object, more: object = {}) =>
    response.write(
      `data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`
    )
  const write = (piece: string) => {
    text += piece
    if (!isStream) return
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" })
    chunk({ role: "assistant", content: piece })
  }
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  return {
    write,
    answer: (piece) => {
      write(piece)
      if (isStream) {
        chunk({}, { finish_reason: "stop" })
        response.write(
          `data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices: [], usage })}\n\n`
        )
        return response.end("data: [DONE]\n\n")
      }
      response.writeHead(200, { "content-type": "application/json" })
      const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: text } }]
      response.end(JSON.stringify({ ...common, object: "chat.completion", choices, usage }))
    },
    left: new Promise((resolve) => {
      response.once("close", () => {
        if (!response.writableEnded) resolve()
      })
    })
  }
}

export const start = async (): Promise<Gates> => {
  const arrived = new Map<string, Array<Waiting>>()
  const wanted = new Map<string, Array<(waiting: Waiting) => void>>()
  const counts = new Map<string, number>()
  const listOf = <A>(map: Map<string, Array<A>>, gate: string) => {
    const list = map.get(gate) ?? []
    map.set(gate, list)
    return list
  }
  const accept = async (request: IncomingMessage, response: ServerResponse) => {
    let body = ""
    for await (const piece of request) body += String(piece)
    const { model, stream } = JSON.parse(body) as { readonly model: string; readonly stream?: boolean }
    const gate = /\[gate:([\w-]+)\]/.exec(body)?.[1] ?? "none"
    counts.set(gate, (counts.get(gate) ?? 0) + 1)
    const here = waiting(response, model, stream === true)
    const resolve = listOf(wanted, gate).shift()
    if (resolve === undefined) listOf(arrived, gate).push(here)
    else resolve(here)
  }
  const server = createServer((request, response) => void accept(request, response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    next: (gate) => {
      const here = listOf(arrived, gate).shift()
      return here === undefined ? new Promise((resolve) => listOf(wanted, gate).push(resolve)) : Promise.resolve(here)
    },
    count: (gate) => counts.get(gate) ?? 0,
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}
