/**
 * What agents of a crew do for and with each other, besides their own work: who delegates to whom, and what is made of what comes back.
 */
export * as Assignment from "./Manager/Assignment.ts"
export { nothingDelegated } from "./Manager/AssignPrompt.ts"
export * as Coworkers from "./Manager/Coworkers.ts"
export * as Delegation from "./Manager/Delegation.ts"
export * as Doubts from "./Manager/Doubts.ts"
export * as Recovery from "./Manager/Recovery.ts"
export * as Replanning from "./Manager/Replanning.ts"
export * as Reviewing from "./Manager/Reviewing.ts"
export * as Excerpt from "./Manager/Excerpt.ts"
export * as Synthesis from "./Manager/Synthesis.ts"
export { interrupted } from "./Manager/RecoverPrompt.ts"
