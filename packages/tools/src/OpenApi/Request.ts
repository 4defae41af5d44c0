/**
 * The request of a call. Everything that comes from arguments is encoded, so that an argument stays
 * within its place: it adds no segment to a path, no parameter to a query and no header.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { ToolRetry } from "@crewline/core/Toolbox"
import type { Input, Operation } from "./Operation.ts"
import * as Parameters from "./Parameters.ts"

export interface Request {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
}

export const make = (operation: Operation, args: Schema.JsonObject): Result.Result<Request, ToolRetry> => {
  const path = new Map<string, string>()
  const query: Array<string> = []
  const headers: Record<string, string> = { accept: "application/json, text/*;q=0.9, */*;q=0.1" }
  for (const input of operation.inputs) {
    const value = own(args, input.argument)
    if (value === undefined) continue
    if (input.in === "path") path.set(input.name, textOf(input, value, encode))
    else if (input.in === "query") for (const part of queryOf(input, value)) query.push(part)
    else {
      const text = textOf(input, value, String)
      // What a header may contain (RFC 9110, 5.5), without bytes above ASCII.
      if (!/^[\t\x20-\x7e]*$/.test(text))
        return wrong(input.argument, "may contain printable ASCII characters only, because it is sent as a header")
      headers[input.name.toLowerCase()] = text
    }
  }
  const segments: Array<string> = []
  // A fragment is not sent; some documents tell operations of one path apart by it.
  const [url = ""] = operation.url.split("#", 1)
  for (const template of url.split(/([/\\?])/)) {
    const segment = template.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => path.get(name) ?? "")
    // Both would be removed from the path, and with them what stands before; so would whitespace.
    if (segment !== template && /^(?:\.|%2e){0,2}$/i.test(segment.replaceAll(/\s/g, "")))
      return wrong(template, 'must not be empty, "." or "..", because it is a part of the path')
    segments.push(segment)
  }
  const base = segments.join("")
  const body = operation.body === undefined ? undefined : own(args, Parameters.bodyArgument)
  return Result.succeed({
    url: query.length === 0 ? base : `${base}${base.includes("?") ? "&" : "?"}${query.join("&")}`,
    headers:
      body === undefined || operation.body === undefined ? headers : { ...headers, "content-type": operation.body },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
}

/** Names of parameters may be those of the prototype. */
const own = (args: Schema.JsonObject, name: string): Schema.Json | undefined =>
  Object.hasOwn(args, name) ? args[name] : undefined

const wrong = (argument: string, message: string): Result.Result<never, ToolRetry> =>
  Result.fail(new ToolRetry({ message: `The argument ${argument} ${message}.`, code: "arguments-invalid" }))

/** As in RFC 3986: what `encodeURIComponent` leaves alone and is reserved there is encoded, too. */
export const encode = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )

const scalar = (value: Schema.Json | undefined): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value)

const entriesOf = (value: Schema.Json): ReadonlyArray<readonly [string, Schema.Json]> | undefined =>
  Predicate.isReadonlyObject(value) && !Array.isArray(value)
    ? // What was an argument is JSON.
      Object.entries(value as Schema.JsonObject)
    : undefined

/** Style `simple`: `a`, `a,b`, `key,a`, or with `explode` `key=a`. */
const textOf = ({ explode, style }: Input, value: Schema.Json, encoded: (text: string) => string): string => {
  if (style === "json") return encoded(JSON.stringify(value))
  if (Array.isArray(value)) return value.map((item) => encoded(scalar(item))).join(",")
  const entries = entriesOf(value)
  if (entries === undefined) return encoded(scalar(value))
  return entries.map(([key, item]) => `${encoded(key)}${explode ? "=" : ","}${encoded(scalar(item))}`).join(",")
}

const delimiters = { spaceDelimited: "%20", pipeDelimited: "%7C" } as const

const queryOf = ({ explode, name, style }: Input, value: Schema.Json): ReadonlyArray<string> => {
  const key = encode(name)
  const entries = entriesOf(value)
  if (style === "json") return [`${key}=${encode(JSON.stringify(value))}`]
  if (style === "deepObject" && entries !== undefined)
    return entries.map(([inner, item]) => `${key}[${encode(inner)}]=${encode(scalar(item))}`)
  if (Array.isArray(value)) {
    const items = value.map((item) => encode(scalar(item)))
    if (explode) return items.map((item) => `${key}=${item}`)
    const delimiter = style === "spaceDelimited" || style === "pipeDelimited" ? delimiters[style] : ","
    return [`${key}=${items.join(delimiter)}`]
  }
  if (entries === undefined) return [`${key}=${encode(scalar(value))}`]
  if (explode) return entries.map(([inner, item]) => `${encode(inner)}=${encode(scalar(item))}`)
  return [`${key}=${entries.flatMap(([inner, item]) => [encode(inner), encode(scalar(item))]).join(",")}`]
}
