/**
 * What a server says that it counted. Some say it in another place or under other names, some say
 * zero of everything, and some nothing: then the usage is unknown, and not nothing.
 */
import * as Predicate from "effect/Predicate"
import * as ProviderJson from "../Provider/Json.ts"
import type * as TokenUsage from "../Provider/TokenUsage.ts"

/** The places. */
export interface Told {
  readonly usage?: unknown
  readonly x_groq?: unknown
  readonly timings?: unknown
}

export class ChatUsage {
  #usage: unknown

  /** A later one counts, unless it has nothing. */
  take(told: Told): void {
    const { x_groq: groq, timings, usage } = told
    const found = usage ?? (Predicate.isReadonlyObject(groq) ? groq["usage"] : undefined) ?? timings
    if (found != null && (this.#usage === undefined || counted(found) !== undefined)) this.#usage = found
  }

  counted(): TokenUsage.Counted | undefined {
    return counted(this.#usage)
  }
}

const counted = (usage: unknown): TokenUsage.Counted | undefined => {
  if (!Predicate.isReadonlyObject(usage)) return undefined
  const count = (...names: ReadonlyArray<string>): number | undefined => {
    for (const name of names) {
      const found = ProviderJson.countOf(usage[name])
      if (found !== undefined) return found
    }
    return undefined
  }
  const detail = (place: string, name: string): number | undefined => {
    const details = usage[place]
    return Predicate.isReadonlyObject(details) ? ProviderJson.countOf(details[name]) : undefined
  }
  const total = count("total_tokens", "totalTokens", "totalTokenCount") ?? 0
  const output = count("completion_tokens", "output_tokens", "completionTokens", "candidatesTokenCount", "predicted_n")
  const cached = count("cache_n") ?? 0
  const input =
    count("prompt_tokens", "input_tokens", "promptTokens", "promptTokenCount") ??
    (count("prompt_n") === undefined ? Math.max(0, total - (output ?? 0)) : count("prompt_n")! + cached)
  const outputTokens = output ?? Math.max(0, total - input)
  if (input + outputTokens === 0) return undefined
  return {
    inputTokens: input,
    cachedInputTokens:
      detail("prompt_tokens_details", "cached_tokens") ?? count("prompt_cache_hit_tokens", "cached_tokens"),
    cacheWriteInputTokens: detail("prompt_tokens_details", "cache_write_tokens"),
    outputTokens,
    reasoningTokens: detail("completion_tokens_details", "reasoning_tokens") ?? count("reasoning_tokens")
  }
}
