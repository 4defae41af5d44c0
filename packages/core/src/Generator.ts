/**
 * From a goal to a crew. A generation is an execution of a built-in crew (`make`), and what it came
 * to is read from its events (`fromEvents`). The rest is pure, too: what a generated crew must
 * fulfil, what it is likely to take, and how it is made cheaper without changing what it does.
 */
export { Constraints } from "./Generator/Constraints.ts"
export {
  Estimate,
  type History,
  make as estimate,
  type Options as EstimateOptions,
  type Sample
} from "./Generator/Estimate.ts"
export { fromEvents } from "./Generator/Generated.ts"
export { Generated, Reason } from "./Generator/GeneratedSchema.ts"
export { Figures } from "./Generator/Figures.ts"
export { make as optimise, type Optimised, Step } from "./Generator/Optimiser.ts"
export { Problem, ProblemCode } from "./Generator/Problem.ts"
export { type Draft, type Facts, validate, type Validated } from "./Generator/Validation.ts"
export { crew, make, promptVersion } from "./Generator/Pipeline.ts"
export { type Request, type Surroundings } from "./Generator/Request.ts"
