/** Registers an OpenAPI document. Its text, operations, secret and names are checked. */
import * as CrewFile from "@crewline/core/CrewFile"
import type { Toolbox } from "@crewline/core/Toolbox"
import * as OpenApi from "@crewline/tools/OpenApi"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Problem from "../Api/Problem.ts"
import { Registration } from "../Api/Tools.ts"
import type { SecretStore } from "../ResourceStore/Secrets.ts"
import type { ToolApi } from "../ResourceStore/ToolApis.ts"
import type { NotRegistered, ToolRegistry } from "../ToolRegistry.ts"
import * as Authenticate from "./Authenticate.ts"
import * as ErrorList from "./ErrorList.ts"
import * as Json from "./Json.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

export interface Services {
  readonly toolbox: Toolbox["Service"]
  readonly registry: ToolRegistry["Service"]
  readonly secrets: SecretStore["Service"]
}

const invalid = (errors: ReadonlyArray<Problem.FieldError>) => Problem.make("tool-invalid", ErrorList.make(errors))

const decode = RequestBody.decoder(Registration)

/** What the registered API is, in the store and as tools. */
export const register = Effect.fnUntraced(function* (parsed: Json.Parsed, { registry, secrets, toolbox }: Services) {
  const body = yield* decode(parsed)
  // The hosts of a registration receive the secret: to choose them is as much as to know it.
  if (body.auth !== undefined) yield* Authenticate.requireScope("secrets:write")
  const document = yield* Effect.mapError(Effect.fromResult(documentOf(body.document)), (errors) =>
    invalid(RequestBody.locate(parsed, errors))
  )
  const operations = yield* Effect.mapError(Effect.fromResult(OpenApi.read(document, body)), (problems) =>
    invalid(
      RequestBody.locate(
        parsed,
        problems.map(({ path, ...problem }) => ({ ...problem, path: ["document", ...path] }))
      )
    )
  )
  if (body.server !== undefined && !OpenApi.mayCall(body.server, body.hosts)) {
    const message = `The host of ${body.server} is not one of "hosts" (${body.hosts.join(", ")}): add it.`
    return yield* invalid(RequestBody.locate(parsed, [{ path: ["server"], code: "unlisted-host", message }]))
  }
  const { auth, hosts, maxResult, name, timeoutMillis } = body
  if (auth !== undefined && (yield* StoreProblems.storing(secrets.find(auth.secret))) === undefined) {
    const message = `There is no secret ${JSON.stringify(auth.secret)}: store it first (POST /api/v1/secrets).`
    return yield* invalid(RequestBody.locate(parsed, [{ path: ["auth", "secret"], code: "unknown-secret", message }]))
  }
  const api: ToolApi = {
    name,
    hosts,
    operations,
    ...(auth !== undefined && { auth }),
    ...(timeoutMillis !== undefined && { timeoutMillis }),
    ...(maxResult !== undefined && { maxResult })
  }
  const registered = yield* Effect.mapError(registry.tools, unavailable)
  const own = new Set(registered.map(({ tool }) => tool.name))
  const all = yield* Effect.mapError(toolbox.list, unavailable)
  const taken = all.flatMap((tool) => (own.has(tool.name) ? [] : [tool.name]))
  return yield* registry.register(api, taken).pipe(
    Effect.catchTag("NotRegistered", (error) => Effect.fail(notRegistered(error))),
    Effect.catchTag("StoreError", (error) => StoreProblems.naming(StoreProblems.storing)(Effect.fail(error)))
  )
})

export const unavailable = ({ message }: Error): Problem.Problem<"unavailable"> =>
  Problem.make("unavailable", { detail: `${message} Try again in a moment.` })

const notRegistered = ({ code, message }: NotRegistered) => invalid([{ path: ["document"], code, message }])

/** The value of a document that is sent as text. */
const documentOf = (document: Registration["document"]): Result.Result<unknown, ReadonlyArray<Problem.FieldError>> => {
  if (typeof document !== "string") return Result.succeed(document)
  const path = ["document"]
  if (/^\s*\{/.test(document)) {
    return Result.mapBoth(Json.parse(document), {
      onSuccess: ({ value }) => value,
      onFailure: ({ column, line, message }) => [
        { path, code: "json-syntax", message: `Line ${line}, column ${column}: ${message}` }
      ]
    })
  }
  return Result.mapBoth(CrewFile.read(document), {
    onSuccess: ({ value }) => value,
    onFailure: ({ problems }) =>
      problems.map(({ code, line = 1, message }) => ({ path, code, message: `Line ${line}: ${message}` }))
  })
}
