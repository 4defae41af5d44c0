/**
 * `crewline tools`: lists tools, calls one, registers an API and removes it. On the server that
 * runs; without one, tools are those of this process, which has no registered ones.
 */
import * as FileFailure from "@crewline/core/FileFailure"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Api from "../Api/Tools.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import { type Options, tenantOf, valid } from "./TenantOptions.ts"

const open = Effect.fnUntraced(function* (options: Options) {
  return yield* Resources.tools(options.data, yield* tenantOf(options))
})

/** Prints the tools: a table for people, or JSON. */
export const list = Effect.fn("Tools.list")(function* (options: Options) {
  const { result } = yield* Output.Output
  const tools = yield* (yield* open(options)).list
  if (options.json) return yield* result(JSON.stringify(tools, null, 2))
  const width = tools.reduce((longest, { name }) => Math.max(longest, name.length), 0)
  yield* result(
    tools
      .map(({ api, description, kind, name }) => {
        const from = api === undefined ? "" : ` (${api})`
        return `${name.padEnd(width)}  ${kind.padEnd(7)}  ${description.split("\n", 1)[0]}${from}`
      })
      .join("\n")
  )
}, Effect.scoped)

export interface Test extends Options {
  readonly name: string
  /** JSON of the arguments object. */
  readonly args: string
}

/** Calls a tool. Prints the result; or `{ code, message }` to stderr, and fails. */
export const test = Effect.fn("Tools.test")(function* (options: Test) {
  const { args, json, name } = options
  const { result, say } = yield* Output.Output
  const refused = ({ code = "tool-failed", message }: Pick<Toolbox.ToolError, "code" | "message">) =>
    Effect.andThen(say(JSON.stringify({ code, message })), Effect.fail(Failure.failed("")))
  const parsed = parse(args)
  if (parsed === undefined) {
    const message = `Invalid arguments ${JSON.stringify(args)}: expected a JSON object, such as '{"path":"report.md"}'.`
    return yield* refused({ code: "arguments-invalid", message })
  }
  const called = yield* (yield* open(options)).test(name, parsed)
  if (Result.isFailure(called)) return yield* refused(called.failure)
  const value = called.success
  yield* result(typeof value === "string" && !json ? value : JSON.stringify(value, null, 2))
}, Effect.scoped)

const parse = (text: string): Schema.JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // What was parsed is JSON.
    return Predicate.isReadonlyObject(value) && !Array.isArray(value) ? (value as Schema.JsonObject) : undefined
  } catch {
    return undefined
  }
}

export interface Register extends Options {
  readonly file: string
  readonly name: string
  readonly hosts: string
  readonly server: Option.Option<string>
  readonly auth: Option.Option<string>
  readonly prefix: Option.Option<string>
  readonly operations: Option.Option<string>
  readonly except: Option.Option<string>
}

const decode = Schema.decodeUnknownResult(Api.Registration, { errors: "all" })

const listOf = (text: string): ReadonlyArray<string> => text.split(",").flatMap((part) => part.trim() || [])

/** `bearer:secret`, `basic:username:secret`, `header:name:secret` or `query:name:secret`. */
const authOf = (text: string): Effect.Effect<object, Failure.Failure> => {
  const [type, first = "", ...rest] = text.split(":")
  const secret = rest.join(":")
  if (type === "bearer" && first !== "" && secret === "") return Effect.succeed({ type, secret: first })
  if (first !== "" && secret !== "") {
    if (type === "basic") return Effect.succeed({ type, username: first, secret })
    if (type === "header") return Effect.succeed({ type, header: first, secret })
    if (type === "query") return Effect.succeed({ type, parameter: first, secret })
  }
  return Effect.fail(
    Failure.invalid(
      "Invalid --auth: expected bearer:<secret>, basic:<username>:<secret>, header:<name>:<secret> or query:<name>:<secret>, with the name of a stored secret."
    )
  )
}

export const register = Effect.fn("Tools.register")(function* (options: Register) {
  const { file, json } = options
  const { result } = yield* Output.Output
  const files = yield* FileSystem.FileSystem
  const document = yield* files
    .readFileString(file)
    .pipe(Effect.mapError((error) => Failure.invalid(`${file} cannot be read: ${FileFailure.describe(error)}.`)))
  const given = {
    name: options.name,
    document,
    hosts: listOf(options.hosts),
    ...(Option.isSome(options.server) && { server: options.server.value }),
    ...(Option.isSome(options.auth) && { auth: yield* authOf(options.auth.value) }),
    ...(Option.isSome(options.prefix) && { prefix: options.prefix.value }),
    ...(Option.isSome(options.operations) && { operations: listOf(options.operations.value) }),
    ...(Option.isSome(options.except) && { except: listOf(options.except.value) })
  }
  const registration = yield* valid("The registration", decode(given))
  const registered = yield* (yield* open(options)).register(registration)
  if (json) return yield* result(JSON.stringify(registered, null, 2))
  const { name, tools, version } = registered
  const count = tools.length === 1 ? "1 tool" : `${tools.length} tools`
  yield* result(`Registered ${name} (version ${version}) with ${count}: ${tools.map((tool) => tool.name).join(", ")}.`)
}, Effect.scoped)

export const remove = Effect.fn("Tools.remove")(function* (options: Options & { readonly name: string }) {
  const { json, name } = options
  const { result } = yield* Output.Output
  yield* (yield* open(options)).remove(yield* valid("The name", Schema.decodeUnknownResult(Api.ApiName)(name)))
  yield* result(json ? JSON.stringify({ name, removed: true }) : `Removed ${name}.`)
}, Effect.scoped)
