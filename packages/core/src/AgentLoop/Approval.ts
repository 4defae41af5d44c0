/**
 * Whether a person lets a call be made: asked once per call, and bound to exactly its arguments.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import { invalidArguments } from "../Tool.ts"
import type { Tool } from "../Toolbox.ts"
import type { Equipment } from "./Equipment.ts"
import * as Prompting from "./Prompting.ts"
import type { Want } from "./Suspension.ts"

/** `Allowed` with the arguments that the tool is called with. */
export type Approval =
  | { readonly _tag: "Allowed"; readonly args: Schema.JsonObject }
  | { readonly _tag: "Refused"; readonly reason: string }
  | { readonly _tag: "Waiting"; readonly want: Want }

export interface Options {
  /** The id of the ask. */
  readonly id: string
  readonly callId: string
  readonly tool: Tool
  readonly args: Schema.JsonObject
}

const refused = (reason: string): Approval => ({ _tag: "Refused", reason })

/** True when no call of the tool in this task is ever asked about. */
export const isFree = ({ leg }: Equipment, tool: Tool): boolean =>
  tool.approval === undefined && leg.task.approvals?.includes(tool.name) !== true

export const of = Effect.fnUntraced(function* (equipment: Equipment, options: Options) {
  const { leg } = equipment
  const { args, callId, id, tool } = options
  if (isFree(equipment, tool)) return { _tag: "Allowed", args } satisfies Approval
  switch (leg.standing.askOf(id)) {
    case "unknown":
      return yield* ask(equipment, options)
    case "open":
      return {
        _tag: "Waiting",
        want: { group: { call: callId, tasks: [], signals: [id], need: "all" } }
      } satisfies Approval
    case "approve":
      return { _tag: "Allowed", args } satisfies Approval
    case "edit": {
      // Never the arguments that a person wanted changed.
      const edited = leg.history.answers.get(id)?.arguments
      return edited === undefined ? refused(Prompting.editLost) : ({ _tag: "Allowed", args: edited } satisfies Approval)
    }
    case "deny":
      return refused(Prompting.denied(leg.history.answers.get(id)?.reason))
    default:
      return refused(Prompting.notApproved)
  }
})

const ask = Effect.fnUntraced(function* ({ leg }: Equipment, { args, callId, id, tool }: Options) {
  // Do not ask for approval of a call that cannot be made.
  const violations = JsonSchemaValidator.make(tool.parameters).validate(args)
  if (violations.length > 0) return refused(invalidArguments(tool.name, violations))
  if (leg.standing.isApproved(tool.name)) return { _tag: "Allowed", args } satisfies Approval
  const isDeclared = leg.task.approvals?.includes(tool.name) === true
  const wanted = tool.approval === undefined ? Result.succeed(isDeclared) : yield* Effect.result(tool.approval(args))
  if (Result.isFailure(wanted)) return refused(wanted.failure.message)
  if (wanted.success === false && !isDeclared) return { _tag: "Allowed", args } satisfies Approval
  const { timeoutMillis } = typeof wanted.success === "object" ? wanted.success : {}
  const shown = { tool: tool.name, description: tool.description, arguments: args }
  const asked: Ask.Ask = {
    id,
    kind: "approval",
    call: callId,
    tool: tool.name,
    title: Ask.titleOf(`${leg.task.title ?? leg.task.id}: may ${leg.task.agent} call ${tool.name}?`),
    shown,
    hash: yield* Ask.hashOf(shown),
    schema: tool.parameters,
    ...(timeoutMillis === undefined ? {} : { deadlineMillis: timeoutMillis }),
    onSilence: "deny",
    answerableBy: Ask.defaultAnswerers
  }
  return {
    _tag: "Waiting",
    want: { group: { call: callId, tasks: [], signals: [id], need: "all" }, asks: [asked] }
  } satisfies Approval
})
