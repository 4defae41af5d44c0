/** How far tasks are from the end of their graph: by that every queue decides which of those that are ready is first. */
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"

/**
 * Of each node, the longest way to a final task, in tasks, among the nodes that are given together, also those that the queue knows already.
 * Of those of one id the first counts, the others have none. Nothing has a depth where tasks wait for each other or for themselves.
 */
export const depthsOf = (nodes: ReadonlyArray<Dag.Node>): Int32Array => {
  const depths = new Int32Array(nodes.length)
  const made = Dag.within(nodes)
  if (Result.isFailure(made)) return depths
  const graph = made.success
  const lengths = Dag.longestPathToSink(graph)
  const isEach = graph.size === nodes.length
  for (let at = 0, index = 0; index < graph.size; at++)
    if (isEach || graph.indexOf(nodes[at]!.id) === index) depths[at] = lengths[index++]! - 1
  return depths
}
