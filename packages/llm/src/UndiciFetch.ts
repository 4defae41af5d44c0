/**
 * A `fetch` for official SDKs over undici's dispatcher, for less CPU: a call through the `openai`
 * SDK costs 246 µs with it and 462 µs with Node's own (50 at once; `npm run bench -- model-call`),
 * because no WHATWG `Request`, `Response` or stream is made.
 *
 * It does what SDKs use and no more: request bodies are strings or bytes; the response has `ok`,
 * `status`, `headers`, `url`, `text()`, `json()`, `arrayBuffer()` and a `body` to iterate over or
 * to cancel. Redirects are not followed (a key must not travel to another address). Aborting the
 * signal destroys the connection, also in the middle of a body.
 */
import { type Dispatcher, Pool } from "undici"
import type { AddressGuard } from "./AddressGuard.ts"

/** What `make` can be told. */
export interface Options {
  /** Connections to one origin; absent: as many as there are requests at once. */
  readonly connections?: number
  /**
   * How long the other side may stay silent, before the first byte and between two, in
   * milliseconds. Default: 10 minutes.
   */
  readonly silenceMillis?: number
  /**
   * The longest body of a response, in bytes; a longer one fails with `ResponseTooLarge`. Default:
   * 32 MiB.
   */
  readonly maxResponseBytes?: number
  /** Which addresses may be called; absent: any. */
  readonly addressGuard?: AddressGuard | undefined
}

/** The other side sent more than `maxResponseBytes`; its connection is closed. */
export class ResponseTooLarge extends Error {
  constructor(maxBytes: number) {
    super(`the response is longer than ${maxBytes} bytes`)
    this.name = "ResponseTooLarge"
  }
}

/** The signature of `fetch`, as far as SDKs use it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A kept connection is closed when it was idle for so long, unless the server asks for less. */
const keepAliveTimeout = 10_000

/** Bytes that may wait for a reader before the socket is paused. */
const highWaterMark = 256 * 1024

/**
 * How long a body that nobody reads to its end may go on, in the hope that the connection can be
 * kept.
 */
const drainMillis = 250

/**
 * A `fetch` with its own pool of connections per origin. Idle connections do not keep the process
 * alive.
 */
export const make = (options: Options = {}): Fetch => {
  const { addressGuard, connections = null, maxResponseBytes = 32 * 1024 * 1024, silenceMillis = 600_000 } = options
  const pools = new Map<string, Pool>()
  const targets = new Map<string, Target>()
  const headerLists = new WeakMap<object, Array<string>>()

  const targetOf = (url: string): Target => {
    const known = targets.get(url)
    if (known !== undefined) return known
    const parsed = new URL(url)
    const { origin, pathname, search } = parsed
    addressGuard?.check(parsed)
    let pool = pools.get(origin)
    if (pool === undefined) {
      const lookup = addressGuard?.lookup(parsed)
      pool = new Pool(origin, {
        connections,
        keepAliveTimeout,
        headersTimeout: silenceMillis,
        bodyTimeout: silenceMillis,
        connect: { timeout: Math.min(silenceMillis, 30_000), ...(lookup !== undefined && { lookup }) }
      })
      pools.set(origin, pool)
    }
    const target = { pool, path: pathname + search }
    // An SDK calls a handful of addresses; one with many (ids in paths) is resolved anew each time.
    if (targets.size < 64) targets.set(url, target)
    return target
  }

  // Who sends the same headers with every call may hand over the same frozen object: it is read
  // once.
  const headersOf = (headers: NonNullable<RequestInit["headers"]>): Array<string> => {
    const known = headerLists.get(headers)
    if (known !== undefined) return known
    const list: Array<string> = []
    const entries = Symbol.iterator in headers ? headers : Object.entries(headers)
    for (const [name, value] of entries) if (value !== undefined) list.push(name!, String(value))
    if (Object.isFrozen(headers)) headerLists.set(headers, list)
    return list
  }

  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url
      const { pool, path } = targetOf(url)
      const signal = init.signal ?? undefined
      if (signal?.aborted === true) return reject(abortError())
      const { body } = init
      if (body != null && typeof body !== "string" && !(body instanceof Uint8Array)) {
        return reject(new TypeError("This fetch sends strings and bytes only."))
      }
      pool.dispatch(
        {
          path,
          method: (init.method ?? "GET").toUpperCase(),
          headers: init.headers == null ? [] : headersOf(init.headers),
          body: body ?? null
        },
        new Exchange({ url, maxResponseBytes }, signal, resolve, reject)
      )
    })
}

// --- one request and its response -------------------------------------------------------------------------------------------------

interface Target {
  readonly pool: Pool
  readonly path: string
}

const abortError = () => new DOMException("This operation was aborted", "AbortError")

class Exchange implements Dispatcher.DispatchHandler {
  readonly #url: string
  readonly #maxBytes: number
  readonly #signal: AbortSignal | undefined
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #body: Body | undefined

  constructor(
    { maxResponseBytes, url }: { readonly url: string; readonly maxResponseBytes: number },
    signal: AbortSignal | undefined,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void
  ) {
    this.#url = url
    this.#maxBytes = maxResponseBytes
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
    signal?.addEventListener("abort", this.#abort)
  }

  readonly #abort = (): void => {
    const error = abortError()
    try {
      this.#controller?.abort(error)
    } catch (defect) {
      // A listener of a signal must not throw: it would end the process.
      this.#body?.fail(defect)
    }
    // Not connected yet: undici asks in `onRequestStart`; the caller hears it now.
    if (this.#body === undefined) this.#reject(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#signal?.aborted === true) controller.abort(abortError())
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: { readonly [name: string]: string | Array<string> | undefined },
    statusText?: string
  ): void {
    if (status < 200) return
    this.#body = new Body(controller, this.#maxBytes)
    const response = new LeanResponse(this.#url, status, statusText ?? "", headers, this.#body)
    // The SDK is given what it reads of a Response, not all of it: a whole one costs more than the
    // request. What is missing here is what no SDK of ours calls (`clone`, `formData`, `blob`).
    this.#resolve(response as unknown as Response)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body?.push(chunk)
  }

  onResponseEnd(): void {
    this.#signal?.removeEventListener("abort", this.#abort)
    this.#body?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#signal?.removeEventListener("abort", this.#abort)
    if (this.#body === undefined) this.#reject(error)
    else this.#body.fail(error)
  }
}

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
class Body implements AsyncIterableIterator<Buffer> {
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

class LeanHeaders {
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

class LeanResponse {
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
