/**
 * How OpenAI's models are asked to think.
 */

/** Not every model knows every one of them. */
export type ReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max"

export type ReasoningSummary = "auto" | "concise" | "detailed"
