/**
 * What a suspended task may add and wait for, so that growth can make no cycle and no wait is
 * without an end: it waits only for tasks that it spawned and for signals, and what it spawns
 * depends only on siblings or on settled tasks.
 */
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import * as Execution from "../Execution.ts"
import type { TaskSuspended } from "../ExecutionEvent.ts"
import * as Suggestion from "../Suggestion.ts"

/** Tasks that an execution may grow by, besides those of the manager's office. */
export const maxGrowth = 200

type Suspension = Pick<TaskSuspended, "for" | "waits" | "spawn" | "asks" | "timers">

/**
 * True when an execution would grow by more tasks than it may. Tasks that it has already do not
 * count again.
 */
export const isTooMuch = (state: Execution.Execution, { for: what, spawn }: Suspension): boolean => {
  if (spawn.length === 0 || !Execution.isGrowth(what)) return false
  const added = spawn.filter(({ id }) => Execution.task(state, id) === undefined).length
  return added > 0 && state.grown + added > maxGrowth
}

/** What is wrong with a suspension, in words; `undefined` when nothing is. */
export const problemOf = (
  state: Execution.Execution,
  taskId: string,
  { asks = [], spawn, timers = [], waits }: Suspension
): string | undefined => {
  const own = new Set<string>()
  for (const { id } of [...asks, ...timers]) {
    if (!id.includes("/"))
      return `Task ${quote(taskId)} has an ask or timer with the id ${quote(id)}: the id must contain "/" to distinguish it from a signal.`
  }
  for (const { agent, id } of spawn) {
    if (!Object.hasOwn(state.plan.agents, agent)) {
      const agents = Object.keys(state.plan.agents)
      const hint = Suggestion.make().closest(agent, agents)
      const known = agents.map(quote).join(", ")
      return `Task ${quote(taskId)} adds the task ${quote(id)} for the agent ${quote(agent)}, which is not in the crew: ${hint === undefined ? `the agents are ${known}` : `did you mean ${quote(hint)}?`}`
    }
    const known = Execution.task(state, id)
    if (known !== undefined && known.parent !== taskId)
      return `Task ${quote(taskId)} adds a task ${quote(id)}, but a task with that name exists: choose another name.`
    own.add(id)
  }
  for (const id of waits.groups.flatMap(({ tasks }) => tasks)) {
    if (!own.has(id) && Execution.task(state, id)?.parent !== taskId)
      return `Task ${quote(taskId)} waits for ${quote(id)}, which it did not add: a task can wait only for tasks that it added.`
  }
  if (spawn.length === 0) return undefined
  // Siblings of earlier suspensions and settled tasks cannot come to depend on these: only what is
  // new can make a cycle.
  const isFixed = (id: string): boolean => {
    if (own.has(id)) return false
    const known = Execution.task(state, id)
    return known !== undefined && (known.parent === taskId || Execution.isSettled(known))
  }
  const nodes = spawn.map(({ dependencies, id }) => ({
    id,
    dependencies: dependencies.filter((each) => !isFixed(each))
  }))
  const made = Dag.make(nodes)
  if (Result.isSuccess(made)) return undefined
  return `Task ${quote(taskId)} adds tasks that cannot run; they may depend on each other and on settled tasks. ${made.failure
    .map(Dag.describe)
    .join(" ")}`
}

const quote = (id: string): string => JSON.stringify(id)
