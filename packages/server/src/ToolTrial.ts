/**
 * One call of a tool outside of any crew, by an operator. Guards hold and so do the denials of the
 * tenant; what the tenant asks a person about is made, because a person has asked for it.
 */
import * as Policy from "@crewline/core/Policy"
import * as Tenant from "@crewline/core/Tenant"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import type * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"

export interface Options {
  readonly name: string
  readonly args: Schema.JsonObject
  readonly workspace: Workspace.Files
  /** In whose name the files are; they belong to no execution. */
  readonly executionId: string
}

export type Failure = Toolbox.ToolError | Toolbox.UnknownTool | Toolbox.ToolsUnavailable | Toolbox.PolicyUnavailable

export const run = Effect.fn("ToolTrial.run")(function* (
  toolbox: Toolbox.Toolbox["Service"],
  { args, executionId, name, workspace }: Options
): Effect.fn.Return<Schema.Json, Failure> {
  const tool = yield* toolbox.get(name)
  const resolved = yield* Effect.fromResult(Tool.resolveArguments(tool, args))
  const policies = yield* Toolbox.policies(toolbox)
  const { reason, verdict } = Policy.decide(
    { tool: name, kind: tool.kind ?? Policy.defaultKind, arguments: resolved },
    policies.map((policy) => ({ scope: "tenant", ...policy })),
    { isListed: true, isGenerated: false, exposure: { privateData: [], untrustedText: [], leadsOut: false } }
  )
  if (verdict === "deny") return yield* new Toolbox.ToolFailed({ message: reason, code: "policy-denied" })
  const { need, timeoutMillis } = tool
  if (need !== undefined) {
    const message = `The tool "${name}" waits for a person, for other tasks or for a time: only an agent can call it.`
    return yield* new Toolbox.ToolFailed({ message, code: "needs-crew" })
  }
  const id = `trial/${randomUUID()}`
  const work = tool.execute(resolved, {
    tenant: yield* Tenant.Current,
    executionId,
    taskId: "trial",
    run: 1,
    turn: 1,
    agent: "operator",
    callId: id,
    idempotencyKey: id,
    workspace
  })
  if (timeoutMillis === undefined) return yield* work
  return yield* Effect.timeoutOrElse(work, {
    duration: timeoutMillis,
    orElse: () => {
      const message = `The tool "${name}" did not finish within its time limit of ${timeoutMillis / 1_000} s; it was stopped.`
      return Effect.fail(new Toolbox.ToolFailed({ message, code: "timeout" }))
    }
  })
})
