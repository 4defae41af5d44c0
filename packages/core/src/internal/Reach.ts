/** Whom the end of a task reaches: those that it spawned, and those that depend on it. */
import * as HashMap from "effect/HashMap"
import * as Execution from "../Execution.ts"

/** Task ids: those of the plan in declared order, then spawned ones by name, so that the same state decides the same events. */
export const inOrder = (state: Execution.Execution): ReadonlyArray<string> => {
  const planned = state.plan.tasks.map((task) => task.id)
  if (planned.length === HashMap.size(state.tasks)) return planned
  const known = new Set(planned)
  const spawned: Array<string> = []
  for (const task of HashMap.values(state.tasks)) if (!known.has(task.plan.id)) spawned.push(task.plan.id)
  return [...planned, ...spawned.sort()]
}

/** Unsettled tasks that were spawned, directly or not, by one of these. */
export const spawnedBy = (state: Execution.Execution, ancestors: ReadonlySet<string>): ReadonlyArray<string> => {
  if (HashMap.size(state.tasks) === state.plan.tasks.length) return []
  const found: Array<string> = []
  for (const id of inOrder(state)) {
    const task = Execution.task(state, id)!
    if (Execution.isSettled(task)) continue
    let parent = task.parent
    while (parent !== undefined) {
      if (ancestors.has(parent)) {
        found.push(id)
        break
      }
      parent = Execution.task(state, parent)?.parent
    }
  }
  return found
}

/** Unsettled tasks that depend, directly or not, on this one, in declared order. */
export const dependentsOf = (state: Execution.Execution, root: string): ReadonlyArray<string> => {
  const dependents = new Map<string, Array<string>>()
  const order = inOrder(state)
  for (const id of order) {
    for (const dependency of Execution.task(state, id)!.plan.dependencies) {
      const list = dependents.get(dependency)
      if (list === undefined) dependents.set(dependency, [id])
      else list.push(id)
    }
  }
  const found = new Set<string>()
  const queue = [root]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const id of dependents.get(next) ?? []) {
      if (found.has(id)) continue
      found.add(id)
      queue.push(id)
    }
  }
  return order.filter((id) => found.has(id) && !Execution.isSettled(Execution.task(state, id)!))
}
