/**
 * Provider faults drawn from a seed: observed faults of real providers, in new combinations and
 * words. The same seed gives the same fault.
 */
export { brokenAnswer } from "./Seeded/BrokenAnswers.ts"
export { cutPrompt } from "./Seeded/CutPrompts.ts"
export { failure } from "./Seeded/Failures.ts"
export { transport } from "./Seeded/Transports.ts"
