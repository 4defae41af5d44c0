/**
 * Removes each `dependsOn` that another path implies: the task named there always ends before the
 * one that names it. The behavior after a failure is unchanged, because it reaches dependents at
 * any distance.
 */
import * as Struct from "effect/Struct"
import type { Definition } from "../../Crew.ts"
import type { Task } from "../../Task.ts"
import type { Changed } from "./Changed.ts"
import * as TaskGraph from "../TaskGraph.ts"

export const apply = (definition: Definition): Changed => {
  const changes: Array<string> = []
  const dag = TaskGraph.make(definition)
  const tasks = Object.entries(definition.tasks).map(([name, task], index): [string, Task] => {
    const { dependsOn } = task
    if (dependsOn === undefined || dependsOn.length === 0) return [name, task]
    const names = Object.keys(definition.tasks)
    const { context = [], when } = task
    // The tasks that it waits for without `dependsOn`.
    const fixed = new Set([...context, ...(when === undefined ? [] : [when.task])])
    if (definition.process === "sequential" && index > 0) fixed.add(names[index - 1]!)
    const others = Array.from(dag.dependencies(index))
    // In an acyclic graph no two dependencies can imply each other, so all implied ones can be
    // removed together.
    const implied = ancestorsOf(dag, others)
    const kept: Array<string> = []
    for (const needed of new Set(dependsOn)) {
      if (fixed.has(needed)) changes.push(`The task ${name} waits for ${needed} already: removed from its dependsOn.`)
      else if (implied.has(dag.indexOf(needed)))
        changes.push(`The task ${name} waits for ${needed} already, through another task: removed from its dependsOn.`)
      else kept.push(needed)
    }
    if (kept.length === dependsOn.length) return [name, task]
    return [name, kept.length === 0 ? Struct.omit(task, ["dependsOn"]) : { ...task, dependsOn: kept }]
  })
  return changes.length === 0
    ? { definition, changes }
    : { definition: { ...definition, tasks: Object.fromEntries(tasks) }, changes }
}

/**
 * All direct and indirect dependencies of the given tasks. A given task is included only if another
 * one waits for it.
 */
const ancestorsOf = (dag: ReturnType<typeof TaskGraph.make>, from: ReadonlyArray<number>): ReadonlySet<number> => {
  const found = new Set<number>()
  const pending = [...from]
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    for (const needed of dag.dependencies(index)) {
      if (found.has(needed)) continue
      found.add(needed)
      pending.push(needed)
    }
  }
  return found
}
