/**
 * Extracts the provider's message from the body of a failure, whatever its shape:
 * `{error: {message}}`, `{error: "…"}`, `{message}`, `{msg, code}`, `{detail: [{msg}]}`,
 * `[{error}]`, an upstream's error within a gateway's; and the requested delay.
 */
import * as Predicate from "effect/Predicate"
import * as ResetTime from "../RateLimit/ResetTime.ts"

export interface Words {
  readonly message: string
  readonly code: string
  readonly type: string
  /** Where the code is one of HTTP. */
  readonly status: number | undefined
  readonly wait?: Wait | undefined
}

/** The delay that a body requests. */
export interface Wait {
  readonly millis?: number | undefined
  /** Headers of the server behind a gateway, by their names in lower case. */
  readonly headers?: ReadonlyMap<string, string> | undefined
}

/** Nested gateways wrap errors in errors; more levels have not been observed. */
const maxDepth = 6

type Body = { readonly [field: string]: unknown }

/** What a body says; undefined: nothing that is a failure. */
export const read = (body: unknown, depth = 0): Words | undefined => {
  if (typeof body === "string") {
    if (body.trim() === "") return undefined
    // An error as JSON in a text.
    const inner = depth < maxDepth && body.trimStart().startsWith("{") ? read(parsed(body), depth + 1) : undefined
    return inner ?? { message: body, code: "", type: "", status: undefined }
  }
  if (Array.isArray(body)) return depth > maxDepth ? undefined : read(body[0], depth + 1)
  if (!isBody(body)) return undefined
  const own = ownWords(body)
  if (depth > maxDepth) return own
  const inner = innerOf(body, depth)
  const upstream = upstreamOf(body, depth)
  const first = inner ?? upstream ?? own
  if (first === undefined) return undefined
  const others = [own, upstream].flatMap((each) => (each === undefined || each === first ? [] : [each]))
  const words = others.reduce(joined, first)
  const wait = words.wait ?? waitOf(body)
  return wait === undefined ? words : { ...words, wait }
}

/** Fields that contain the error, or an object that contains it. */
const places = ["error", "Error", "errors", "fault", "base_resp", "exception", "err"]
const wrappers = ["Response", "response", "data", "result", "body", "output"]

const innerOf = (body: Body, depth: number): Words | undefined => {
  for (const place of places) if (body[place] != null) return read(body[place], depth + 1)
  for (const wrapper of wrappers) {
    const within = body[wrapper]
    if (isBody(within) && places.some((place) => within[place] != null)) return read(within, depth + 1)
  }
  return undefined
}

const waitOf = (body: Body): Wait | undefined => {
  const millis = millisOf(body)
  if (millis !== undefined) return { millis }
  const { metadata } = body
  const headers = isBody(metadata) ? metadata["headers"] : undefined
  if (!isBody(headers)) return undefined
  return { headers: new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])) }
}

/** `retryDelay` in the details of Google's errors; a number of seconds elsewhere. */
const millisOf = (body: Body): number | undefined => {
  const { details, metadata, parameters } = body
  for (const detail of Array.isArray(details) ? details : []) {
    const delay = isBody(detail) ? (detail["retryDelay"] ?? detail["retry_delay"]) : undefined
    if (typeof delay === "string") return ResetTime.durationOf(delay)
    if (isBody(delay)) return Number(delay["seconds"] ?? 0) * 1_000 + Number(delay["nanos"] ?? 0) / 1e6
  }
  const millis = body["retry_after_ms"] ?? body["retryAfterMs"]
  if (typeof millis === "number" && millis >= 0) return millis
  for (const from of [body, metadata, parameters]) {
    if (!isBody(from)) continue
    const wait = from["retry_after"] ?? from["retryAfter"] ?? from["retry_after_seconds"] ?? from["estimated_time"]
    if (typeof wait === "number" && wait >= 0) return wait * 1_000
    if (typeof wait === "string") return /^[\d.]+$/.test(wait) ? Number(wait) * 1_000 : ResetTime.durationOf(wait)
  }
  return undefined
}

/** Fields that hold a message, the most telling first. */
const messages = ["message", "Message", "msg", "error_msg", "error_message", "errorMessage", "err_msg", "status_msg"]
const descriptions = ["detail", "details", "description", "error_description", "faultstring", "title", "reason"]
const codes = ["code", "error_code", "errorCode", "status_code", "errcode", "Code", "err_code"]
const types = ["type", "status", "error_type", "__type", "Type"]

const ownWords = (body: Body): Words | undefined => {
  const message = firstText(body, messages) || firstText(body, descriptions)
  const code = first(body, codes)
  const type = first(body, types)
  // A code of success is not a failure.
  if (message === "" || (messages.some((name) => name === "status_msg" && name in body) && Number(code) === 0)) {
    return undefined
  }
  const generation = body["failed_generation"]
  const more = typeof generation === "string" && generation !== "" ? ` It wrote: ${generation}` : ""
  return {
    message: message + more,
    code: textOf(code),
    type: textOf(type),
    status: statusOf(code) ?? statusOf(body["status"])
  }
}

/** Gateways put the words of the server behind them into a place of their own. */
const upstreamOf = (body: Body, depth: number): Words | undefined => {
  const { metadata, provider_response: response } = body
  const raw = isBody(metadata) ? (metadata["raw"] ?? metadata["provider_error"] ?? metadata["reasons"]) : response
  return raw == null ? undefined : read(raw, depth + 1)
}

const joined = (one: Words, other: Words): Words => ({
  message:
    other.message === "" || one.message.includes(other.message) ? one.message : `${other.message}: ${one.message}`,
  code: one.code || other.code,
  type: one.type || other.type,
  status: one.status ?? other.status,
  wait: one.wait ?? other.wait
})

const firstText = (body: Body, names: ReadonlyArray<string>): string => {
  for (const name of names) {
    const text = textWithin(body[name])
    if (text !== "") return text
  }
  return ""
}

/** A message, or several with their places (`detail` of FastAPI). */
const textWithin = (value: unknown): string => {
  if (typeof value === "string") return value
  if (Array.isArray(value))
    return value
      .map(textWithin)
      .filter((each) => each !== "")
      .join("; ")
  if (!isBody(value)) return ""
  const place = Array.isArray(value["loc"]) ? `${value["loc"].join(".")}: ` : ""
  const text = value["msg"] ?? value["message"] ?? value["detail"]
  return typeof text === "string" ? place + text : ""
}

const first = (body: Body, names: ReadonlyArray<string>): unknown => {
  for (const name of names) if (body[name] != null) return body[name]
  return undefined
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : ""

const statusOf = (value: unknown): number | undefined => {
  const status = Number(value)
  return Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined
}

const isBody = (value: unknown): value is Body => Predicate.isReadonlyObject(value) && !Array.isArray(value)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
