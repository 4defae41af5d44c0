/**
 * What providers say in headers about what is left of their rate limits, with answers and with
 * refusals.
 *
 * OpenAI and many compatible servers: `x-ratelimit-limit-requests`, `-remaining-requests`,
 * `-reset-requests` and the same for tokens; resets are durations (`1m30s`, `250ms`). Anthropic:
 * `anthropic-ratelimit-requests-limit`, `-remaining`, `-reset` and the same for `tokens`,
 * `input-tokens` and `output-tokens`; resets are moments. Both mean the moment at which all of the
 * limit is there again, and fill it evenly until then.
 *
 * Sources: https://developers.openai.com/api/docs/guides/rate-limits,
 * https://platform.claude.com/docs/en/api/rate-limits
 */
import type { RateLimitState, Request } from "@crewline/core/Llm"
import * as Predicate from "effect/Predicate"
import * as ResetTime from "./ResetTime.ts"

interface Readable {
  readonly get: (name: string) => string | null
}

/**
 * Tells a request what the headers of its answer say, if it wants to know and they say something.
 */
export const tell = ({ onRateLimits }: Pick<Request, "onRateLimits">, headers: Readable): void => {
  if (onRateLimits === undefined) return
  const states = parse(headers)
  if (states.length > 0) onRateLimits(states)
}

/** The same for what SDKs throw, and for what models of the AI SDK answer. */
export const tellOf = (request: Pick<Request, "onRateLimits">, carrier: unknown): void => {
  if (request.onRateLimits === undefined || !Predicate.isReadonlyObject(carrier)) return
  const { headers, response, responseHeaders } = carrier
  if (Predicate.isReadonlyObject(headers) && isReadable(headers)) return tell(request, headers)
  const fields = responseHeaders ?? (Predicate.isReadonlyObject(response) ? response["headers"] : undefined)
  if (!Predicate.isReadonlyObject(fields)) return
  const get = (name: string): string | null => {
    const value = fields[name]
    return typeof value === "string" ? value : null
  }
  tell(request, { get })
}

const isReadable = (value: object): value is Readable => "get" in value && typeof value.get === "function"

/** What the headers say; what is incomplete or makes no sense is left out. */
export const parse = (headers: Readable): ReadonlyArray<RateLimitState> => {
  const states: Array<RateLimitState> = []
  const add = (of: RateLimitState["of"], name: (what: "limit" | "remaining" | "reset") => string): void => {
    const limit = amount(headers.get(name("limit")))
    if (limit === undefined || limit === 0) return
    const remaining = amount(headers.get(name("remaining")))
    const resetMillis = millisUntil(headers.get(name("reset")), headers.get("date"))
    if (remaining === undefined || resetMillis === undefined) return
    states.push({ of, limit, remaining: Math.min(remaining, limit), resetMillis })
  }
  for (const of of openAi) add(of, (what) => `x-ratelimit-${what}-${of}`)
  for (const of of anthropic) add(of, (what) => `anthropic-ratelimit-${of}-${what}`)
  return states
}

const openAi = ["requests", "tokens"] as const
const anthropic = ["requests", "tokens", "input-tokens", "output-tokens"] as const

const amount = (value: string | null): number | undefined => {
  if (value === null || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return undefined
  return Number(value)
}

/** `date` is the provider's own clock: ours may be minutes apart from it. */
const millisUntil = (value: string | null, date: string | null): number | undefined => {
  const text = value?.trim() ?? ""
  const seconds = amount(text)
  // More than years: it is no duration but a moment, in a unit that nobody told.
  if (seconds !== undefined) return seconds < 100_000_000 ? seconds * 1_000 : undefined
  const duration = ResetTime.durationOf(text)
  if (duration !== undefined) return duration
  const now = Date.parse(date ?? "")
  const moment = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(moment) || Number.isNaN(now) ? undefined : Math.max(0, moment - now)
}
