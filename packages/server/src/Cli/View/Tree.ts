/**
 * Draws a task graph as an accurate tree: a task is placed below the nearest task that is on all
 * paths to it (its immediate dominator), so every task below another really has to wait for it, and
 * every task appears exactly once. A chain without branches stays flat. Spawned tasks are placed
 * below the task that added them, before those that come after it.
 *
 * Dominators of an acyclic graph in one pass over a topological order: Cooper, Harvey, Kennedy, "A
 * Simple, Fast Dominance Algorithm" (2001), where a graph without cycles needs no iteration.
 */
import * as Dag from "@crewline/core/Dag"
import * as Result from "effect/Result"

/** A task and the tasks that it comes after. */
export interface Node {
  readonly id: string
  readonly needs: ReadonlyArray<string>
  /** The task that added it. */
  readonly parent?: string
}

export interface Row extends Node {
  /** The prefix of the task's line: `├─ `, `│  └─ ` … */
  readonly branch: string
  /** The prefix of further lines of the task. */
  readonly trunk: string
}

/**
 * Every node once, parents before children, siblings in topological order (ties as given). Unknown
 * needs count as none.
 */
export const rows = (nodes: ReadonlyArray<Node>): ReadonlyArray<Row> => {
  const ordered = sort(nodes)
  const children = dominated(ordered.filter(({ parent }) => parent === undefined))
  const added = new Map<string, Array<Node>>()
  for (const node of ordered) {
    if (node.parent === undefined) continue
    const siblings = added.get(node.parent)
    if (siblings === undefined) added.set(node.parent, [node])
    else siblings.push(node)
  }
  const result: Array<Row> = []
  // An explicit stack: chains may be longer than the call stack is deep.
  type Entry = { readonly node: Node; readonly branch: string; readonly trunk: string; readonly isFlat: boolean }
  const place = (list: ReadonlyArray<Node>, trunk: string, isFlat: boolean, isRoot: boolean): ReadonlyArray<Entry> =>
    list.map((node, index) => {
      if (isRoot || (isFlat && list.length === 1)) return { node, branch: "", trunk: "", isFlat: list.length === 1 }
      const isLast = index === list.length - 1
      return {
        node,
        branch: `${trunk}${isLast ? "└─ " : "├─ "}`,
        trunk: `${trunk}${isLast ? "   " : "│  "}`,
        isFlat: false
      }
    })
  const belowOf = ({ isFlat, node: { id }, trunk }: Entry): ReadonlyArray<Entry> => {
    const [own, after] = [added.get(id) ?? [], children.get(id) ?? []]
    return isFlat && after.length === 1
      ? [...place(own, trunk, false, false), ...place(after, trunk, true, false)]
      : place([...own, ...after], trunk, false, false)
  }
  const stack = place(children.get(undefined) ?? [], "", true, true).toReversed()
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const below = belowOf(entry)
    const continues = below.some(({ branch }) => branch !== "")
    result.push({ ...entry.node, branch: entry.branch, trunk: entry.trunk + (continues ? "│  " : "   ") })
    for (const one of below.toReversed()) stack.push(one)
  }
  return result
}

/**
 * In the order in which they become ready; as given when some wait for each other, which no valid
 * plan has.
 */
const sort = (nodes: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const graph = Dag.within(
    nodes.map(({ id, needs, parent }) => ({ id, dependencies: parent === undefined ? needs : [...needs, parent] }))
  )
  if (Result.isFailure(graph)) return nodes
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const frontier = Dag.frontier(graph.success)
  const ready = [...frontier.ready()]
  for (let next = 0; next < ready.length; next++) for (const id of frontier.settle(ready[next]!)) ready.push(id)
  return ready.map((id) => byId.get(id)!)
}

/** The children of each node in the tree of dominators; of the invisible root under `undefined`. */
const dominated = (ordered: ReadonlyArray<Node>): ReadonlyMap<string | undefined, ReadonlyArray<Node>> => {
  const parent = new Map<string, string | undefined>()
  const depth = new Map<string | undefined, number>([[undefined, 0]])
  const above = (id: string | undefined) => (id === undefined ? undefined : parent.get(id))
  const nearest = (a: string | undefined, b: string | undefined): string | undefined => {
    let [left, right] = [a, b]
    while (left !== right) {
      if ((depth.get(left) ?? 0) >= (depth.get(right) ?? 0)) left = above(left)
      else right = above(right)
    }
    return left
  }
  const children = new Map<string | undefined, Array<Node>>()
  for (const node of ordered) {
    const needs = node.needs.filter((need) => depth.has(need))
    const dominator = needs.length === 0 ? undefined : needs.reduce<string | undefined>(nearest, needs[0])
    parent.set(node.id, dominator)
    depth.set(node.id, (depth.get(dominator) ?? 0) + 1)
    const siblings = children.get(dominator)
    if (siblings === undefined) children.set(dominator, [node])
    else siblings.push(node)
  }
  return children
}
