/**
 * A simple estimate of tokens, for models that count none: one for every four characters of all
 * texts, arguments and results, rounded up. Good enough to see budgets and sums at work; no
 * provider counts like this.
 */
import type * as Llm from "@crewline/core/Llm"
import type { Usage } from "@crewline/core/Usage"

const charactersPerToken = 4

/** The usage of one call that costs nothing. */
export const usage = (request: Llm.Request, parts: Llm.Answer["parts"]): Usage => ({
  requests: 1,
  inputTokens: tokens([request.messages, request.tools, request.output ?? null]),
  cachedInputTokens: 0,
  outputTokens: tokens(parts),
  reasoningTokens: 0,
  costUsd: 0
})

const tokens = (value: unknown): number => Math.ceil(characters(value) / charactersPerToken)

const characters = (value: unknown): number => {
  if (typeof value === "string") return value.length
  if (typeof value === "number" || typeof value === "boolean") return String(value).length
  if (typeof value !== "object" || value === null) return 0
  let sum = 0
  for (const child of Object.values(value)) sum += characters(child)
  return sum
}
