/**
 * Every way in which a call to a provider fails, as the reason that retry, budget and people act
 * on. Providers differ in words and agree in status codes: one table serves them all. No text of a
 * reason holds the key.
 */
import * as Llm from "@crewline/core/Llm"
import { AddressRefused } from "../AddressGuard.ts"
import { ResponseTooLarge, UnknownEncoding } from "../UndiciFetch.ts"
import type * as ErrorBody from "./ErrorBody.ts"
import * as Fault from "./Fault.ts"
import * as Meaning from "./Meaning.ts"
import * as RetryAfter from "./RetryAfter.ts"

export interface Context {
  /** The full reference of the model. */
  readonly reference: string
  /** Where the request went, without credentials. */
  readonly address: string
  /** Removes the key from a text. */
  readonly redact: (text: string) => string
  /** Whether messages may quote bodies that have not the shape of the API's. */
  readonly quotesBodies?: boolean
  readonly requestId?: string | undefined
  readonly now: number
}

/** A failure that the provider told of. */
export interface Reported {
  readonly status: number | undefined
  readonly code: string
  readonly type: string
  readonly message: string
  readonly headers: Headers | undefined
  /** The delay that the body requests. */
  readonly wait?: ErrorBody.Wait | undefined
}

/**
 * The reason behind what is no error of an SDK: a fault found in the answer or the request, or a
 * failure of the connection.
 */
export const reasonOf = (context: Context, error: unknown): Llm.Reason => {
  if (error instanceof Fault.NotAnAnswer) {
    return new Llm.MalformedAnswer(details(context, context.quotesBodies === false ? error.what : error.message))
  }
  if (error instanceof Fault.Refused) return new Llm.ContentRefused(details(context, error.message))
  if (error instanceof Fault.Unsupported) return new Llm.InvalidRequest(details(context, error.message))
  if (error instanceof Fault.FailedMidStream) {
    const message = quoted(context, error.message, error)
    return fromReported(context, { ...error.words, message, headers: undefined })
  }
  return fromTransport(context, error)
}

/** A text that a provider sent, or nothing where it sent something else. */
export const text = (value: unknown): string => (typeof value === "string" ? value : "")

/**
 * The message of a failure, unless its body must not be quoted: it has another shape than the
 * errors of the API.
 */
export const quoted = (context: Context, message: string, options: { readonly hasShape: boolean }): string =>
  options.hasShape || context.quotesBodies !== false
    ? message
    : `${context.address} answered with a body that is not an error of this API.`

const maxLength = 600

const details = (context: Context, description: string): { description: string; requestId?: string } => {
  const safe = context.redact(description).trim()
  const short = safe.length > maxLength ? `${safe.slice(0, maxLength)}…` : safe
  return context.requestId === undefined || context.requestId === ""
    ? { description: short }
    : { description: short, requestId: context.redact(context.requestId) }
}

// --- failures that the server reported --------------------------------------------------------------------------------------------

/** The reason behind a failure that the provider told of. */
export const fromReported = (context: Context, failure: Reported): Llm.Reason => {
  const { status, code, type, message } = failure
  const kind = `${code} ${type}`
  const described = (hint = "") => details(context, `${message || "The provider gave no reason."}${hint}`)
  const later = () => {
    const retryAfterMillis = RetryAfter.of(failure, context.now)
    return retryAfterMillis === undefined ? described() : { ...described(), retryAfterMillis }
  }
  const isRefused = status === undefined || (status >= 400 && status < 500) || status === 500
  if (status === 402 || (status !== 503 && Meaning.isOutOfCredit(kind, message))) {
    return new Llm.QuotaExhausted(described(" The account has no credit left: add credit at the provider."))
  }
  if (Meaning.isFlagged(kind, message) || (status !== 429 && isRefused && Meaning.isFiltered(kind, message))) {
    return new Llm.ContentRefused(described())
  }
  if (isRefused && status !== 429 && Meaning.isSlip(kind, message)) return new Llm.MalformedAnswer(described())
  if (
    status === 413 ||
    (isRefused && status !== 429 && status !== 401 && status !== 403 && Meaning.isTooLong(message, kind))
  ) {
    return new Llm.ContextTooLong(described())
  }
  if (status === 429 || Meaning.isLimited(kind, message)) return new Llm.RateLimited(later())
  if (status === 401 || ((status === undefined || status === 400) && Meaning.isUnauthorised(kind, message)))
    return new Llm.Authentication(described(" Check the API key."))
  if (status === 403) return new Llm.Authentication(described(" The API key does not permit this."))
  if ((status !== undefined && Meaning.isTimeoutStatus(status)) || Meaning.isTimeout(kind)) {
    return new Llm.Timeout(described())
  }
  if (status !== undefined && Meaning.isBusyStatus(status)) return new Llm.Overloaded(later())
  if (status !== undefined && status >= 300 && status < 400) {
    const location = failure.headers?.get("location")
    const to = location == null ? "" : ` to ${withoutCredentials(location)}`
    return new Llm.InvalidRequest(
      described(` ${context.address} redirects${to}: set the base URL to the target of the redirect.`)
    )
  }
  if (status === undefined && Meaning.isUnusable(kind)) return new Llm.InvalidRequest(described())
  if (status === undefined || Meaning.isBusy(kind, message)) return new Llm.Overloaded(later())
  if (status === 404) return new Llm.InvalidRequest(described(` Asked at ${context.address}.`))
  return new Llm.InvalidRequest(described())
}

const withoutCredentials = (address: string): string => address.replace(/\/\/[^/@\s]*@/, "//")

// --- failures on the way ----------------------------------------------------------------------------------------------------------

const silences = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"])

const unsendable = new Set(["UND_ERR_INVALID_ARG", "ERR_INVALID_URL", "ERR_INVALID_CHAR"])

/** Codes of zlib, brotli and zstd. */
const undecodable = /^(?:Z_|ZSTD_|ERR__|ERR_PADDING|ERR_(?:BROTLI|ZSTD))/

const wordings: { readonly [code: string]: string } = {
  ECONNREFUSED: "nothing listens on that port",
  ENOTFOUND: "the host does not exist",
  EAI_AGAIN: "the host name cannot be resolved at the moment",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  UND_ERR_SOCKET: "the connection was closed",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached"
}

/** The provider was silent for too long. */
export const timeout = (context: Context): Llm.Timeout =>
  new Llm.Timeout(details(context, `${context.address} sent nothing for too long.`))

/** The reason behind a failure on the way. */
export const fromTransport = (context: Context, error: unknown): Llm.Reason => {
  const code = codeOf(error)
  if (silences.has(code)) return timeout(context)
  const refused = addressRefusedIn(error)
  if (refused !== undefined) {
    return new Llm.InvalidRequest(details(context, `Cannot call ${context.address}: ${refused.message}.`))
  }
  if (error instanceof ResponseTooLarge) {
    return new Llm.MalformedAnswer(details(context, `The answer of ${context.address} is too long: ${error.message}.`))
  }
  if (error instanceof Error && (error instanceof UnknownEncoding || undecodable.test(code))) {
    return new Llm.MalformedAnswer(
      details(context, `The answer of ${context.address} cannot be decompressed: ${error.message}.`)
    )
  }
  if (error instanceof Error && error.name === "HTTPParserError") {
    return new Llm.MalformedAnswer(details(context, `${context.address} does not speak HTTP: ${error.message}.`))
  }
  if (error instanceof Error && (unsendable.has(code) || (error instanceof TypeError && code === ""))) {
    // Most often a key with a stray character, or a base URL that is none.
    return new Llm.InvalidRequest(details(context, `Cannot send a request to ${context.address}: ${error.message}.`))
  }
  const message = error instanceof Error ? error.message : String(error)
  const why = wordings[code] === undefined ? message : `${wordings[code]} (${code})`
  return new Llm.Network(details(context, `Cannot connect to ${context.address}: ${why}.`))
}

/** SDKs and undici may wrap it. */
const addressRefusedIn = (error: unknown): AddressRefused | undefined => {
  for (let current = error, depth = 0; depth < 4 && current instanceof Error; depth++, current = current.cause) {
    if (current instanceof AddressRefused) return current
  }
  return undefined
}

const codeOf = (error: unknown): string => {
  for (let current = error, depth = 0; depth < 4; depth++) {
    if (typeof current !== "object" || current === null) return ""
    if ("code" in current && typeof current.code === "string") return current.code
    // Several addresses were tried.
    if ("errors" in current && Array.isArray(current.errors) && current.errors.length > 0) current = current.errors[0]
    else if ("cause" in current) current = current.cause
    else return ""
  }
  return ""
}
