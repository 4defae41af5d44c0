/**
 * What is wrong with the tasks of a graph, all of it, and their topological order if nothing is.
 */
import { type Node, none, type Rows } from "./Graph.ts"

/** Why a graph was rejected. `describe` makes a message of it. */
export type Problem =
  /** Several tasks share the id. */
  | { readonly code: "duplicate-task"; readonly id: string }
  | { readonly code: "self-dependency"; readonly id: string }
  | { readonly code: "unknown-dependency"; readonly id: string; readonly dependency: string }
  /**
   * Each task of the path depends on the next; the first, which is the one declared first, is also
   * the last.
   */
  | { readonly code: "cycle"; readonly path: ReadonlyArray<string> }

/** Tasks by index, in declaration order. */
export interface Resolved {
  readonly indexes: ReadonlyMap<string, number>
  readonly rows: Rows
}

/**
 * Gives tasks their indexes and turns names into indexes. Of tasks with one id the first counts;
 * the dependencies of the others are checked but not followed, lest they report a cycle that a name
 * of their own would remove.
 */
export const resolve = (nodes: ReadonlyArray<Node>, problems: Array<Problem>): Resolved => {
  const indexes = new Map<string, number>()
  let most = 0
  for (const { dependencies, id } of nodes) {
    if (!indexes.has(id)) indexes.set(id, indexes.size)
    most += dependencies.length
  }
  const offsets = new Int32Array(indexes.size + 1)
  const targets = new Int32Array(most)
  /**
   * By target the last task that depends on it, from 1: a dependency that is named twice counts
   * once.
   */
  const dependent = new Int32Array(indexes.size)
  let tasks = 0
  let edges = 0
  for (const { dependencies, id } of nodes) {
    const isDuplicate = indexes.get(id) !== tasks
    if (isDuplicate) problems.push({ code: "duplicate-task", id })
    for (const dependency of dependencies) {
      const target = indexes.get(dependency)
      if (dependency === id) problems.push({ code: "self-dependency", id })
      else if (target === undefined) problems.push({ code: "unknown-dependency", id, dependency })
      else if (!isDuplicate && dependent[target] !== tasks + 1) {
        dependent[target] = tasks + 1
        targets[edges++] = target
      }
    }
    if (!isDuplicate) offsets[++tasks] = edges
  }
  return { indexes, rows: { offsets, targets } }
}

/** Dependencies first; each circle of tasks that wait for each other is a problem. */
export const sort = (resolved: Resolved, problems: Array<Problem>): Int32Array =>
  isSorted(resolved.rows)
    ? Int32Array.from({ length: resolved.indexes.size }, (_, index) => index)
    : components(resolved, problems)

/** Most declarations are: then the order is their own. */
const isSorted = ({ offsets, targets }: Rows): boolean => {
  for (let index = 0; index < offsets.length - 1; index++)
    for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++) if (targets[edge]! >= index) return false
  return true
}

/**
 * Tarjan's strongly connected components, with a stack of its own. They come out dependencies
 * first, so that single ones are the topological order; each larger one is a cycle.
 */
const components = ({ indexes, rows }: Resolved, problems: Array<Problem>): Int32Array => {
  const { offsets, targets } = rows
  const size = indexes.size
  const closed = 0x7fffffff
  const found = new Int32Array(size)
  const low = new Int32Array(size)
  const edge = offsets.slice(0, size)
  const path = new Int32Array(size)
  const open = new Int32Array(size)
  const order = new Int32Array(size)
  const cyclic: Array<Int32Array> = []
  let opened = 0
  let ordered = 0
  let count = 0
  for (let root = 0; root < size; root++) {
    let depth = 0
    for (let entered = found[root] === 0 ? root : none; entered !== none || depth > 0;) {
      if (entered !== none) {
        found[entered] = low[entered] = ++count
        path[depth++] = open[opened++] = entered
        entered = none
      }
      const task = path[depth - 1]!
      if (edge[task]! < offsets[task + 1]!) {
        const dependency = targets[edge[task]!++]!
        if (found[dependency] === 0) entered = dependency
        else low[task] = Math.min(low[task]!, found[dependency]!)
        continue
      }
      depth--
      if (depth > 0) low[path[depth - 1]!] = Math.min(low[path[depth - 1]!]!, low[task]!)
      if (low[task] !== found[task]) continue
      const end = opened
      do found[open[--opened]!] = closed
      while (open[opened] !== task)
      if (end - opened === 1) order[ordered++] = task
      else cyclic.push(open.slice(opened, end).sort())
    }
  }
  if (cyclic.length > 0) for (const cycle of cycles({ indexes, rows }, cyclic)) problems.push(cycle)
  return order
}

/**
 * For each component a shortest cycle through its first task, found breadth first; the first
 * declared comes first.
 */
const cycles = ({ indexes, rows }: Resolved, found: ReadonlyArray<Int32Array>): ReadonlyArray<Problem> => {
  const { offsets, targets } = rows
  const ids = [...indexes.keys()]
  const componentOf = new Int32Array(ids.length).fill(none)
  const cameFrom = new Int32Array(ids.length).fill(none)
  found.forEach((component, number) => component.forEach((task) => (componentOf[task] = number)))
  const sorted = [...found].sort((left, right) => left[0]! - right[0]!)
  return sorted.map((component): Problem => {
    const start = component[0]!
    const queue = [start]
    for (let head = 0; cameFrom[start] === none; head++) {
      const task = queue[head]!
      for (let edge = offsets[task]!; edge < offsets[task + 1]!; edge++) {
        const dependency = targets[edge]!
        if (componentOf[dependency] !== componentOf[start] || cameFrom[dependency] !== none) continue
        cameFrom[dependency] = task
        queue.push(dependency)
      }
    }
    const path = [ids[start]!]
    for (let task = cameFrom[start]!; task !== start; task = cameFrom[task]!) path.push(ids[task]!)
    path.push(ids[start]!)
    return { code: "cycle", path: path.reverse() }
  })
}

/**
 * Several declarations of one task, or duplicate names, may have the same fault: it is reported
 * once.
 */
export const distinct = (problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => [
  ...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()
]
