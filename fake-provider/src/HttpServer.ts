/**
 * As much of an HTTP/1.1 server as clients of model APIs need, on raw sockets: a request costs
 * about 15 µs with its answer, so that benchmarks measure the caller. Requests on one connection
 * are answered one after another. Bodies need a `content-length`.
 */
import { createServer, type Server, type Socket } from "node:net"
import { Responder } from "./Responder.ts"

export interface RawRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** The request line and the headers. */
  readonly head: string
  readonly body: string
}

export interface Options {
  readonly onRequest: (request: RawRequest, response: Responder) => void
  /** The client has closed a connection before its answer was complete. */
  readonly onAborted: () => void
  readonly port?: number
  readonly host?: string
}

export interface HttpServer {
  readonly port: number
  /** Connections that were opened so far. */
  readonly connections: () => number
  /** Connections that are open. */
  readonly open: () => number
  readonly close: () => Promise<void>
}

const separator = Buffer.from("\r\n\r\n")
const contentLength = /\r\ncontent-length: *(\d+)/i

export const listen = async (options: Options): Promise<HttpServer> => {
  const { host = "127.0.0.1", onAborted, onRequest, port = 0 } = options
  const sockets = new Set<Socket>()
  let connections = 0
  let requests = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    let pending: Buffer = Buffer.alloc(0)
    let response: Responder | undefined
    const take = (): void => {
      while (response === undefined) {
        const end = pending.indexOf(separator)
        if (end === -1) return
        const head = pending.toString("latin1", 0, end)
        const length = Number(contentLength.exec(head)?.[1] ?? 0)
        const start = end + separator.length
        if (pending.length < start + length) return
        const body = pending.toString("utf8", start, start + length)
        pending = pending.subarray(start + length)
        let isNow = true
        const current = new Responder(socket, ++requests, () => {
          response = undefined
          if (!isNow) take()
        })
        response = current
        const [method = "", path = ""] = head.slice(0, head.indexOf("\r\n")).split(" ", 2)
        onRequest({ method, path, head, body }, current)
        isNow = false
      }
    }
    socket.on("data", (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      take()
    })
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      sockets.delete(socket)
      if (response?.close() === true) onAborted()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return {
    port: portOf(server),
    connections: () => connections,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
  }
}

const portOf = (server: Server): number => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("The fake provider listens at no port.")
  return address.port
}

/** The headers of a request by their names in lower case; the last of several counts. */
export const headersOf = ({ head }: RawRequest): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":")
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return headers
}
