/**
 * The part of a `Response` that SDKs read, without the streams and headers of a whole one.
 */
import type { Dispatcher } from "undici"

/** The other side sent more than `maxResponseBytes`; its connection is closed. */
export class ResponseTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`the response is longer than ${maxBytes} bytes`)
    this.name = "ResponseTooLarge"
  }
}

export const abortError = () => new DOMException("This operation was aborted", "AbortError")

/** Bytes that may wait for a reader before the socket is paused. */
const highWaterMark = 256 * 1024

/**
 * How long a body that nobody reads to its end may go on, in the hope that the connection can be
 * kept.
 */
const drainMillis = 250

/**
 * Of chunks shorter than this, in bytes, so many at once become one: each object takes more memory
 * than a few bytes.
 */
const smallBytes = 4 * 1024
const gatheredAtOnce = 64

/** Bytes that wait for their reader. */
class Bytes {
  #chunks: Array<Buffer> = []
  /** Small chunks at the end. */
  #small = 0
  size = 0

  push(chunk: Buffer): void {
    this.size += chunk.length
    this.#chunks.push(chunk)
    this.#small = chunk.length < smallBytes ? this.#small + 1 : 0
    if (this.#small < gatheredAtOnce) return
    this.#chunks.push(Buffer.concat(this.#chunks.splice(-gatheredAtOnce)))
    this.#small = 0
  }

  /** All of them, which are forgotten here. */
  take(): Buffer {
    const [first] = this.#chunks
    const bytes = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.size)
    this.clear()
    return bytes
  }

  clear(): void {
    this.#chunks = []
    this.#small = 0
    this.size = 0
  }
}

/** The bytes of a response, as they come. One reader. */
export class Body implements AsyncIterableIterator<Buffer> {
  readonly #controller: Dispatcher.DispatchController
  readonly #maxBytes: number
  #received = 0
  readonly #bytes = new Bytes()
  #state: "open" | "ended" | "failed" | "discarded" = "open"
  #error: unknown
  #wake: (() => void) | undefined
  #whole = false

  constructor(controller: Dispatcher.DispatchController, maxBytes: number) {
    this.#controller = controller
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): void {
    if (this.#state !== "open") return
    this.#received += chunk.length
    if (this.#received > this.#maxBytes) {
      const error = new ResponseTooLarge(this.#maxBytes)
      this.#bytes.clear()
      this.fail(error)
      this.#controller.abort(error)
      return
    }
    this.#bytes.push(chunk)
    if (this.#whole) return
    if (this.#bytes.size > highWaterMark) this.#controller.pause()
    this.#notify()
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended"
    this.#notify()
  }

  fail(error: unknown): void {
    if (this.#state === "open") {
      this.#state = "failed"
      this.#error = error
    }
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** All that is left, when it has come. */
  bytes(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        if (this.#state === "failed") return reject(this.#error)
        resolve(this.#bytes.take())
      }
      if (this.#state !== "open") return finish()
      this.#whole = true
      this.#wake = finish
      if (this.#controller.paused) this.#controller.resume()
    })
  }

  /** The next bytes: all that have come since the last time. */
  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#bytes.size === 0 && this.#state === "open") {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        if (this.#controller.paused) this.#controller.resume()
      })
    }
    if (this.#bytes.size > 0) return { done: false, value: this.#bytes.take() }
    if (this.#state === "failed") throw this.#error
    return { done: true, value: undefined }
  }

  /**
   * The reader wants no more. What is about to end by itself may, so that the connection is kept;
   * otherwise it is closed.
   */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#state === "open") {
      this.#state = "discarded"
      this.#bytes.clear()
      if (this.#controller.paused) this.#controller.resume()
      const timer = setTimeout(() => this.#controller.abort(abortError()), drainMillis)
      timer.unref()
      this.#wake = () => clearTimeout(timer)
    }
    return { done: true, value: undefined }
  }

  async cancel(): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

export class LeanHeaders {
  readonly #headers: { readonly [name: string]: string | Array<string> | undefined }

  constructor(headers: { readonly [name: string]: string | Array<string> | undefined }) {
    this.#headers = headers
  }

  get(name: string): string | null {
    const value = this.#headers[name.toLowerCase()]
    return value === undefined ? null : typeof value === "string" ? value : value.join(", ")
  }

  has(name: string): boolean {
    return this.#headers[name.toLowerCase()] !== undefined
  }

  *entries(): Generator<[string, string]> {
    for (const name of Object.keys(this.#headers)) yield [name, this.get(name) ?? ""]
  }

  *keys(): Generator<string> {
    yield* Object.keys(this.#headers)
  }

  forEach(each: (value: string, name: string) => void): void {
    for (const [name, value] of this.entries()) each(value, name)
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries()
  }
}

export class LeanResponse {
  readonly ok: boolean
  readonly status: number
  readonly statusText: string
  readonly url: string
  readonly redirected = false
  readonly headers: LeanHeaders
  readonly body: Body
  bodyUsed = false

  constructor(
    url: string,
    status: number,
    statusText: string,
    headers: { readonly [name: string]: string | Array<string> | undefined },
    body: Body
  ) {
    this.ok = status >= 200 && status < 300
    this.status = status
    this.statusText = statusText
    this.url = url
    this.headers = new LeanHeaders(headers)
    this.body = body
  }

  async bytes(): Promise<Buffer> {
    this.bodyUsed = true
    return this.body.bytes()
  }

  async text(): Promise<string> {
    const bytes = await this.bytes()
    // Without a byte order mark, as `fetch` does it.
    const start = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
    return bytes.toString("utf8", start)
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async arrayBuffer(): Promise<ArrayBufferLike> {
    const bytes = await this.bytes()
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
  }
}
