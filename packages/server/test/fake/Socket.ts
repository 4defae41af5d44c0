/** A WebSocket client that keeps the messages it receives. */
import { WebSocket } from "ws"

export interface Message {
  readonly seq?: number
  readonly type: string
  readonly [field: string]: unknown
}

export interface Client {
  readonly socket: WebSocket
  /** All messages, deltas included. */
  readonly messages: Array<Message>
  /** The numbers of the stored events, in the order received. */
  readonly seqs: () => ReadonlyArray<number>
  /** Resolves when the connection is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** Resolves as soon as a message satisfies `test`. */
  readonly until: (test: (message: Message) => boolean) => Promise<Message>
}

/** Addresses of sockets begin with `ws`; without an execution, the address of the feed. */
const addressOf = (url: string, executionId: string | undefined, query: string) =>
  `${url.replace("http", "ws")}/api/v1/${executionId === undefined ? "feed" : `executions/${executionId}`}/ws${query}`

export const open = (
  url: string,
  executionId: string | undefined,
  after?: number | string,
  headers?: Record<string, string>
): Client => {
  const query = after === undefined ? "" : `?after=${after}`
  const socket = new WebSocket(addressOf(url, executionId, query), {
    perMessageDeflate: false,
    ...(headers !== undefined && { headers })
  })
  const messages: Array<Message> = []
  const waiting = new Set<(message: Message) => void>()
  socket.on("message", (data: Buffer) => {
    const message: Message = JSON.parse(data.toString())
    messages.push(message)
    for (const wake of waiting) wake(message)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }))
  })
  socket.on("error", () => undefined)
  return {
    socket,
    messages,
    seqs: () => messages.flatMap(({ seq }) => (seq === undefined ? [] : [seq])),
    closed,
    until: (test) =>
      new Promise((resolve) => {
        const found = messages.find(test)
        if (found !== undefined) return resolve(found)
        const wake = (message: Message) => {
          if (!test(message)) return
          waiting.delete(wake)
          resolve(message)
        }
        waiting.add(wake)
      })
  }
}

/** The result of opening a socket: the status of the refusal, or the close code. */
export const outcome = (
  url: string,
  executionId: string | undefined,
  options: { readonly query?: string; readonly headers?: Record<string, string> } = {}
): Promise<number> =>
  new Promise((resolve) => {
    const { headers = {}, query = "" } = options
    const socket = new WebSocket(addressOf(url, executionId, query), { perMessageDeflate: false, headers })
    socket.on("unexpected-response", (request, response) => {
      response.resume()
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on("error", () => undefined)
    socket.on("close", (code) => resolve(code))
  })

/** 1, 2, … n. */
export const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, index) => index + 1)
