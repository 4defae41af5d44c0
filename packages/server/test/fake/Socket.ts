/**
 * A WebSocket client that keeps what it is told.
 */
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
  /** The numbers of the stored events, as they came. */
  readonly seqs: () => ReadonlyArray<number>
  /** Resolves when the connection is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** Resolves as soon as a message holds for `test`. */
  readonly until: (test: (message: Message) => boolean) => Promise<Message>
}

export const open = (url: string, executionId: string, after?: number | string): Client => {
  const query = after === undefined ? "" : `?after=${after}`
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/executions/${executionId}/ws${query}`, {
    perMessageDeflate: false
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

/** 1, 2, … n. */
export const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, index) => index + 1)
