/** A tool that sends the request of an operation. */
import * as Tool from "@crewline/core/Tool"
import { type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Hosts from "../Hosts.ts"
import * as Media from "../Media.ts"
import type { Answer, Network } from "../Network.ts"
import type { Operation } from "./Operation.ts"
import * as Request from "./Request.ts"

/** What proves to the API who calls: headers, or a parameter of the query. */
export interface Credential {
  readonly headers?: { readonly [name: string]: string }
  /** Name and value, encoded: `key=a%26b`. */
  readonly query?: string
}

export interface Options {
  readonly network: Network
  /** Hosts that may be called, also by redirects: `api.example.com`, `*.example.com`. */
  readonly hosts: ReadonlyArray<string>
  /** Read for each call. Absent: none. */
  readonly credential?: Effect.Effect<Credential, ToolError>
  /** For the whole call, in milliseconds. Default: 30,000. */
  readonly timeoutMillis?: number
  /** An answer is truncated after this many bytes. Default: 1 MiB. */
  readonly maxBytes?: number
  /** What else makes the tool the same tool: part of its hash. */
  readonly definition?: Schema.JsonObject
}

/** Characters of the answer that the message about a failure has. */
const maxMessage = 2_000

export const make = (operation: Operation, options: Options): Toolbox.Tool => {
  const { credential = Effect.succeed<Credential>({}), definition = {}, hosts, network } = options
  const { body, description, inputs, method, name, parameters, url } = operation
  const { maxBytes = 1024 * 1024, timeoutMillis = 30_000 } = options
  const permit = ({ hostname }: URL): Effect.Effect<void, ToolError> => {
    if (Hosts.cover(hosts, hostname)) return Effect.void
    const message = `The host ${hostname} is not allowed for ${name} (listed: ${hosts.join(", ")}).`
    return Effect.fail(new ToolFailed({ message, code: "policy-denied" }))
  }
  const tool = Tool.make({
    name,
    description,
    parameters,
    kind: "network",
    source: "openapi",
    origin: "web",
    idempotent: method === "get" || method === "head",
    execute: (args: Schema.JsonObject) =>
      Effect.gen(function* () {
        const request = yield* Effect.fromResult(Request.make(operation, args))
        const { headers = {}, query } = yield* credential
        const answer = yield* network.request({
          url: query === undefined ? request.url : `${request.url}${request.url.includes("?") ? "&" : "?"}${query}`,
          method: method.toUpperCase(),
          headers: { ...request.headers, ...headers },
          ...(request.body === undefined ? {} : { body: request.body }),
          maxBytes,
          timeoutMillis,
          permit
        })
        return answer.status < 400 ? resultOf(answer) : yield* failureOf(operation, answer)
      })
  })
  const request = { method, url, inputs: inputs.map((input) => ({ ...input })), ...(body !== undefined && { body }) }
  return { ...tool, timeoutMillis, definition: { ...definition, request, hosts: [...hosts] } }
}

const textOf = ({ body, headers }: Answer): string | undefined => Media.textOf(headers.get("content-type"), body)

const resultOf = (answer: Answer): Schema.Json => {
  const { body, headers, isCut, status } = answer
  const location = headers.get("location")
  if (body.length === 0) return { status, ...(location !== null && { location }) }
  const type = headers.get("content-type")
  const text = textOf(answer)
  if (text === undefined) return { status, note: `The body is ${type ?? "binary"}, which cannot be shown.` }
  if (isCut) return { status, body: text, note: `The body was cut after ${body.length} bytes.` }
  return Media.jsonOf(type, text, isCut) ?? text
}

/** What a model can correct is a reason to call again. */
const failureOf = ({ method, url }: Operation, answer: Answer): ToolError => {
  const text = (textOf(answer) ?? "").trim()
  const told = text.length > maxMessage ? `${text.slice(0, maxMessage)}…` : text
  const message = `${method.toUpperCase()} ${url} answered with status ${answer.status}${told === "" ? "." : `: ${told}`}`
  return [400, 404, 409, 422].includes(answer.status)
    ? new ToolRetry({ message, code: "http-error" })
    : new ToolFailed({ message, code: "http-error" })
}
