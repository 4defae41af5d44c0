/**
 * How far an output can be trusted: as far as the least trusted of what its agent was shown by
 * tools and memory.
 */
import * as Manager from "../Manager.ts"
import { isTrusted, leastTrusted, Origin, searchTool } from "../MemoryOptions.ts"
import * as Schema from "effect/Schema"
import type { Conversation } from "./Conversation.ts"
import { type Equipment, toolOf } from "./Equipment.ts"
import * as ShownResult from "./ShownResult.ts"

const isOrigin = Schema.is(Origin)

export const of = (equipment: Equipment, conversation: Conversation): Origin => {
  const { leg } = equipment
  let trust: Origin = leastTrusted("agent", leg.history.recalled ?? "user")
  for (const { trust: each } of leg.memories) trust = leastTrusted(trust, each)
  for (const { name, result } of conversation.results())
    trust = leastTrusted(trust, originOf(name, result, toolOf(equipment, name)?.origin))
  return withNested(equipment, isTrusted(trust, "agent") ? "agent" : trust)
}

/** The less trusted one of this and of what tools were answered that called others. */
export const withNested = (equipment: Equipment, trust: Origin): Origin =>
  equipment.nested.reduce(
    (least, { name, result }) => leastTrusted(least, originOf(name, result, toolOf(equipment, name)?.origin)),
    trust
  )

const originOf = (name: string, result: unknown, declared: Origin | undefined): Origin => {
  // Its beginning was shown as the result of a different tool.
  if (name === ShownResult.name) return "agent"
  // What other agents answered is trusted as their tasks are.
  if (Manager.Delegation.isDelegation(name)) return "agent"
  // Its results say themselves how far they can be trusted.
  if (name !== searchTool) return declared ?? "tool"
  const trust = typeof result === "object" && result !== null && "trust" in result ? result.trust : undefined
  return isOrigin(trust) ? trust : "tool"
}
