/**
 * Whom the end of a task reaches: those that it spawned, and those that depend on it. Takes time for what it finds, not for what
 * there is: every task ends once.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Execution from "../Execution.ts"
import type * as Plan from "../Plan.ts"

const childrenOf = (state: Execution.Execution, id: string): ReadonlyArray<string> =>
  Option.getOrElse(HashMap.get(state.children, id), () => none)

const none: ReadonlyArray<string> = []

/** Task ids: those of the plan in declared order, then spawned ones by name, so that the same state decides the same events. */
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

/** Who depends on whom among tasks that are fixed: those of a plan, or all that one task has spawned. */
interface Graph {
  /** The place of each task among those that are found. */
  readonly position: ReadonlyMap<string, number>
  readonly dependents: ReadonlyMap<string, ReadonlyArray<string>>
}

/** By the list of tasks, which is replaced when it grows. */
const graphs = new WeakMap<object, Graph>()

const graphOf = (list: object, tasks: () => ReadonlyArray<Plan.PlannedTask>): Graph => {
  const known = graphs.get(list)
  if (known !== undefined) return known
  const position = new Map<string, number>()
  const dependents = new Map<string, Array<string>>()
  for (const { dependencies, id } of tasks()) {
    position.set(id, position.size)
    for (const dependency of dependencies) {
      const others = dependents.get(dependency)
      if (others === undefined) dependents.set(dependency, [id])
      else others.push(id)
    }
  }
  const graph = { position, dependents }
  graphs.set(list, graph)
  return graph
}

/**
 * Unsettled tasks that depend, directly or not, on this one: in declared order, spawned ones by name. What was spawned depends on
 * siblings or on what was settled before, so only siblings come into question.
 */
export const dependentsOf = (state: Execution.Execution, root: string): ReadonlyArray<string> => {
  const { parent } = Execution.task(state, root)!
  const siblings = parent === undefined ? none : childrenOf(state, parent)
  const { dependents, position } =
    parent === undefined
      ? graphOf(state.plan.tasks, () => state.plan.tasks)
      : graphOf(siblings, () => siblings.toSorted().map((id) => Execution.task(state, id)!.plan))
  if (!dependents.has(root)) return none
  const found = new Set<string>()
  const queue = [root]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const id of dependents.get(next) ?? none) {
      if (found.has(id)) continue
      found.add(id)
      queue.push(id)
    }
  }
  return [...found]
    .filter((id) => !Execution.isSettled(Execution.task(state, id)!))
    .sort((a, b) => position.get(a)! - position.get(b)!)
}
