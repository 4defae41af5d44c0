/**
 * Extracts the provider's message from the body of a failure, whatever its shape: `{error:
 * {message}}`, `{error: "…"}`, `{message}`, `{msg, code}`, `{detail: [{msg}]}`, `[{error}]`, an
 * upstream's error within a gateway's.
 */
import * as Predicate from "effect/Predicate"

export interface Words {
  readonly message: string
  readonly code: string
  readonly type: string
  /** Where the code is one of HTTP. */
  readonly status: number | undefined
}

type Body = { readonly [field: string]: unknown }

/** What a body says; undefined: nothing that is a failure. */
export const read = (body: unknown, depth = 0): Words | undefined => {
  if (typeof body === "string") {
    if (body.trim() === "") return undefined
    // An error as JSON in a text.
    const inner = depth < 3 && body.trimStart().startsWith("{") ? read(parsed(body), depth + 1) : undefined
    return inner ?? { message: body, code: "", type: "", status: undefined }
  }
  if (Array.isArray(body)) return depth > 3 ? undefined : read(body[0], depth + 1)
  if (!isBody(body)) return undefined
  const own = ownWords(body)
  if (depth > 3) return own
  const inner =
    read(body["error"] ?? body["Error"] ?? body["errors"] ?? body["fault"] ?? body["base_resp"], depth + 1) ?? undefined
  const upstream = upstreamOf(body, depth)
  const first = inner ?? upstream ?? own
  if (first === undefined) return undefined
  const others = [own, upstream].flatMap((each) => (each === undefined || each === first ? [] : [each]))
  return others.reduce(joined, first)
}

/** Fields that hold a message, the most telling first. */
const messages = ["message", "Message", "msg", "error_msg", "error_message", "errorMessage", "err_msg", "status_msg"]
const descriptions = ["detail", "details", "error_description", "faultstring", "title", "reason"]
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
  status: one.status ?? other.status
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
