/**
 * Writes one HTTP response on a raw socket, complete or broken in any way a test asks for.
 */
import type { Socket } from "node:net"

export type Headers = Readonly<Record<string, string>>

export class Responder {
  /** The number of the request on this server, from 1. */
  readonly number: number
  readonly #socket: Socket
  readonly #next: () => void
  #extra = ""
  #state: "waiting" | "open" | "ended" = "waiting"
  #isChunked = false
  #onLeft: (() => void) | undefined

  /** `next`: the response is complete, and the connection may take another request. */
  constructor(socket: Socket, number: number, next: () => void) {
    this.#socket = socket
    this.number = number
    this.#next = next
  }

  /** Whether the client is still connected. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#state !== "ended"
  }

  get hasBegun(): boolean {
    return this.#state !== "waiting"
  }

  /** Adds a header to every answer. */
  setHeader(name: string, value: string): void {
    this.#extra += `${name}: ${value}\r\n`
  }

  /** Answers with a whole body. */
  whole(body: string, status = 200, headers = ""): void {
    if (!this.isOpen) return
    const length = Buffer.byteLength(body)
    this.#socket.write(`HTTP/1.1 ${status} X\r\n${headers}${this.#extra}content-length: ${length}\r\n\r\n${body}`)
    this.#finish()
  }

  /** Begins a body that is written in pieces; with a `content-length` they are not framed. */
  begin(status: number, headers: Headers): void {
    this.beginLines(linesOf(headers), status)
  }

  /** The same with the headers as lines. */
  beginLines(headers: string, status = 200): void {
    this.#isChunked = !/^content-length:/im.test(headers)
    const framing = this.#isChunked ? "transfer-encoding: chunked\r\n" : ""
    this.#state = "open"
    this.#socket.write(`HTTP/1.1 ${status} X\r\n${headers}${this.#extra}${framing}\r\n`)
  }

  /** Writes a piece of the body; `sent`: it has left this process. */
  write(piece: string | Buffer, sent?: () => void): void {
    if (!this.isOpen) return
    const done = sent === undefined ? undefined : () => sent()
    // An empty chunk would end the body.
    if (piece.length === 0) {
      if (sent !== undefined) setImmediate(sent)
      return
    }
    if (!this.#isChunked) this.#socket.write(piece, done)
    else if (typeof piece === "string") this.#socket.write(frame(piece), done)
    else {
      this.#socket.write(`${piece.length.toString(16)}\r\n`)
      this.#socket.write(piece)
      this.#socket.write("\r\n", done)
    }
  }

  end(): void {
    if (!this.isOpen) return
    if (this.#isChunked) this.#socket.write("0\r\n\r\n")
    this.#finish()
  }

  /** A chunked body in one write. */
  chunked(body: string, headers: string): void {
    if (!this.isOpen) return
    const head = `HTTP/1.1 200 OK\r\n${headers}${this.#extra}transfer-encoding: chunked\r\n\r\n`
    this.#socket.write(`${head}${frame(body)}0\r\n\r\n`)
    this.#finish()
  }

  /** Closes the connection, regardless of what has been sent. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Answers with bytes that need not be HTTP, and closes the connection. */
  raw(text: string): void {
    this.#socket.end(text)
  }

  /** Resolves when the client has closed the connection before its answer was complete. */
  left(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve()
      else this.#onLeft = resolve
    })
  }

  /** The connection is closed; answers whether that was too early. */
  close(): boolean {
    if (this.#state === "ended") return false
    this.#onLeft?.()
    return true
  }

  #finish(): void {
    this.#state = "ended"
    this.#next()
  }
}

/** Headers as lines of a response. */
export const linesOf = (headers: Headers): string => {
  let lines = ""
  for (const name of Object.keys(headers)) lines += `${name}: ${headers[name]}\r\n`
  return lines
}

const frame = (piece: string): string => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`
