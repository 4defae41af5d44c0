/**
 * The tool `http_request`: requests of any method to hosts that the operator has listed. Addresses
 * are checked as for all network tools, and redirects are followed only to listed hosts.
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Hosts from "./Hosts.ts"
import * as Media from "./Media.ts"
import type { Answer, Network } from "./Network.ts"

export interface Options {
  readonly network: Network
  /** Hosts that may be called: `api.example.com`, `*.example.com` with all below, or `*`. */
  readonly hosts?: ReadonlyArray<string>
  /** Time limit of the whole call, in milliseconds. Default: 30,000. */
  readonly timeoutMillis?: number
  /** An answer is truncated after this many bytes. Default: 1 MiB. */
  readonly maxBytes?: number
}

const Parameters = Schema.Struct({
  url: Schema.NonEmptyString,
  method: Schema.optionalKey(Schema.Literals(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  body: Schema.optionalKey(Schema.Json)
})

export const make = ({ hosts = [], maxBytes = 512 * 1024, network, timeoutMillis = 30_000 }: Options): Toolbox.Tool =>
  BuiltIn.make({
    name: "http_request",
    description: "Sends an HTTP request. A body that is not text is sent as JSON.",
    parameters: Parameters,
    aliases: { website_url: "url", uri: "url", data: "body", json: "body" },
    kind: "network",
    origin: "web",
    execute: ({ body, headers = {}, method = body === undefined ? "GET" : "POST", url }) =>
      Effect.map(
        network.request({
          url,
          method,
          headers: withType(headers, body),
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
          maxBytes,
          timeoutMillis,
          permit: ({ hostname }) => permitted(hostname, hosts)
        }),
        shown
      )
  })

const withType = (
  headers: { readonly [name: string]: string },
  body: Schema.Json | undefined
): { readonly [name: string]: string } => {
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === "content-type")
  return body === undefined || typeof body === "string" || isTyped
    ? headers
    : { ...headers, "content-type": "application/json" }
}

const permitted = (host: string, hosts: ReadonlyArray<string>): Effect.Effect<void, ToolError> => {
  if (Hosts.cover(hosts, host)) return Effect.void
  const known = hosts.length === 0 ? "no host is listed" : `listed: ${hosts.join(", ")}`
  const message = `The host ${host} is not allowed for http_request (${known}). The operator lists allowed hosts in CREWLINE_HTTP_HOSTS.`
  return Effect.fail(new ToolFailed({ message, code: "policy-denied" }))
}

const shownHeaders = ["content-type", "location", "retry-after", "etag", "link"]

const shown = ({ body, headers, isCut, status }: Answer): Schema.Json => {
  const text = Media.textOf(headers.get("content-type"), body)
  const some = shownHeaders.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return {
    status,
    headers: Object.fromEntries(some),
    body: text === undefined ? null : (Media.jsonOf(headers.get("content-type"), text, isCut) ?? text),
    ...(text === undefined && {
      note: `The body is ${headers.get("content-type") ?? "binary"}, which cannot be shown.`
    }),
    ...(isCut && { note: `The body was cut after ${body.length} bytes.` })
  }
}
