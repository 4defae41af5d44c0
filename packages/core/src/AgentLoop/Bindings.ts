/** What binds the calls of a task: policies, and which tools the author of the crew has listed. */
import type * as Plan from "../Plan.ts"
import type * as Policy from "../Policy.ts"

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
