/**
 * How far tasks are from the end of their graph: by that every queue decides which of those that
 * are ready is first.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import * as Execution from "../Execution.ts"
import type * as Plan from "../Plan.ts"
import type * as TaskQueue from "../TaskQueue.ts"

/**
 * Of each node, the longest way to a final task, in tasks, among the nodes that are given together,
 * also those that the queue knows already, and beyond them as far as a node says. Of those of one
 * id the first counts, the others have none. Nothing has a depth where tasks wait for each other or
 * for themselves.
 */
export const depthsOf = (nodes: ReadonlyArray<TaskQueue.Node>): Int32Array => {
  const depths = new Int32Array(nodes.length)
  if (nodes.length === 1 && nodes[0]!.dependencies.length === 0) return depths.fill(nodes[0]!.following ?? 0)
  const made = Dag.within(nodes)
  if (Result.isFailure(made)) return depths
  const graph = made.success
  const lengths = Dag.longestPathToSink(graph)
  const isEach = graph.size === nodes.length
  for (let at = 0, index = 0; index < graph.size; at++) {
    const { following = 0, id } = nodes[at]!
    if (isEach || graph.indexOf(id) === index) depths[at] = lengths[index++]! - 1 + following
  }
  return depths
}

/**
 * How many tasks follow, on the longest way, after those that a task has spawned: itself, and what
 * follows after it. A function of the task's id, which works each out once.
 */
export const followingOf = (state: Execution.Execution): ((parent: string) => number) => {
  const known = new Map<string, number>()
  const depthIn = (tasks: ReadonlyArray<Plan.PlannedTask>, id: string) => depthsById(tasks).get(id) ?? 0
  const following = (parent: string): number => {
    const found = known.get(parent)
    if (found !== undefined) return found
    const grandparent = Execution.task(state, parent)?.parent
    const depth =
      grandparent === undefined
        ? depthIn(state.plan.tasks, parent)
        : depthIn(siblingsIn(state, grandparent), parent) + following(grandparent)
    known.set(parent, depth + 1)
    return depth + 1
  }
  return following
}

/** By the list of ids, which is replaced when it grows. */
const siblings = new WeakMap<object, ReadonlyArray<Plan.PlannedTask>>()

const siblingsIn = (state: Execution.Execution, parent: string): ReadonlyArray<Plan.PlannedTask> => {
  const ids = Option.getOrElse(HashMap.get(state.children, parent), () => none)
  let tasks = siblings.get(ids)
  if (tasks === undefined) siblings.set(ids, (tasks = ids.map((id) => Execution.task(state, id)!.plan)))
  return tasks
}

const none: ReadonlyArray<string> = []

/** By the list of tasks, which never changes. */
const depths = new WeakMap<object, ReadonlyMap<string, number>>()

const depthsById = (tasks: ReadonlyArray<Plan.PlannedTask>): ReadonlyMap<string, number> => {
  let known = depths.get(tasks)
  if (known === undefined) {
    const list = depthsOf(tasks.map(({ dependencies, id }) => ({ id, dependencies })))
    depths.set(tasks, (known = new Map(tasks.map(({ id }, at) => [id, list[at]!]))))
  }
  return known
}
