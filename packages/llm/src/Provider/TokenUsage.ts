/**
 * Converts a provider's token counts to usage, with the cost if the price of the model is known.
 */
import type { Usage } from "@crewline/core/Usage"
import * as Prices from "../Prices.ts"

export interface Counted {
  /** All of the prompt, what the provider's cache read or wrote included. */
  readonly inputTokens: number
  readonly cachedInputTokens?: number | null | undefined
  readonly cacheWriteInputTokens?: number | null | undefined
  /** Of those, what the cache keeps for an hour. */
  readonly cacheWriteHourInputTokens?: number | null | undefined
  readonly outputTokens: number
  readonly reasoningTokens?: number | null | undefined
}

export interface Context {
  /** The id that was asked for. */
  readonly model: string
  readonly prices: Prices.Prices | undefined
}

/** The usage of one call; its cost is unknown where the provider counted nothing. */
export const of = ({ model, prices }: Context, told: Counted | undefined): Usage => {
  const counted = told === undefined || told.inputTokens + told.outputTokens === 0 ? undefined : told
  const cacheWriteInputTokens = counted?.cacheWriteInputTokens ?? 0
  const tokens = {
    inputTokens: counted?.inputTokens ?? 0,
    cachedInputTokens: counted?.cachedInputTokens ?? 0,
    ...(cacheWriteInputTokens > 0 && { cacheWriteInputTokens }),
    outputTokens: counted?.outputTokens ?? 0
  }
  const cacheWriteHourInputTokens = counted?.cacheWriteHourInputTokens ?? 0
  return {
    requests: 1,
    ...tokens,
    reasoningTokens: counted?.reasoningTokens ?? 0,
    costUsd: counted === undefined ? null : Prices.cost(prices, model, { ...tokens, cacheWriteHourInputTokens })
  }
}
