/** How far tasks are from the end of their graph: by that every queue decides which of those that are ready is first. */
import type { Node } from "../TaskQueue.ts"

/**
 * Of each node, the longest way to a final task, in tasks, among the nodes that are given together, also those that the queue knows already;
 * without recursion. Of those of one id the first counts, the others have none. Cycles have no depth.
 */
export const depthsOf = (nodes: ReadonlyArray<Node>): Int32Array => {
  const depths = new Int32Array(nodes.length)
  const places = new Map<string, number>()
  for (let at = 0; at < nodes.length; at++) if (!places.has(nodes[at]!.id)) places.set(nodes[at]!.id, at)
  /** How many dependents of each are not done with. */
  const open = new Int32Array(nodes.length)
  for (const at of places.values()) {
    for (const id of nodes[at]!.dependencies) {
      const dependency = places.get(id)
      if (dependency !== undefined) open[dependency]!++
    }
  }
  const done = [...places.values()].filter((at) => open[at] === 0)
  for (let at = done.pop(); at !== undefined; at = done.pop()) {
    for (const id of nodes[at]!.dependencies) {
      const dependency = places.get(id)
      if (dependency === undefined) continue
      depths[dependency] = Math.max(depths[dependency]!, depths[at]! + 1)
      if (--open[dependency]! === 0) done.push(dependency)
    }
  }
  for (const at of places.values()) if (open[at]! > 0) depths[at] = 0
  return depths
}
