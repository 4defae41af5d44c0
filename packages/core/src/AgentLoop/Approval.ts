/**
 * Whether a person lets a call be made: asked once per call, and bound to exactly its arguments.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type * as Policy from "../Policy.ts"
import { hashOf, invalidArguments } from "../Tool.ts"
import type { Tool } from "../Toolbox.ts"
import type { Equipment } from "./Equipment.ts"
import type { Leg } from "./Leg.ts"
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
  readonly decision: Policy.Decision
}

const refused = (reason: string): Approval => ({ _tag: "Refused", reason })

/** The id of the new ask for a tool that has changed since it was approved. */
const again = (id: string, definition: string): string => `${id}.again.${definition.slice(0, 12)}`

/** True for the asks of a call, whose ids begin with `base`, that are approvals. */
export const isOf = (base: string, id: string | undefined): boolean =>
  id !== undefined && (id === base || id.startsWith(`${base}.again.`))

/** The arguments by which a person has replaced those of a call. */
export const editedArguments = ({ history }: Leg, base: string): Schema.JsonObject | undefined => {
  let edited: Schema.JsonObject | undefined
  for (const [id, { answer, arguments: args }] of history.answers)
    if (isOf(base, id)) edited = answer === "edit" ? args : undefined
  return edited
}

const isDeclared = ({ leg }: Equipment, tool: Tool): boolean => leg.task.approvals?.includes(tool.name) === true

/** True if the call needs no approval and none was requested. */
export const isFree = (
  equipment: Equipment,
  { decision, id, tool }: Pick<Options, "decision" | "id" | "tool">
): boolean =>
  decision.verdict === "allow" &&
  tool.approval === undefined &&
  !isDeclared(equipment, tool) &&
  equipment.leg.standing.askOf(id) === "unknown"

export const of = Effect.fnUntraced(function* (equipment: Equipment, options: Options): Effect.fn.Return<Approval> {
  const { leg } = equipment
  const { args, callId, id, tool } = options
  if (isFree(equipment, options)) return { _tag: "Allowed", args }
  const approved = (allowed: Approval) =>
    Effect.flatMap(hashOf(tool), (definition): Effect.Effect<Approval> => {
      const shown = leg.history.definitions.get(id)
      // Logs of earlier versions do not contain what was shown.
      if (shown === undefined || shown === definition) return Effect.succeed(allowed)
      return of(equipment, { ...options, id: again(id.replace(/\.again\.[0-9a-f]+$/, ""), definition) })
    })
  switch (leg.standing.askOf(id)) {
    case "unknown":
      return yield* ask(equipment, options)
    case "open":
      return { _tag: "Waiting", want: { group: { call: callId, tasks: [], signals: [id], need: "all" } } }
    case "approve":
      return yield* approved({ _tag: "Allowed", args })
    case "edit": {
      // Never the arguments that a person wanted changed.
      const edited = leg.history.answers.get(id)?.arguments
      return edited === undefined ? refused(Prompting.editLost) : yield* approved({ _tag: "Allowed", args: edited })
    }
    case "deny":
      return refused(Prompting.denied(leg.history.answers.get(id)?.reason))
    default:
      return refused(Prompting.notApproved)
  }
})

const ask = Effect.fnUntraced(function* (
  equipment: Equipment,
  { args, callId, decision, id, tool }: Options
): Effect.fn.Return<Approval> {
  const { leg } = equipment
  // Do not ask for approval of a call that cannot be made.
  const violations = JsonSchemaValidator.make(tool.parameters).validate(args)
  if (violations.length > 0) return refused(invalidArguments(tool.name, violations))
  const definition = yield* hashOf(tool)
  if (leg.standing.isApproved(tool.name, definition)) return { _tag: "Allowed", args }
  const isWanted = isDeclared(equipment, tool) || decision.verdict === "ask"
  const wanted = tool.approval === undefined ? Result.succeed(isWanted) : yield* Effect.result(tool.approval(args))
  if (Result.isFailure(wanted)) return refused(wanted.failure.message)
  if (wanted.success === false && !isWanted) return { _tag: "Allowed", args }
  const { timeoutMillis } = typeof wanted.success === "object" ? wanted.success : {}
  const reason = decision.verdict === "ask" ? { reason: decision.reason } : {}
  const shown = { tool: tool.name, description: tool.description, arguments: args, definition, ...reason }
  const asked: Ask.Ask = {
    id,
    kind: "approval",
    call: callId,
    tool: tool.name,
    definition,
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
  }
})
