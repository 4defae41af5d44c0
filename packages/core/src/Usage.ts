/**
 * What model calls consumed. Sums are exact; a cost that is not known stays unknown (`null`), it
 * never becomes zero.
 */
import * as Schema from "effect/Schema"

/** Tokens, requests and cost of one or more model calls. */
export const Usage = Schema.Struct({
  /** Model calls that were answered. */
  requests: Schema.Int,
  /** Prompt tokens, cached ones included. */
  inputTokens: Schema.Int,
  /** The part of `inputTokens` that the provider read from its cache. */
  cachedInputTokens: Schema.Int,
  /**
   * The part of `inputTokens` that the provider wrote to its cache, where writing has a price of
   * its own.
   */
  cacheWriteInputTokens: Schema.optionalKey(Schema.Int),
  /** Completion tokens, reasoning included. */
  outputTokens: Schema.Int,
  /** The part of `outputTokens` spent on reasoning. */
  reasoningTokens: Schema.Int,
  /** US dollars, or `null` when the price of a model that was called is not known. */
  costUsd: Schema.NullOr(Schema.Finite)
}).annotate({ identifier: "Usage" })

export type Usage = typeof Usage.Type

/** No call at all: costs nothing. */
export const zero: Usage = {
  requests: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costUsd: 0
}

/** The sum of two usages; unknown cost plus anything is unknown. */
export const add = (a: Usage, b: Usage): Usage => ({
  requests: a.requests + b.requests,
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  ...((a.cacheWriteInputTokens ?? b.cacheWriteInputTokens) !== undefined && {
    cacheWriteInputTokens: (a.cacheWriteInputTokens ?? 0) + (b.cacheWriteInputTokens ?? 0)
  }),
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd
})
