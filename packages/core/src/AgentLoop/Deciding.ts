/** Whether a call of a task is made, by all policies that bind the task. */
import type * as Schema from "effect/Schema"
import * as Policy from "../Policy.ts"
import type * as Plan from "../Plan.ts"
import type { Tool } from "../Toolbox.ts"
import type { Equipment } from "./Equipment.ts"
import * as Exposure from "./Exposure.ts"

/** The policies that bind a task. */
export const policiesOf = (
  plan: Plan.Plan,
  task: Plan.PlannedTask,
  tenant: Policy.Policy | undefined
): ReadonlyArray<Policy.Scoped> => {
  const agent = plan.agents[task.agent]?.policy
  return [
    ...(tenant === undefined ? [] : [{ scope: "tenant" as const, ...tenant }]),
    ...(plan.policy === undefined ? [] : [{ scope: "crew" as const, ...plan.policy }]),
    ...(agent === undefined ? [] : [{ scope: "agent" as const, name: task.agent, ...agent }]),
    ...(task.policies ?? [])
  ]
}

/** What is decided about a call with these arguments. */
export const of = (
  { isOwn, leg, listed, policies }: Equipment,
  tool: Tool,
  { args, seen }: { readonly args: Schema.JsonObject; readonly seen: () => Exposure.Seen }
): Policy.Decision => {
  const isListed = isOwn(tool) || listed.has(tool.name)
  const isGenerated = leg.plan.generated === true && !isOwn(tool)
  const leadsOut = !isOwn(tool) && Exposure.leadsOut(tool)
  if (policies.length === 0 && isListed && !isGenerated && !leadsOut) return Policy.listed
  const exposure = leadsOut ? { ...seen(), leadsOut } : unexposed
  const call = { tool: tool.name, kind: tool.kind ?? Policy.defaultKind, arguments: args }
  return Policy.decide(call, policies, { isListed, isGenerated, exposure })
}

const unexposed: Policy.Exposure = { privateData: [], untrustedText: [], leadsOut: false }

/**
 * Tools that the author of the crew has given to the agent, or to the task. What a model lists in a
 * task that it adds is no author's.
 */
export const listedIn = (plan: Plan.Plan, { agent, codeOf, id }: Plan.PlannedTask): ReadonlySet<string> => {
  const listed = new Set(plan.agents[agent]?.tools)
  for (const task of plan.tasks) {
    const isOwn = task.id === id || task.id === codeOf || task.agent === agent
    if (isOwn) for (const tool of task.tools) listed.add(tool)
    if (isOwn || task.frame?.candidates.includes(agent) === true)
      for (const tool of task.frame?.tools ?? []) listed.add(tool)
  }
  return listed
}
