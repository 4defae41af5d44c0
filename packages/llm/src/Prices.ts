/**
 * What models cost, as the application says. No prices are built in: they change, and a wrong one is worse than none (the cost of
 * a model without a price is unknown, never zero).
 */

/** US dollars per million tokens. */
export interface Price {
  readonly input: number
  /** Of input that the provider read from its cache. Default: `input`. */
  readonly cachedInput?: number
  /** Of output, reasoning included. */
  readonly output: number
}

/** By the provider's id of the model. */
export interface Prices {
  readonly [model: string]: Price
}

/** US dollars, or `null` when the model has no price. */
export const cost = (
  prices: Prices | undefined,
  model: string,
  usage: { readonly inputTokens: number; readonly cachedInputTokens: number; readonly outputTokens: number }
): number | null => {
  const price = prices !== undefined && Object.hasOwn(prices, model) ? prices[model] : undefined
  if (price === undefined) return null
  const { input, cachedInput = input, output } = price
  const fresh = usage.inputTokens - usage.cachedInputTokens
  return (fresh * input + usage.cachedInputTokens * cachedInput + usage.outputTokens * output) / 1_000_000
}
