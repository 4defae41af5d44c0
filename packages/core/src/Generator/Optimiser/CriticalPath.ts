/**
 * Orders tasks so that, of the ready tasks, the one with the longest path to the end begins first.
 * This matters if more tasks are ready than can run concurrently. Sequential crews are not changed,
 * because their order is significant. Applied only if it saves time.
 */
import type { Definition } from "../../Crew.ts"
import * as Dag from "../../Dag.ts"
import * as Estimate from "../Estimate.ts"
import type { Changed } from "./Changed.ts"
import * as TaskGraph from "../TaskGraph.ts"

export const apply = (definition: Definition, options: Estimate.Options): Changed => {
  const same: Changed = { definition, changes: [] }
  if (definition.process === "sequential") return same
  const { concurrency, seconds, tasks } = Estimate.make(definition, options)
  if (Object.keys(definition.tasks).length <= concurrency) return same
  const dag = TaskGraph.make(definition)
  const longest = Dag.longestPathToSink(dag, (id) => tasks[id]!.seconds.likely)
  const names = dag.ids.toSorted((a, b) => longest[dag.indexOf(b)]! - longest[dag.indexOf(a)]!)
  const reordered = {
    ...definition,
    tasks: Object.fromEntries(names.map((name) => [name, definition.tasks[name]!]))
  }
  const after = Estimate.make(reordered, options)
  if (after.seconds.likely >= seconds.likely) return same
  const moved = names.filter((name, index) => dag.indexOf(name) > index)
  return {
    definition: reordered,
    changes: moved.map((name) => `The task ${name} comes earlier: more time depends on it.`)
  }
}
