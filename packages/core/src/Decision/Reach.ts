/**
 * Whom the end of a task reaches: those that it spawned, and those that depend on it. Takes time
 * for what it finds, not for what there is: every task ends once.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import * as Execution from "../Execution.ts"
import type * as Plan from "../Plan.ts"

const childrenOf = (state: Execution.Execution, id: string): ReadonlyArray<string> =>
  Option.getOrElse(HashMap.get(state.children, id), () => none)

const none: ReadonlyArray<string> = []

/**
 * Task ids: those of the plan in declared order, then spawned ones by name, so that the same state
 * decides the same events.
 */
export const inOrder = (state: Execution.Execution): ReadonlyArray<string> => {
  const planned = state.plan.tasks.map((task) => task.id)
  return [...planned, ...[...HashMap.values(state.children)].flat().sort()]
}

/** Unsettled tasks that were spawned, directly or not, by this one. */
export const spawnedBy = (state: Execution.Execution, ancestor: string): ReadonlyArray<string> => {
  if (HashMap.isEmpty(state.children)) return none
  const found: Array<string> = []
  const queue = [...childrenOf(state, ancestor)]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (!Execution.isSettled(Execution.task(state, next)!)) found.push(next)
    for (const id of childrenOf(state, next)) queue.push(id)
  }
  return found.sort()
}

/** By the list of tasks, which is replaced when it grows. */
const graphs = new WeakMap<object, Dag.Dag>()

const graphBy = (list: object, tasks: () => ReadonlyArray<Plan.PlannedTask>): Dag.Dag => {
  const known = graphs.get(list)
  if (known !== undefined) return known
  const graph = Result.getOrThrowWith(
    Dag.within(tasks()),
    (problems) => new TypeError(`Invalid plan. ${problems.map(Dag.describe).join(" ")}`)
  )
  graphs.set(list, graph)
  return graph
}

/** The graph of a plan; made once. */
export const graphOf = ({ tasks }: Plan.Plan): Dag.Dag => graphBy(tasks, () => tasks)

/**
 * What one task has spawned, by name. It depends on siblings, and on others only where these were
 * settled before.
 */
const siblingsOf = (state: Execution.Execution, parent: string): Dag.Dag => {
  const ids = childrenOf(state, parent)
  return graphBy(ids, () => ids.toSorted().map((id) => Execution.task(state, id)!.plan))
}

/**
 * Unsettled tasks that depend, directly or not, on this one: in declared order, spawned ones by
 * name. The result of the crew is written from what there is.
 */
export const dependentsOf = (state: Execution.Execution, root: string): ReadonlyArray<string> => {
  const { parent } = Execution.task(state, root)!
  const graph = parent === undefined ? graphOf(state.plan) : siblingsOf(state, parent)
  return [...Dag.reachable(graph, [root])].filter((id) => {
    const task = Execution.task(state, id)!
    return !Execution.isSettled(task) && task.plan.office !== "synthesise"
  })
}
