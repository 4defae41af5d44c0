/**
 * From a goal to a crew: what a generated crew must fulfil, what it is likely to take, and how it
 * is made cheaper without changing what it does. All of it is pure.
 */
export { Constraints } from "./Generator/Constraints.ts"
export {
  Estimate,
  type History,
  make as estimate,
  type Options as EstimateOptions,
  type Sample
} from "./Generator/Estimate.ts"
export { Figures } from "./Generator/Figures.ts"
export { make as optimise, type Optimised, Step } from "./Generator/Optimiser.ts"
export { Problem, ProblemCode } from "./Generator/Problem.ts"
export { type Draft, type Facts, validate, type Validated } from "./Generator/Validation.ts"
