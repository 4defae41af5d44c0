/**
 * Faults of providers that are drawn from a seed: what real ones have been seen to do, in
 * combinations and words that nobody has written down. The same seed gives the same fault.
 */
export { brokenAnswer } from "./Seeded/BrokenAnswers.ts"
export { cutPrompt } from "./Seeded/CutPrompts.ts"
export { failure } from "./Seeded/Failures.ts"
export { transport } from "./Seeded/Transports.ts"
