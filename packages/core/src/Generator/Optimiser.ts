/**
 * Makes a valid crew cheaper or faster without changing what its tasks do. Deterministic; every
 * step reports its changes, with the figures before and after. A step that would lengthen the
 * critical path, or the time with the estimated concurrency, is not applied.
 */
import * as Schema from "effect/Schema"
import type { Definition } from "../Crew.ts"
import type * as Estimate from "./Estimate.ts"
import * as Figures from "./Figures.ts"
import type { Changed } from "./Optimiser/Changed.ts"
import * as CriticalPath from "./Optimiser/CriticalPath.ts"
import * as EmptyContext from "./Optimiser/EmptyContext.ts"
import * as ImpliedOrder from "./Optimiser/ImpliedOrder.ts"
import * as SameAgents from "./Optimiser/SameAgents.ts"

/**
 * `empty-context`: does not read outputs that contain no information. `implied-order`: removes each
 * `dependsOn` that another path implies. `same-agents`: merges agents of the same role with the
 * same tools. `critical-path`: starts the tasks on the longest paths first.
 */
export const StepName = Schema.Literals(["empty-context", "implied-order", "same-agents", "critical-path"])
export type StepName = typeof StepName.Type

/** What a step changed. */
export const Step = Schema.Struct({
  step: StepName,
  /** Each a sentence. */
  changes: Schema.Array(Schema.String),
  before: Figures.Figures,
  after: Figures.Figures
}).annotate({ identifier: "OptimisationStep", description: "The change and the gain of an optimisation" })
export interface Step extends Schema.Schema.Type<typeof Step> {}

/** In this order: removing a context can make an order implied. */
const steps: ReadonlyArray<{
  readonly name: StepName
  readonly apply: (definition: Definition, options: Estimate.Options) => Changed
}> = [
  { name: "empty-context", apply: EmptyContext.apply },
  { name: "implied-order", apply: ImpliedOrder.apply },
  { name: "same-agents", apply: SameAgents.apply },
  { name: "critical-path", apply: CriticalPath.apply }
]

export interface Optimised {
  readonly definition: Definition
  /** Those that changed something. */
  readonly steps: ReadonlyArray<Step>
}

export interface Options extends Estimate.Options {
  /** A step whose crew it rejects is not applied. Default: accepts all. */
  readonly accepts?: (definition: Definition) => boolean
}

/** Optimises a valid crew. */
export const make = (definition: Definition, options: Options = {}): Optimised => {
  const { accepts = () => true } = options
  let current = definition
  const taken: Array<Step> = []
  for (const { apply, name } of steps) {
    const { changes, definition: next } = apply(current, options)
    if (changes.length === 0 || !accepts(next)) continue
    const before = Figures.of(current, options)
    const after = Figures.of(next, options)
    if (after.criticalPathSeconds > before.criticalPathSeconds) continue
    if (after.makespanSeconds > before.makespanSeconds) continue
    taken.push({ step: name, changes, before, after })
    current = next
  }
  return { definition: current, steps: taken }
}
