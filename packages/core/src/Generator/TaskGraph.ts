/**
 * The dependencies of a valid crew's tasks, as its plan will have them: `context`, `dependsOn`, the
 * condition's task and, in a sequential crew, the task before.
 */
import * as Result from "effect/Result"
import type { Definition } from "../Crew.ts"
import * as Dag from "../Dag.ts"

/** What each task waits for, by name, in declared order. */
export const dependencies = ({ process, tasks }: Definition): ReadonlyMap<string, ReadonlyArray<string>> => {
  const names = Object.keys(tasks)
  return new Map(
    names.map((name, index) => {
      const { context = [], dependsOn = [], when } = tasks[name]!
      const condition = when === undefined ? [] : [when.task]
      const before = process === "sequential" && index > 0 ? [names[index - 1]!] : []
      return [name, [...new Set([...context, ...dependsOn, ...condition, ...before])]]
    })
  )
}

/**
 * The tasks whose outputs a task reads. In a sequential crew: all before it, unless it names some.
 */
export const contextOf = ({ process, tasks }: Definition, name: string): ReadonlyArray<string> => {
  const { context } = tasks[name]!
  if (context !== undefined) return context
  const names = Object.keys(tasks)
  return process === "sequential" ? names.slice(0, names.indexOf(name)) : []
}

/**
 * The graph of a valid crew. Throws on a cycle or an unknown task, which `Crew.validate` reports.
 */
export const make = (definition: Definition): Dag.Dag =>
  Result.getOrThrowWith(
    Dag.make(Array.from(dependencies(definition), ([id, needed]) => ({ id, dependencies: needed }))),
    (problems) => new TypeError(`The crew is not valid: ${problems.map(Dag.describe).join(" ")}`)
  )
