/**
 * Prices of models: a table of list prices, each with its source and the last day on which it was
 * verified, and overrides of the application. A model in neither has no price; its cost is unknown,
 * never zero.
 */

/** US dollars per million tokens. */
export interface Rates {
  readonly input: number
  /** Of input that the provider read from its cache. Default: `input`. */
  readonly cachedInput?: number
  /** Of input that the provider writes to its cache, where that costs more. Default: `input`. */
  readonly cacheWrite?: number
  /** Of input that it writes there for an hour. Default: `cacheWrite`. */
  readonly cacheWriteHour?: number
  /** Of output, reasoning included. */
  readonly output: number
}

export interface Price extends Rates {
  /** What a request costs, all of its tokens, whose input is more than `above` tokens. */
  readonly long?: Rates & { readonly above: number }
}

/** By the provider's id of the model, or by its whole reference. */
export interface Prices {
  readonly [model: string]: Price
}

/** A price that is known, and from where. */
export interface Listed extends Price {
  /** The source of the price. */
  readonly source: string
  /** ISO date of the last day on which it was seen there: later changes are not in it. */
  readonly asOf: string
}

// The pages of single models say no date; what they say of others tells the day after which they
// were read.
const ofPage = (model: string, asOf: string) => ({
  source: `https://developers.openai.com/api/docs/models/${model}`,
  asOf
})
const ofList = { source: "https://www.llm-prices.com", asOf: "2026-08-05" } as const
const ofAnthropic = { source: "https://platform.claude.com/docs/en/about-claude/pricing", asOf: "2026-10-24" } as const

/**
 * Anthropic's caching costs the same multiples of each input price: written for five minutes, for
 * an hour, and read.
 */
const anthropic = (input: number, output: number, read = 0.1): Rates => ({
  input,
  cachedInput: rounded(input * read),
  cacheWrite: rounded(input * 1.25),
  cacheWriteHour: rounded(input * 2),
  output
})

/**
 * Prices for calls of Anthropic's models: what nobody said of writing to their cache is the usual
 * multiple of the input.
 */
export const withCacheWrites = (prices: Prices): Prices => {
  const complete = <A extends Rates>(rates: A): A => ({
    cacheWrite: rounded(rates.input * 1.25),
    cacheWriteHour: rounded(rates.input * 2),
    ...rates
  })
  return Object.fromEntries(
    Object.entries(prices).map(([model, price]) => [
      model,
      { ...complete(price), ...(price.long !== undefined && { long: complete(price.long) }) }
    ])
  )
}

const rounded = (value: number): number => Math.round(value * 1_000_000) / 1_000_000

/**
 * List prices of models called at their makers, without discounts of batches and surcharges of
 * regions, priority and fast modes. Models that were shut down, whose price is a promotion, or of
 * which only a part of the price is known are not here.
 */
export const known: { readonly [reference: string]: Listed } = {
  // Shut down on 2027-01-14.
  "openai/gpt-4o": { input: 2.5, cachedInput: 1.25, output: 10, ...ofList },
  "openai/gpt-4o-mini": { input: 0.15, cachedInput: 0.075, output: 0.6, ...ofList },
  "openai/gpt-4.1": { input: 2, cachedInput: 0.5, output: 8, ...ofList },
  "openai/gpt-4.1-mini": { input: 0.4, cachedInput: 0.1, output: 1.6, ...ofList },
  // Shut down on 2026-12-11.
  "openai/gpt-5": { input: 1.25, cachedInput: 0.125, output: 10, ...ofList },
  "openai/gpt-5-mini": { input: 0.25, cachedInput: 0.025, output: 2, ...ofPage("gpt-5-mini", "2026-08-05") },
  "openai/gpt-5-nano": { input: 0.05, cachedInput: 0.005, output: 0.4, ...ofPage("gpt-5-nano", "2026-08-05") },
  "openai/gpt-5.1": { input: 1.25, cachedInput: 0.125, output: 10, ...ofList },
  "openai/gpt-5.2": { input: 1.75, cachedInput: 0.175, output: 14, ...ofList },
  "openai/gpt-5.4": {
    input: 2.5,
    cachedInput: 0.25,
    output: 15,
    long: { above: 272_000, input: 5, cachedInput: 0.5, output: 22.5 },
    ...ofList
  },
  "openai/gpt-5.4-mini": { input: 0.75, cachedInput: 0.075, output: 4.5, ...ofList },
  "openai/gpt-5.4-nano": { input: 0.2, cachedInput: 0.02, output: 1.25, ...ofList },
  "openai/gpt-5.5": {
    input: 5,
    cachedInput: 0.5,
    output: 30,
    long: { above: 272_000, input: 10, cachedInput: 1, output: 45 },
    ...ofList
  },
  "openai/gpt-5.6-terra": {
    input: 2,
    cachedInput: 0.2,
    cacheWrite: 2.5,
    output: 12,
    long: { above: 272_000, input: 4, cachedInput: 0.4, cacheWrite: 5, output: 18 },
    ...ofPage("gpt-5.6-terra", "2026-08-21")
  },
  "openai/gpt-5.6-luna": {
    input: 0.2,
    cachedInput: 0.02,
    cacheWrite: 0.25,
    output: 1.2,
    long: { above: 272_000, input: 0.4, cachedInput: 0.04, cacheWrite: 0.5, output: 1.8 },
    ...ofPage("gpt-5.6-luna", "2026-08-21")
  },
  "anthropic/claude-haiku-4-5": { ...anthropic(1, 5), ...ofAnthropic },
  "anthropic/claude-haiku-5-5": {
    ...anthropic(0.1, 0.5),
    long: { above: 100_000, ...anthropic(0.5, 2.5) },
    ...ofAnthropic
  },
  "anthropic/claude-sonnet-4-5": { ...anthropic(3, 15), ...ofAnthropic },
  "anthropic/claude-sonnet-4-6": { ...anthropic(3, 15), ...ofAnthropic },
  "anthropic/claude-sonnet-5": { ...anthropic(2, 10), ...ofAnthropic },
  "anthropic/claude-sonnet-5-5": { ...anthropic(2, 10, 0.05), ...ofAnthropic },
  "anthropic/claude-opus-4-5": { ...anthropic(5, 25), ...ofAnthropic },
  "anthropic/claude-opus-4-6": { ...anthropic(5, 25), ...ofAnthropic },
  "anthropic/claude-opus-4-7": { ...anthropic(5, 25), ...ofAnthropic },
  "anthropic/claude-opus-4-8": { ...anthropic(5, 25), ...ofAnthropic },
  "anthropic/claude-opus-5": { ...anthropic(5, 25), ...ofAnthropic },
  "anthropic/claude-opus-5-5": { ...anthropic(4, 20, 0.05), ...ofAnthropic },
  "anthropic/claude-fable-5": { ...anthropic(10, 50), ...ofAnthropic },
  "anthropic/claude-fable-5-1": { ...anthropic(10, 50, 0.025), ...ofAnthropic }
}

/**
 * The known prices of one maker, by the ids of its models: for a provider that calls them there.
 */
export const of = (provider: "anthropic" | "openai"): Prices =>
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

/** The price that the application gives a model reference. */
export const own = (reference: string, prices: Prices): Price | undefined =>
  pick(prices, reference) ?? pick(prices, reference.slice(reference.indexOf("/") + 1))

/** The price of a model reference: the application's, else the known one. */
export const find = (reference: string, prices: Prices = {}): Price | undefined => {
  // They answer by themselves, and say that it costs nothing.
  if (reference.startsWith("scripted/")) return nothing
  return own(reference, prices) ?? pick(known, reference) ?? pick(known, undatedOf(reference))
}

/** What a request with so much input costs. */
export const ratesAt = (price: Price, inputTokens: number): Rates =>
  price.long !== undefined && inputTokens > price.long.above ? price.long : price

/** The most that a token of a prompt can cost, per million. */
export const dearestInput = ({ cacheWrite = 0, cacheWriteHour = 0, cachedInput = 0, input }: Rates): number =>
  Math.max(input, cachedInput, cacheWrite, cacheWriteHour)

interface Tokens {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteInputTokens?: number
  /** The part of `cacheWriteInputTokens` that was written for an hour. */
  readonly cacheWriteHourInputTokens?: number
  readonly outputTokens: number
}

/** US dollars at this price. */
export const costAt = (price: Price, usage: Tokens): number => {
  const {
    input,
    cacheWrite = input,
    cacheWriteHour = cacheWrite,
    cachedInput = input,
    output
  } = ratesAt(price, usage.inputTokens)
  const { cacheWriteHourInputTokens: hour = 0, cacheWriteInputTokens: written = 0, cachedInputTokens: read } = usage
  const fresh = usage.inputTokens - read - written
  const forInput = fresh * input + read * cachedInput + (written - hour) * cacheWrite + hour * cacheWriteHour
  return (forInput + usage.outputTokens * output) / 1_000_000
}

/** US dollars, or `null` when the model has no price among these. */
export const cost = (prices: Prices | undefined, model: string, usage: Tokens): number | null => {
  const price = prices === undefined ? undefined : (pick(prices, model) ?? pick(prices, undatedOf(model)))
  return price === undefined ? null : costAt(price, usage)
}
