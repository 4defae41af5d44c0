/**
 * What models cost: a table of list prices, with the day for which it is right and where they stand, and what the application says
 * instead. A model that is in neither has no price, and its cost is unknown, never zero.
 */

/** US dollars per million tokens. */
export interface Price {
  readonly input: number
  /** Of input that the provider read from its cache. Default: `input`. */
  readonly cachedInput?: number
  /** Of input that the provider writes to its cache, where that costs more. */
  readonly cacheWrite?: number
  /** Of output, reasoning included. */
  readonly output: number
}

/** By the provider's id of the model, or by its whole reference. */
export interface Prices {
  readonly [model: string]: Price
}

/** Where prices of `known` stand, and the last day (ISO date) for which they are known to be right: later changes are not in them. */
export const sources = {
  openai: { url: "https://platform.openai.com/docs/pricing", asOf: "2025-12-31" },
  anthropic: { url: "https://docs.claude.com/en/docs/about-claude/pricing", asOf: "2025-12-31" }
} as const

/** List prices of models called at their makers', without discounts of batches or surcharges of regions and very long prompts. */
export const known: Prices = {
  "openai/gpt-4o": { input: 2.5, cachedInput: 1.25, output: 10 },
  "openai/gpt-4o-2024-05-13": { input: 5, output: 15 },
  "openai/gpt-4o-mini": { input: 0.15, cachedInput: 0.075, output: 0.6 },
  "openai/gpt-4.1": { input: 2, cachedInput: 0.5, output: 8 },
  "openai/gpt-4.1-mini": { input: 0.4, cachedInput: 0.1, output: 1.6 },
  "openai/gpt-4.1-nano": { input: 0.1, cachedInput: 0.025, output: 0.4 },
  "openai/o3": { input: 2, cachedInput: 0.5, output: 8 },
  "openai/o4-mini": { input: 1.1, cachedInput: 0.275, output: 4.4 },
  "openai/gpt-5": { input: 1.25, cachedInput: 0.125, output: 10 },
  "openai/gpt-5-mini": { input: 0.25, cachedInput: 0.025, output: 2 },
  "openai/gpt-5-nano": { input: 0.05, cachedInput: 0.005, output: 0.4 },
  "openai/gpt-5.1": { input: 1.25, cachedInput: 0.125, output: 10 },
  "openai/gpt-5.2": { input: 1.75, cachedInput: 0.175, output: 14 },
  "anthropic/claude-opus-4-5": { input: 5, cachedInput: 0.5, cacheWrite: 6.25, output: 25 },
  "anthropic/claude-opus-4-1": { input: 15, cachedInput: 1.5, cacheWrite: 18.75, output: 75 },
  "anthropic/claude-sonnet-4-5": { input: 3, cachedInput: 0.3, cacheWrite: 3.75, output: 15 },
  "anthropic/claude-haiku-4-5": { input: 1, cachedInput: 0.1, cacheWrite: 1.25, output: 5 }
}

/** The known prices of one maker, by the ids of its models: for a provider that calls them there. */
export const of = (provider: keyof typeof sources): Prices =>
  Object.fromEntries(
    Object.entries(known).flatMap(([reference, price]) =>
      reference.startsWith(`${provider}/`) ? [[reference.slice(provider.length + 1), price]] : []
    )
  )

/** A model of a day (`…-2025-08-07`) is priced as its name. */
const undatedOf = (model: string): string => model.replace(/-\d{4}-?\d{2}-?\d{2}$/, "")

const pick = (prices: Prices, name: string): Price | undefined =>
  Object.hasOwn(prices, name) ? prices[name] : undefined

const nothing: Price = { input: 0, output: 0 }

/** The price of a model reference: the application's, else the known one. */
export const find = (reference: string, own: Prices = {}): Price | undefined => {
  const id = reference.slice(reference.indexOf("/") + 1)
  // They answer by themselves, and say that it costs nothing.
  if (reference.startsWith("scripted/")) return nothing
  return pick(own, reference) ?? pick(own, id) ?? pick(known, reference) ?? pick(known, undatedOf(reference))
}

/** The most that a token of a prompt can cost, per million. */
export const dearestInput = ({ cacheWrite = 0, cachedInput = 0, input }: Price): number =>
  Math.max(input, cachedInput, cacheWrite)

interface Tokens {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
}

/** US dollars at this price. */
export const costAt = (price: Price, usage: Tokens): number => {
  const { input, cachedInput = input, output } = price
  const fresh = usage.inputTokens - usage.cachedInputTokens
  return (fresh * input + usage.cachedInputTokens * cachedInput + usage.outputTokens * output) / 1_000_000
}

/** US dollars, or `null` when the model has no price among these. */
export const cost = (prices: Prices | undefined, model: string, usage: Tokens): number | null => {
  const price = prices === undefined ? undefined : (pick(prices, model) ?? pick(prices, undatedOf(model)))
  return price === undefined ? null : costAt(price, usage)
}
