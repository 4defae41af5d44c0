/** Key figures of a crew, to compare it before and after a change. */
import * as Schema from "effect/Schema"
import type { Definition } from "../Crew.ts"
import * as Estimate from "./Estimate.ts"
import * as Schedule from "./Schedule.ts"
import * as TaskGraph from "./TaskGraph.ts"

export const Figures = Schema.Struct({
  agents: Schema.Int,
  /** Declared waits of tasks for others: `context` and `dependsOn`. */
  dependencies: Schema.Int,
  /** Seconds with unlimited concurrency. */
  criticalPathSeconds: Schema.Finite,
  /** Seconds with the concurrency of the estimate. */
  makespanSeconds: Schema.Finite,
  tokens: Schema.Finite,
  /** `null` if the price of a model is unknown. */
  costUsd: Schema.NullOr(Schema.Finite)
}).annotate({ identifier: "CrewFigures", description: "The key figures of a crew, according to its estimate" })
export interface Figures extends Schema.Schema.Type<typeof Figures> {}

/** Of a valid crew: the likely values of its estimate. */
export const of = (definition: Definition, options: Estimate.Options): Figures => {
  const { costUsd, seconds, tasks, tokens } = Estimate.make(definition, options)
  const dag = TaskGraph.make(definition)
  const durations = dag.ids.map((id) => tasks[id]!.seconds.likely)
  const declared = Object.values(definition.tasks)
  return {
    agents: Object.keys(definition.agents).length,
    dependencies: declared.reduce(
      (sum, { context = [], dependsOn = [] }) => sum + context.length + dependsOn.length,
      0
    ),
    criticalPathSeconds: Schedule.longest(dag, durations),
    makespanSeconds: seconds.likely,
    tokens: tokens.likely,
    costUsd: costUsd === null ? null : costUsd.likely
  }
}
