/**
 * What a suspended task may add and wait for, so that growth can make no cycle and no wait is without an end: it waits only for
 * tasks that it spawned and for signals, and what it spawns depends only on siblings or on settled tasks.
 */
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import * as Execution from "../Execution.ts"
import type { Waits } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"

/** What is wrong with a suspension, in words; `undefined` when nothing is. */
export const problemOf = (
  state: Execution.Execution,
  taskId: string,
  suspension: { readonly waits: Waits; readonly spawn: ReadonlyArray<Plan.PlannedTask> }
): string | undefined => {
  const { spawn, waits } = suspension
  const own = new Set<string>()
  for (const { id } of spawn) {
    const known = Execution.task(state, id)
    if (known !== undefined && known.parent !== taskId)
      return `Task ${quote(taskId)} adds a task ${quote(id)}, but there is one of that name: choose another.`
    own.add(id)
  }
  for (const id of waits.tasks) {
    if (!own.has(id) && Execution.task(state, id)?.parent !== taskId)
      return `Task ${quote(taskId)} waits for ${quote(id)}, which it did not add: a task waits only for tasks of its own.`
  }
  if (spawn.length === 0) return undefined
  // Siblings of earlier suspensions and settled tasks cannot come to depend on these: only what is new can make a cycle.
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
