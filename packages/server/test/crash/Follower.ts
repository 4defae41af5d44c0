/**
 * A WebSocket client that follows one execution to its end, across all restarts of the server:
 * after each disconnect it reconnects with the last number that it received.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { WebSocket } from "ws"

/** A stored event as clients see it. */
export interface Event {
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly executionId: string
  readonly taskId?: string
  readonly run?: number
  readonly turn?: number
  readonly [field: string]: unknown
}

export interface Follower {
  /** All stored events, in the order received. */
  readonly events: ReadonlyArray<Event>
  readonly hasEnded: () => boolean
  /** The number of connections. */
  readonly connections: () => number
  /** Called for every stored event. */
  readonly listeners: Set<(event: Event) => void>
  /** Resolves after `ExecutionEnded`, or after `stop`. */
  readonly done: Promise<void>
  readonly stop: () => void
}

/** Connects once; resolves when it is disconnected. */
const connect = (url: string, onMessage: (text: string) => void, onSocket: (socket: WebSocket) => void) =>
  new Promise<void>((resolve) => {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    onSocket(socket)
    socket.on("message", (data) => onMessage((data as Buffer).toString()))
    socket.on("error", () => undefined)
    socket.on("close", () => resolve())
  })

export const follow = (url: string, executionId: string): Follower => {
  const events: Array<Event> = []
  const listeners = new Set<(event: Event) => void>()
  let hasEnded = false
  let stopped = false
  let connections = 0
  let current: WebSocket | undefined

  const receive = (text: string) => {
    const event = JSON.parse(text) as Event
    if (event.seq === undefined) return
    events.push(event)
    if (event.type === "ExecutionEnded") hasEnded = true
    for (const listener of listeners) listener(event)
  }
  const work = async () => {
    while (!hasEnded && !stopped) {
      const after = events.at(-1)?.seq ?? 0
      await connect(
        `${url.replace("http", "ws")}/api/v1/executions/${executionId}/ws?after=${after}`,
        receive,
        (socket) => {
          current = socket
          socket.once("open", () => connections++)
        }
      )
      if (!hasEnded) await sleep(20)
    }
  }
  return {
    events,
    listeners,
    hasEnded: () => hasEnded,
    connections: () => connections,
    done: work(),
    stop: () => {
      stopped = true
      current?.terminate()
    }
  }
}
