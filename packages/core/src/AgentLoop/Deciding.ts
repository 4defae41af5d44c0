/** Decides whether a call of a task is made, by all policies that apply to the task. */
import type * as Schema from "effect/Schema"
import * as Policy from "../Policy.ts"
import type { Equipment } from "./Equipment.ts"
import * as Exposure from "./Exposure.ts"
import type { Present } from "./Present.ts"

/** The decision about a call with these arguments. */
export const of = (
  { found, isOwn, leg, listed }: Equipment,
  { isChanged, policies, tool }: Present,
  { args, seen }: { readonly args: Schema.JsonObject; readonly seen: () => Exposure.Seen }
): Policy.Decision => {
  const call = { tool: tool.name, kind: tool.kind ?? Policy.defaultKind, arguments: args }
  const isListed = isOwn(tool) || listed.has(tool.name) || (found.has(tool.name) && isAllowed(call, policies))
  const isGenerated = leg.plan.generated === true && !isOwn(tool)
  const leadsOut = !isOwn(tool) && Exposure.leadsOut(tool)
  if (policies.length === 0 && isListed && !isGenerated && !leadsOut && !isChanged) return Policy.listed
  const exposure = leadsOut ? { ...seen(), leadsOut } : unexposed
  return Policy.decide(call, policies, { isListed, isGenerated, isChanged, exposure })
}

const unexposed: Policy.Exposure = { privateData: [], untrustedText: [], leadsOut: false }

/** The author of the crew lists tools that are found by a rule. */
const isAllowed = (call: Policy.Call, policies: ReadonlyArray<Policy.Scoped>): boolean =>
  Policy.isAllowed(
    call,
    policies.filter(({ scope }) => scope !== "tenant")
  )
