/**
 * Requests of tools to the internet. Every hop is checked: addresses in URLs, the addresses that
 * names resolve to when a connection is made, and each redirect, which drops credentials when the
 * origin changes. Bodies are truncated at their limit after decompression, and the rest is not
 * received; a request that exceeds its time limit is aborted.
 *
 * Proxies from the environment are not used: a proxy would resolve the names itself, unchecked.
 */
import * as AddressGuard from "@crewline/core/AddressGuard"
import { type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import { lookup as systemLookup } from "node:dns"
import type * as Undici from "undici"
import * as Body from "./Network/Body.ts"
import * as Redirect from "./Network/Redirect.ts"

export interface Options {
  /** Addresses and ranges that may be called although they are not public. */
  readonly allow?: ReadonlyArray<string>
  /** URLs whose origin the operator has configured: any address is allowed. */
  readonly allowOrigins?: ReadonlyArray<string>
  /** How names are resolved. Default: the system's look-up. */
  readonly lookup?: AddressGuard.Lookup
}

export interface Request {
  readonly url: string
  /** Default: `GET`. */
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: string
  /** The body is truncated after this many bytes. */
  readonly maxBytes: number
  /** Time limit of the whole request, in milliseconds. */
  readonly timeoutMillis: number
  /** Called with the URL and with every redirect, after its address was checked. */
  readonly permit?: (url: URL) => Effect.Effect<void, ToolError>
}

export interface Answer {
  /** The address after all redirects. */
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  /** True if the body was truncated. */
  readonly isCut: boolean
}

export interface Network {
  readonly request: (request: Request) => Effect.Effect<Answer, ToolError>
}

export type Headers = {
  readonly get: (name: string) => string | null
  readonly [Symbol.iterator]: () => Iterator<[string, string]>
}

/** Identifies these requests in the logs of servers, and in their robots.txt. */
export const userAgent = "Crewline"

const maxRedirects = 5

/** Throws a `TypeError` when an entry of `allow` is not an address or a range. */
export const make = (options: Options = {}): Network => {
  const guard = AddressGuard.make({ lookup: systemLookup, ...options })
  let agents: Promise<Agents> | undefined
  return {
    request: (request) =>
      // Most processes do not make requests, and loading takes 50 ms.
      Effect.flatMap(
        Effect.promise(() => (agents ??= import("undici").then((undici) => new Agents(guard, undici)))),
        (loaded) => follow(guard, loaded, request)
      )
  }
}

/** Connections whose DNS look-ups are checked; a separate pool for origins that need no check. */
class Agents {
  readonly undici: typeof Undici
  readonly #guard: AddressGuard.AddressGuard
  readonly #checked: Undici.Dispatcher
  #free: Undici.Dispatcher | undefined

  constructor(guard: AddressGuard.AddressGuard, undici: typeof Undici) {
    // Bun replaces undici with an implementation that ignores the look-up.
    if (typeof undici.Pool?.prototype?.dispatch !== "function") {
      throw new TypeError("Network tools require Node.js: this runtime cannot check the addresses of connections.")
    }
    this.undici = undici
    this.#guard = guard
    this.#checked = this.#agent(guard.lookup(new URL("http://name.invalid")))
  }

  of(url: URL): Undici.Dispatcher {
    if (this.#guard.lookup(url) !== undefined) return this.#checked
    return (this.#free ??= this.#agent(undefined))
  }

  #agent(lookup: AddressGuard.Lookup | undefined): Undici.Dispatcher {
    return new this.undici.Agent({
      connect: { timeout: 10_000, ...(lookup !== undefined && { lookup }) },
      keepAliveTimeout: 5_000,
      maxHeaderSize: 32 * 1024
    })
  }
}

const follow = (
  guard: AddressGuard.AddressGuard,
  agents: Agents,
  request: Request
): Effect.Effect<Answer, ToolError> => {
  const { timeoutMillis } = request
  return hops(guard, agents, request).pipe(
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () => {
        const message = `${request.url} did not answer within ${timeoutMillis / 1000} s.`
        return Effect.fail(new ToolFailed({ message, code: "timeout" }))
      }
    })
  )
}

const hops = Effect.fnUntraced(function* (
  guard: AddressGuard.AddressGuard,
  agents: Agents,
  request: Request
): Effect.fn.Return<Answer, ToolError> {
  let next: Redirect.Hop = {
    url: yield* parse(request.url),
    method: (request.method ?? "GET").toUpperCase(),
    headers: { "user-agent": userAgent, ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body })
  }
  for (let redirects = 0; ; redirects++) {
    yield* admit(guard, next.url)
    if (request.permit !== undefined) yield* request.permit(next.url)
    const answer = yield* send(agents, next, request.maxBytes)
    const location = Redirect.locationOf(answer)
    if (location === undefined) return answer
    if (redirects === maxRedirects) {
      return yield* new ToolFailed({ message: `${request.url} redirects more than ${maxRedirects} times.` })
    }
    next = Redirect.next(next, answer.status, yield* parse(location, answer.url))
  }
})

const parse = (text: string, base?: URL): Effect.Effect<URL, ToolRetry> => {
  const url = URL.parse(text, base?.href)
  if (url === null) {
    const message = `Invalid URL ${JSON.stringify(text)}: expected for example https://example.com/page.`
    return Effect.fail(new ToolRetry({ message, code: "arguments-invalid" }))
  }
  if (url.protocol === "http:" || url.protocol === "https:") return Effect.succeed(url)
  const message = `${url.protocol}// is not supported: use http or https.`
  return Effect.fail(new ToolRetry({ message, code: "address-refused" }))
}

/** Names that refer to this machine without a look-up. */
const isLocalName = (host: string): boolean => /(?:^|\.)localhost\.?$/i.test(host)

const admit = Effect.fnUntraced(function* (
  guard: AddressGuard.AddressGuard,
  url: URL
): Effect.fn.Return<void, ToolError> {
  const local = new URL(url)
  if (isLocalName(url.hostname)) local.hostname = "127.0.0.1"
  yield* Effect.try({ try: () => guard.check(local), catch: (error) => failure(url, error) })
  if (url.username === "" && url.password === "") return
  // User information may disguise the host, so check first whether the host is refused.
  yield* resolve(guard, url)
  const message = `The URL of ${url.host} contains user information before an "@": remove it.`
  return yield* new ToolRetry({ message, code: "arguments-invalid" })
})

const resolve = (guard: AddressGuard.AddressGuard, url: URL): Effect.Effect<void, ToolError> =>
  Effect.callback((resume) => {
    const lookup = guard.lookup(url)
    if (lookup === undefined) return resume(Effect.void)
    lookup(url.hostname.replace(/^\[|\]$/g, ""), { all: true }, (error) =>
      resume(error === null ? Effect.void : Effect.fail(failure(url, error)))
    )
  })

const send = (agents: Agents, { body, headers, method, url }: Redirect.Hop, maxBytes: number) =>
  Effect.tryPromise({
    try: async (signal): Promise<Answer> => {
      const response = await agents.undici.fetch(url, {
        method,
        headers,
        body: body ?? null,
        redirect: "manual",
        dispatcher: agents.of(url),
        signal
      })
      const { bytes, isCut } = await Body.read(response.body, maxBytes)
      return { url, status: response.status, headers: response.headers, body: bytes, isCut }
    },
    catch: (error) => failure(url, error)
  })

/** Uses the root cause, because `fetch failed` alone is not informative. */
const failure = (url: URL, error: unknown): ToolError => {
  let root = error
  for (let depth = 0; depth < 5; depth++) {
    if (root instanceof AddressGuard.AddressRefused) {
      const message = `${url.host} cannot be called: ${root.message}.`
      return new ToolRetry({ message, code: "address-refused" })
    }
    if (!(root instanceof Error) || root.cause === undefined) break
    root = root.cause
  }
  const text = root instanceof Error ? root.message || root.name : String(root)
  // Ports of mail servers and similar, which cannot serve pages.
  if (text === "bad port") {
    const message = `The port of ${url.host} is not allowed.`
    return new ToolRetry({ message, code: "address-refused" })
  }
  return new ToolFailed({ message: `${url.host} cannot be reached: ${text}`, cause: error })
}
