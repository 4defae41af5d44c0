/**
 * What decides about the calls of a task: its policies, and the tools that the author of the crew
 * has listed.
 */
import type * as Plan from "../Plan.ts"
import type * as Policy from "../Policy.ts"

/** The policies that apply to a task. */
export const policiesOf = (
  plan: Plan.Plan,
  task: Plan.PlannedTask,
  tenant: ReadonlyArray<Policy.Policy>
): ReadonlyArray<Policy.Scoped> => {
  const agent = plan.agents[task.agent]?.policy
  return [
    ...tenant.map((policy) => ({ scope: "tenant" as const, ...policy })),
    ...(plan.policy === undefined ? [] : [{ scope: "crew" as const, ...plan.policy }]),
    ...(agent === undefined ? [] : [{ scope: "agent" as const, name: task.agent, ...agent }]),
    ...(task.policies ?? [])
  ]
}

/** The authored tasks of a plan, and the tools that they give to each agent. */
interface Listing {
  readonly tasks: ReadonlyMap<string, Plan.PlannedTask>
  readonly tools: ReadonlyMap<string, ReadonlySet<string>>
}

const listingOf = (plan: Plan.Plan): Listing => {
  const tools = new Map(Object.entries(plan.agents).map(([name, agent]) => [name, new Set(agent.tools)]))
  const give = (agent: string, names: ReadonlyArray<string>) => {
    const given = tools.get(agent) ?? new Set<string>()
    for (const name of names) given.add(name)
    tools.set(agent, given)
  }
  for (const task of plan.tasks) {
    give(task.agent, task.tools)
    for (const agent of [task.agent, ...(task.frame?.candidates ?? [])]) give(agent, task.frame?.tools ?? [])
  }
  return { tasks: new Map(plan.tasks.map((task) => [task.id, task])), tools }
}

/**
 * Cached, because every turn needs it: reading all tasks each time would make executions quadratic.
 */
const listings = new WeakMap<Plan.Plan, Listing>()

/**
 * Tools that the author of the crew has listed for the agent or the task. Tools that a model lists
 * in a task that it adds are not included.
 */
export const listedIn = (plan: Plan.Plan, { agent, codeOf, id }: Plan.PlannedTask): ReadonlySet<string> => {
  let listing = listings.get(plan)
  if (listing === undefined) listings.set(plan, (listing = listingOf(plan)))
  const { tasks, tools } = listing
  const listed = tools.get(agent) ?? new Set<string>()
  // Tasks that belong to other agents, such as one that was reassigned.
  const others = [id, codeOf].flatMap((name) => {
    const task = name === undefined ? undefined : tasks.get(name)
    return task === undefined || task.agent === agent ? [] : [...task.tools, ...(task.frame?.tools ?? [])]
  })
  return others.length === 0 ? listed : new Set([...listed, ...others])
}
