/** Handlers of `/api/v1/tools`. */
import * as Policy from "@crewline/core/Policy"
import * as CoreTool from "@crewline/core/Tool"
import { Toolbox, ToolFailed, type Tool, type ToolError } from "@crewline/core/Toolbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { Api } from "../Api.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** A JSON Schema is JSON, which its type in Effect does not express. */
const asJson = (schema: object) => JSON.parse(JSON.stringify(schema)) as Schema.JsonObject

const shown = (tool: Tool) =>
  Effect.map(CoreTool.hashOf(tool), (hash) => ({
    name: tool.name,
    description: tool.description,
    parameters: asJson(tool.parameters),
    ...(tool.output === undefined ? {} : { output: asJson(tool.output) }),
    kind: tool.kind ?? CoreTool.defaultKind,
    source: tool.source ?? ("code" as const),
    idempotent: tool.idempotent,
    hash
  }))

const isObject = Schema.is(Schema.JsonObject)

/** The codes of failed calls that have their own problem. */
const codes = ["arguments-invalid", "path-refused", "address-refused", "policy-denied"] as const

const failed = ({ code, message: detail }: ToolError) => {
  const known = codes.find((each) => each === code)
  return known === undefined
    ? Problem.make("tool-failed", { detail, ...(code === undefined ? {} : { reason: code }) })
    : Problem.make(known, { detail })
}

/** The files of test calls; they belong to no execution. */
const filesOfTrials = "tool-trials"

/** A call outside of any crew. */
const trial = (tool: Tool, args: Schema.JsonObject, workspace: Workspace.Files) =>
  Effect.gen(function* () {
    const { name, need, timeoutMillis } = tool
    if (need !== undefined) {
      const message = `The tool "${name}" waits for a person, for other tasks or for a time: only an agent can call it.`
      return yield* new ToolFailed({ message, code: "needs-crew" })
    }
    const id = `trial/${randomUUID()}`
    const work = tool.execute(args, {
      tenant: yield* Tenant.Current,
      executionId: filesOfTrials,
      taskId: "trial",
      run: 1,
      turn: 1,
      agent: "operator",
      callId: id,
      idempotencyKey: id,
      workspace
    })
    if (timeoutMillis === undefined) return yield* work
    const message = `The tool "${name}" did not finish within its time limit of ${timeoutMillis} ms; it was stopped.`
    return yield* Effect.timeoutOrElse(work, {
      duration: timeoutMillis,
      orElse: () => Effect.fail(new ToolFailed({ message, code: "timeout" }))
    })
  })

export const layer = HttpApiBuilder.group(
  Api,
  "tools",
  Effect.fnUntraced(function* (handlers) {
    const toolbox = yield* Toolbox
    const workspace = yield* Workspace.Workspace
    return handlers
      .handle("list", () =>
        Effect.flatMap(toolbox.list, (tools) => Effect.map(Effect.forEach(tools, shown), (items) => ({ items })))
      )
      .handleRaw("test", ({ params: { name }, request }) =>
        Effect.gen(function* () {
          const { value } = yield* RequestBody.json(request)
          if (!isObject(value))
            return yield* Problem.make("arguments-invalid", {
              detail: "The body must be an object: the arguments of the call."
            })
          yield* AuditLog.tell({ details: { tool: name.slice(0, 200) } })
          const tool = yield* Effect.mapError(toolbox.get(name), ({ message }) =>
            Problem.make("not-found", { resource: "tool", id: name, detail: message })
          )
          const args = yield* Effect.mapError(Effect.fromResult(CoreTool.resolveArguments(tool, value)), failed)
          const policy = yield* Effect.catch(toolbox.policy ?? Effect.undefined, () =>
            StoreProblems.unavailable({ isRetryable: true })
          )
          const call = { tool: name, kind: tool.kind ?? Policy.defaultKind, arguments: args }
          const exposure = { privateData: [], untrustedText: [], leadsOut: false }
          const decision = Policy.decide(call, policy === undefined ? [] : [{ scope: "tenant", ...policy }], {
            isListed: true,
            isGenerated: false,
            exposure
          })
          if (decision.verdict === "deny") return yield* Problem.make("policy-denied", { detail: decision.reason })
          const result = yield* Effect.mapError(trial(tool, args, workspace.of(filesOfTrials)), failed)
          return { result }
        })
      )
  })
)
