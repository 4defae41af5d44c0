/** Handlers of `/api/v1/tools`. */
import * as Policy from "@crewline/core/Policy"
import { Toolbox, type ToolError } from "@crewline/core/Toolbox"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { Api } from "../Api.ts"
import * as Problem from "../Api/Problem.ts"
import type { Registered } from "../Api/Tools.ts"
import * as AuditLog from "../AuditLog.ts"
import { SecretStore } from "../ResourceStore/Secrets.ts"
import { ToolPolicies } from "../ToolPolicies.ts"
import { ToolRegistry } from "../ToolRegistry.ts"
import * as ToolTrial from "../ToolTrial.ts"
import * as ToolView from "../ToolView.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"
import * as ToolRegistration from "./ToolRegistration.ts"

const isObject = Schema.is(Schema.JsonObject)
const decodePolicy = RequestBody.decoder(Policy.Policy)

/** Each is looked at for every call of the tenant. */
const maxRules = 200
/** Characters of JSON: many policies are kept in memory, and reasons of rules are in events. */
const maxPolicy = 64 * 1024

/** A policy, when its rules can be applied. */
const checked = (policy: Policy.Policy) => {
  const size = JSON.stringify(policy).length
  const errors = [
    ...(size > maxPolicy
      ? [{ path: [], code: "too-large", message: `A policy may have ${maxPolicy} characters of JSON, not ${size}.` }]
      : []),
    ...Policy.effects.flatMap((effect) =>
      (policy[effect]?.length ?? 0) > maxRules
        ? [{ path: [effect], code: "too-large", message: `A policy may have ${maxRules} rules of a kind.` }]
        : []
    ),
    ...Policy.problems(policy).map(({ message, path }) => ({
      path,
      code: "invalid-value",
      message: `${path.join(".")} ${message}.`
    }))
  ]
  return errors.length === 0 ? Effect.succeed(policy) : Effect.fail(RequestBody.invalid(errors))
}

/** The codes of failed calls that have their own problem. */
const codes = ["arguments-invalid", "path-refused", "address-refused", "policy-denied"] as const

const toolFailed = ({ code, message: detail }: ToolError) => {
  const known = codes.find((each) => each === code)
  return known === undefined
    ? Problem.make("tool-failed", { detail, ...(code === undefined ? {} : { reason: code }) })
    : Problem.make(known, { detail })
}

const failed = (error: ToolTrial.Failure) => {
  switch (error._tag) {
    case "UnknownTool":
      return Problem.make("not-found", { resource: "tool", id: error.tool, detail: error.message })
    case "ToolsUnavailable":
    case "PolicyUnavailable":
      return ToolRegistration.unavailable(error)
    default:
      return toolFailed(error)
  }
}

/** The files of test calls; they belong to no execution. */
const filesOfTrials = "tool-trials"

export const layer = HttpApiBuilder.group(
  Api,
  "tools",
  Effect.fnUntraced(function* (handlers) {
    const toolbox = yield* Toolbox
    const registry = yield* ToolRegistry
    const policies = yield* ToolPolicies
    const secrets = yield* SecretStore
    const workspace = yield* Workspace.Workspace
    return handlers
      .handle("list", () =>
        Effect.gen(function* () {
          const apis = new Map((yield* registry.tools).map(({ api, tool }) => [tool.name, api]))
          const tools = yield* toolbox.list
          const items = yield* Effect.forEach(tools, (tool) =>
            ToolView.of(tool, tool.source === "openapi" ? apis.get(tool.name) : undefined)
          )
          return { items }
        }).pipe(Effect.mapError(ToolRegistration.unavailable))
      )
      .handleRaw("register", ({ request }) =>
        Effect.gen(function* () {
          const parsed = yield* RequestBody.json(request)
          const registration = yield* ToolRegistration.register(parsed, { registry, secrets, toolbox })
          const { isNew, stored, tools } = registration
          const { auth, hosts, name } = stored.body
          yield* AuditLog.tell({ details: { name, tools: String(tools.length), version: String(stored.version) } })
          const body: Registered = {
            name,
            version: stored.version,
            hosts,
            ...(auth !== undefined && { auth }),
            tools: yield* Effect.forEach(tools, (tool) => ToolView.of(tool, name))
          }
          return isNew
            ? HttpServerResponse.jsonUnsafe(body, { status: 201, headers: { location: `/api/v1/tools/${name}` } })
            : HttpServerResponse.jsonUnsafe(body)
        })
      )
      .handle("getPolicy", () => StoreProblems.storing(policies.get))
      .handleRaw("setPolicy", ({ request }) =>
        Effect.gen(function* () {
          const policy = yield* Effect.flatMap(Effect.flatMap(RequestBody.json(request), decodePolicy), checked)
          yield* StoreProblems.storing(policies.set(policy))
          return policy
        })
      )
      .handle("remove", ({ params: { name } }) =>
        Effect.flatMap(StoreProblems.reading("tool-api")(registry.remove(name)), (isRemoved) =>
          isRemoved ? Effect.void : Effect.fail(StoreProblems.notFound("tool-api", name))
        )
      )
      .handleRaw("test", ({ params: { name }, request }) =>
        Effect.gen(function* () {
          const { value } = yield* RequestBody.json(request)
          if (!isObject(value))
            return yield* Problem.make("arguments-invalid", {
              detail: "The body must be an object: the arguments of the call."
            })
          yield* AuditLog.tell({ details: { tool: name.slice(0, 200) } })
          const files = workspace.of(filesOfTrials)
          const call = { name, args: value, workspace: files, executionId: filesOfTrials }
          return { result: yield* Effect.mapError(ToolTrial.run(toolbox, call), failed) }
        })
      )
  })
)
