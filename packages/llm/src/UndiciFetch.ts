/**
 * A `fetch` for official SDKs over undici's dispatcher, for less CPU: a call through the `openai`
 * SDK costs 246 µs with it and 462 µs with Node's own (50 at once; `npm run bench -- model-call`),
 * because no WHATWG `Request`, `Response` or stream is made.
 *
 * It does what SDKs use and no more: request bodies are strings or bytes; the response has `ok`,
 * `status`, `headers`, `url`, `text()`, `json()`, `arrayBuffer()` and a `body` to iterate over or
 * to cancel. Redirects are not followed (a key must not travel to another address). Aborting the
 * signal destroys the connection, also in the middle of a body. Proxies of the environment are used
 * (`UndiciFetch/Proxy`), except for addresses that are guarded: a proxy would look their names up
 * itself.
 */
import * as Undici from "undici"
import type { Dispatcher } from "undici"
import type { AddressGuard } from "./AddressGuard.ts"
import * as Decoding from "./UndiciFetch/Decoding.ts"
import { abortError, Body, LeanResponse } from "./UndiciFetch/LeanResponse.ts"
import * as Proxy from "./UndiciFetch/Proxy.ts"
import * as RuntimeFetch from "./UndiciFetch/RuntimeFetch.ts"

/** Options of `make`. */
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

export { UnknownEncoding } from "./UndiciFetch/Decoding.ts"
export { ResponseTooLarge } from "./UndiciFetch/LeanResponse.ts"

/** The signature of `fetch`, as far as SDKs use it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A kept connection is closed when it was idle for so long, unless the server asks for less. */
const keepAliveTimeout = 10_000

/**
 * A `fetch` with its own pool of connections per origin. Idle connections do not keep the process
 * alive.
 */
export const make = (options: Options = {}): Fetch => {
  const { addressGuard, connections = null, maxResponseBytes = 32 * 1024 * 1024, silenceMillis = 600_000 } = options
  // Bun puts something else in the place of undici.
  if (typeof Undici.Pool?.prototype?.dispatch !== "function") {
    return RuntimeFetch.make({ ...options, maxResponseBytes, silenceMillis })
  }
  const pools = new Map<string, Dispatcher>()
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
      const limits = {
        connections,
        keepAliveTimeout,
        headersTimeout: silenceMillis,
        bodyTimeout: silenceMillis
      }
      const connectTimeout = Math.min(silenceMillis, 30_000)
      const proxy = lookup === undefined ? Proxy.of(parsed, process.env) : undefined
      pool =
        proxy === undefined
          ? new Undici.Pool(origin, {
              ...limits,
              connect: { timeout: connectTimeout, ...(lookup !== undefined && { lookup }) }
            })
          : new Undici.ProxyAgent({ ...limits, uri: proxy, connectTimeout })
      pools.set(origin, pool)
    }
    const target = { pool, origin, path: pathname + search }
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
      const { origin, path, pool } = targetOf(url)
      const signal = init.signal ?? undefined
      if (signal?.aborted === true) return reject(abortError())
      const { body } = init
      if (body != null && typeof body !== "string" && !(body instanceof Uint8Array)) {
        return reject(new TypeError("This fetch sends strings and bytes only."))
      }
      pool.dispatch(
        {
          origin,
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
  readonly pool: Dispatcher
  readonly origin: string
  readonly path: string
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #url: string
  readonly #maxBytes: number
  readonly #signal: AbortSignal | undefined
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #body: Body | undefined
  #decoder: Decoding.Decoder | undefined

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
    const body = new Body(controller, this.#maxBytes)
    try {
      this.#decoder = Decoding.make(headers["content-encoding"], {
        push: (chunk) => body.push(chunk),
        end: () => body.end(),
        fail: (error) => body.fail(error)
      })
    } catch (error) {
      this.#reject(error)
      controller.abort(error instanceof Error ? error : abortError())
      return
    }
    this.#body = body
    const response = new LeanResponse(this.#url, status, statusText ?? "", headers, this.#body)
    // The SDK is given what it reads of a Response, not all of it: a whole one costs more than the
    // request. What is missing here is what no SDK of ours calls (`clone`, `formData`, `blob`).
    this.#resolve(response as unknown as Response)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#decoder === undefined) this.#body?.push(chunk)
    else this.#decoder.push(chunk)
  }

  onResponseEnd(): void {
    this.#signal?.removeEventListener("abort", this.#abort)
    if (this.#decoder === undefined) this.#body?.end()
    else this.#decoder.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#signal?.removeEventListener("abort", this.#abort)
    if (this.#body === undefined) this.#reject(error)
    else this.#body.fail(error)
  }
}
