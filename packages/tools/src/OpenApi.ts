/**
 * Tools out of an OpenAPI document (3.0 and 3.1): each operation becomes one. `read` says at once
 * everything that is wrong with a document; references stay within it, and nothing is loaded.
 * `make` makes the tool of an operation, whose calls go through the guards of `Network` to the
 * listed hosts only.
 */
import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import * as Policy from "@crewline/core/Policy"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Hosts from "./Hosts.ts"
import { Findings, type Located, type Path, type Problem, quote } from "./OpenApi/Findings.ts"
import { type Method, methods, type Operation } from "./OpenApi/Operation.ts"
import * as Parameters from "./OpenApi/Parameters.ts"
import { maxSchema, Schemas } from "./OpenApi/Schemas.ts"

export { type Credential, make, type Options as CallOptions } from "./OpenApi/Calling.ts"
export { encode } from "./OpenApi/Request.ts"
export type { Problem } from "./OpenApi/Findings.ts"
export type { Input, Method, Operation } from "./OpenApi/Operation.ts"

export interface Options {
  /** Hosts that may be called: `api.example.com`, or `*.example.com` with all below. */
  readonly hosts: ReadonlyArray<string>
  /** The URL of the API, in place of the `servers` of the document. */
  readonly server?: string | undefined
  /** Stands before the name of each tool. */
  readonly prefix?: string | undefined
  /** Names of the operations to read; `*` stands for any characters. Default: all. */
  readonly operations?: ReadonlyArray<string> | undefined
  /** Names of operations to leave out. */
  readonly except?: ReadonlyArray<string> | undefined
}

/** The most operations of one document. */
export const maxOperations = 200
/** Characters of the URL of a server. */
const maxUrl = 1_000
/** Operations that are compared with the names of those to read. */
const maxCandidates = 5_000
/** Characters of all operations, as JSON. */
export const maxSize = 512 * 1024
/** Characters of a description, which each request to a model carries. */
const maxDescription = 1_000

interface Reading {
  readonly findings: Findings
  readonly schemas: Schemas
  readonly options: Options
  readonly root: { readonly [key: string]: unknown }
}

/** The operations of a document, or everything that is wrong with it. */
export const read = (
  document: unknown,
  options: Options
): Result.Result<ReadonlyArray<Operation>, ReadonlyArray<Problem>> => {
  const root = Predicate.isReadonlyObject(document) ? document : {}
  const findings = new Findings(root)
  const version = versionOf(document, findings)
  const { paths } = root
  if (version !== undefined && !Predicate.isReadonlyObject(paths))
    findings.add("missing-key", ["paths"], "The document has no paths: there is nothing to call.")
  if (version === undefined || !Predicate.isReadonlyObject(paths)) return Result.fail(findings.problems)
  const definitions = Predicate.isReadonlyObject(root["components"]) ? root["components"]["schemas"] : undefined
  const reading: Reading = { findings, schemas: new Schemas(findings, definitions, version), options, root }
  const found: Array<Operation> = []
  const names = new Map<string, string>()
  let size = 0
  for (const { item, method, name, path, template } of wanted(reading, paths)) {
    const place = `${method.toUpperCase()} ${template}`
    const other = names.get(name)
    if (other !== undefined) {
      findings.add(
        "name-taken",
        path,
        `${place} has the name of ${other}, ${quote(name)}: give it another operationId.`
      )
      continue
    }
    names.set(name, place)
    if (names.size > maxOperations) {
      const message = `The document has more than ${maxOperations} operations: choose some with "operations" or "except".`
      findings.add("too-large", ["paths"], message)
      break
    }
    const operation = operationOf(reading, { item, method, name, path, template })
    if (findings.isFull || reading.schemas.isSpent) break
    if (operation === undefined) continue
    size += JSON.stringify(operation).length
    if (size > maxSize) {
      const message = `The operations have more than ${maxSize} characters of JSON together: choose some with "operations" or "except".`
      findings.add("too-large", path, message)
      break
    }
    found.push(operation)
  }
  if (findings.problems.length === 0 && found.length === 0)
    findings.add("missing-key", ["paths"], "The document has no operation, or none of those that were chosen.")
  return findings.problems.length === 0 ? Result.succeed(found) : Result.fail(findings.problems)
}

const versionOf = (document: unknown, findings: Findings): "3.0" | "3.1" | undefined => {
  const expected = "Expected an OpenAPI document of version 3.0 or 3.1"
  if (!Predicate.isReadonlyObject(document)) return findings.add("invalid-value", [], `${expected}, an object.`)
  const { openapi, swagger } = document
  if (swagger !== undefined)
    return findings.add("unsupported", ["swagger"], `${expected}, not Swagger: convert it first.`)
  if (typeof openapi !== "string")
    return findings.add("missing-key", ["openapi"], `${expected}, which says so in its key openapi.`)
  const version = /^3\.[01](?=\.|$)/.exec(openapi)?.[0]
  if (version === "3.0" || version === "3.1") return version
  return findings.add("unsupported", ["openapi"], `${expected}, not ${quote(openapi)}.`)
}

/** An operation, and where it is. */
interface Wanted {
  readonly name: string
  readonly method: Method
  /** The path of its URL, and its place in the document. */
  readonly template: string
  readonly path: Path
  readonly item: Located
}

/** The operations that were chosen, as far as they can be found. */
const wanted = ({ findings, options }: Reading, paths: { readonly [path: string]: unknown }): ReadonlyArray<Wanted> => {
  let candidates = 0
  return Object.entries(paths).flatMap(([template, value]) => {
    if (candidates > maxCandidates) return []
    if (template.startsWith("x-")) return []
    if (!template.startsWith("/")) {
      findings.add("invalid-value", ["paths", template], `Paths begin with "/", not ${quote(template)}.`)
      return []
    }
    const item = findings.object(value, ["paths", template], "the operations of a path")
    if (item === undefined) return []
    return methods.flatMap((method) => {
      const operation = item.value[method]
      if (operation === undefined) return []
      if (++candidates > maxCandidates) {
        if (candidates > maxCandidates + 1) return []
        const message = `The document has more than ${maxCandidates} operations: split it.`
        return findings.add("too-large", ["paths"], message) ?? []
      }
      const path = [...item.path, method]
      const name = nameOf(method, template, operation)
      if (!isChosen(name, options)) return []
      const full = `${options.prefix ?? ""}${name}`
      if (/^[A-Za-z0-9_-]{1,64}$/.test(full)) return [{ name: full, method, template, path, item }]
      const message = `The tool would have the name ${quote(full)}, of more than 64 characters: give it a shorter operationId.`
      findings.add("invalid-name", path, message)
      return []
    })
  })
}

const isChosen = (name: string, { except = [], operations }: Options): boolean =>
  (operations === undefined || operations.some((pattern) => Policy.isNamed(pattern, name))) &&
  !except.some((pattern) => Policy.isNamed(pattern, name))

/** The `operationId`, else method and path, in characters that names of tools may have. */
const nameOf = (method: Method, template: string, operation: unknown): string => {
  const id = Predicate.isReadonlyObject(operation) ? operation["operationId"] : undefined
  const text = typeof id === "string" && id !== "" ? id : `${method}${template}`
  // The look-behind keeps the time linear.
  return text.replaceAll(/[^A-Za-z0-9_-]+/g, "_").replaceAll(/^_+|(?<!_)_+$/g, "")
}

const operationOf = (reading: Reading, { item, method, name, path, template }: Wanted): Operation | undefined => {
  const { findings, schemas } = reading
  const operation = findings.object(item.value[method], path, "an operation")?.value
  if (operation === undefined) return undefined
  const before = findings.problems.length
  const args = Parameters.read(
    [
      { value: operation["parameters"], path: [...path, "parameters"] },
      { value: item.value["parameters"], path: [...item.path, "parameters"] }
    ],
    reading
  )
  for (const [, parameter = ""] of template.matchAll(/\{([^{}]*)\}/g)) {
    if (args.some(({ input }) => input.in === "path" && input.name === parameter)) continue
    // It may be the one that cannot be used.
    if (findings.problems.length > before) break
    const message = `The path has {${parameter}}, and no parameter of this name is in "path": add it to the parameters.`
    findings.add("missing-key", [...path, "parameters"], message)
  }
  const body = bodyOf(reading, operation["requestBody"], [...path, "requestBody"])
  const url = urlOf(reading, [
    [operation["servers"], [...path, "servers"]],
    [item.value["servers"], [...item.path, "servers"]]
  ])
  const schema = {
    type: "object",
    properties: Object.fromEntries([
      ...args.map(({ input, schema }) => [input.argument, schema] as const),
      ...(body === undefined ? [] : [[Parameters.bodyArgument, body.schema] as const])
    ]),
    required: [
      ...args.flatMap(({ input, isRequired }) => (isRequired ? [input.argument] : [])),
      ...(body?.isRequired === true ? [Parameters.bodyArgument] : [])
    ],
    additionalProperties: false
  }
  const definitions = schemas.definitionsOf(schema, path)
  if (definitions === undefined || url === undefined) return undefined
  const parameters = usable(findings, path, {
    ...schema,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions })
  })
  if (parameters === undefined) return undefined
  return {
    name,
    description: describe(operation, `${method.toUpperCase()} ${template}`),
    method,
    url: `${url}${template}`,
    parameters,
    inputs: args.map(({ input }) => input),
    ...(body !== undefined && { body: body.type })
  }
}

/** The schema, when calls can be validated against it. */
const usable = (findings: Findings, path: Path, schema: object): Schema.JsonObject | undefined => {
  const text = JSON.stringify(schema)
  if (text.length > maxSchema) {
    const message = `The schema of the arguments has ${text.length} characters of JSON, more than ${maxSchema}: leave the operation out with "except".`
    return findings.add("too-large", path, message)
  }
  const problems = JsonSchemaValidator.check(schema)
  for (const { message, path: at } of problems.slice(0, 5))
    findings.add(
      "invalid-value",
      path,
      `The schema of the arguments cannot be used: ${at === "" ? "it" : at} ${message}.`
    )
  return problems.length > 0 ? undefined : JSON.parse(text)
}

interface Body {
  readonly type: string
  readonly schema: object
  readonly isRequired: boolean
}

const bodyOf = ({ findings, schemas }: Reading, value: unknown, path: Path): Body | undefined => {
  if (value === undefined) return undefined
  const found = findings.object(value, path, "a request body")
  const content =
    found && findings.object(found.value["content"], [...found.path, "content"], "media types of the body")
  if (found === undefined || content === undefined) return undefined
  const isRequired = found.value["required"] === true
  const types = Object.keys(content.value)
  const type = types.find((each) => each === "application/json") ?? types.find(Parameters.isJson)
  if (type === undefined) {
    // Without an optional body the operation can be called.
    if (!isRequired) return undefined
    const message = `The body is ${types.join(", ") || "of no media type"}: only JSON is supported. Leave the operation out with "except".`
    return findings.add("unsupported-media-type", content.path, message)
  }
  const media = findings.object(content.value[type], [...content.path, type], "a media type")
  const schema = media && schemas.of(media.value["schema"], [...media.path, "schema"])
  return schema && { type, schema, isRequired }
}

/** The URL that the path is added to: of the options, the operation, its path or the document. */
const urlOf = (
  { findings, options, root }: Reading,
  own: ReadonlyArray<readonly [servers: unknown, path: Path]>
): string | undefined => {
  if (options.server !== undefined) return options.server.replace(/\/+$/, "")
  const given = [...own, [root["servers"], ["servers"]] as const].find(
    ([servers]) => Array.isArray(servers) && servers.length > 0
  )
  if (given === undefined)
    return findings.add("missing-key", ["servers"], 'The document names no server: set "server" to the URL of the API.')
  const path = [...given[1], 0]
  const server = findings.object((given[0] as ReadonlyArray<unknown>)[0], path, "a server")
  if (server === undefined) return undefined
  const url = filled(server.value)
  const parsed = url.length > maxUrl ? null : URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || /[?#{}]/.test(url)) {
    const message = `The server ${quote(url)} is not an http or https URL without a query, of at most ${maxUrl} characters: set "server" to the URL of the API.`
    return findings.add("invalid-value", [...path, "url"], message)
  }
  if (!Hosts.cover(options.hosts, parsed.hostname)) {
    const message = `The host ${parsed.hostname} is not one of "hosts" (${options.hosts.join(", ")}): add it, or set "server".`
    return findings.add("unlisted-host", [...path, "url"], message)
  }
  return url.replace(/\/+$/, "")
}

/** Whether the host of a URL is one of these. */
export const mayCall = (url: string, hosts: ReadonlyArray<string>): boolean => {
  const parsed = URL.parse(url)
  return parsed !== null && Hosts.cover(hosts, parsed.hostname)
}

/** The URL of a server with the defaults of its variables. */
const filled = ({ url, variables }: Located["value"]): string =>
  (typeof url === "string" ? url.slice(0, maxUrl + 1) : "").replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = Predicate.isReadonlyObject(variables) ? variables[name] : undefined
    const value = Predicate.isReadonlyObject(variable) ? variable["default"] : undefined
    return typeof value === "string" ? value.slice(0, maxUrl + 1) : whole
  })

/** Summary and description, shortened. */
const describe = ({ description, summary }: Located["value"], fallback: string): string => {
  const texts = [summary, description].flatMap((text) =>
    typeof text === "string" && text.trim() !== "" ? [text.trim()] : []
  )
  const text = [...new Set(texts)].join("\n") || fallback
  return text.length > maxDescription ? `${text.slice(0, maxDescription - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : text
}
