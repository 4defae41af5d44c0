/**
 * How long a provider asks to wait before the next attempt: in the header `Retry-After` (seconds, a
 * date, a duration), in `retry-after-ms` of OpenAI, in a body (`retryDelay` of Google,
 * `retry_after`, `estimated_time`), in the message ("try again in 6m12s"), otherwise in the headers
 * of an exhausted rate limit.
 *
 * Sources: RFC 9110, 10.2.3;
 * https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */
import type * as ErrorBody from "./ErrorBody.ts"
import * as ResetTime from "../RateLimit/ResetTime.ts"

interface Told {
  readonly message: string
  readonly headers: { readonly get: (name: string) => string | null } | undefined
  readonly wait?: ErrorBody.Wait | undefined
}

/**
 * The delay in milliseconds; undefined: none is requested. `now`: the local time, in milliseconds.
 */
export const of = ({ headers, message, wait }: Told, now: number): number | undefined => {
  const header = (name: string): string | undefined =>
    (headers?.get(name) ?? wait?.headers?.get(name))?.trim() || undefined
  // The time by the provider's clock, which may differ from the local one by minutes.
  const date = Date.parse(header("date") ?? "")
  const from = Number.isNaN(date) ? now : date
  const asked =
    positive(header("retry-after-ms")) ??
    ResetTime.millisOf(header("retry-after"), from) ??
    wait?.millis ??
    inWords(message) ??
    exhausted(header, from)
  return asked === undefined ? undefined : Math.ceil(asked)
}

const positive = (text: string | undefined): number | undefined =>
  text !== undefined && Number(text) >= 0 ? Number(text) : undefined

/** "Please try again in 1m26.4s", "retry after 20 seconds". */
const inWords = (message: string): number | undefined => {
  const [, found] =
    /(?:try(?: it)? again|retry|wait|available(?: again)?|resets?)(?: (?:your request|at least))?(?: (?:in|after|for|until))? (\d[\d.]* ?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?)\b(?:,? ?(?:and )?\d[\d.]* ?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b)*|\d[\d.hms]*(?:ms|[hms])\b)/i.exec(
      message
    ) ?? []
  return found === undefined ? undefined : ResetTime.durationOf(found)
}

const limits = ["x-ratelimit", "ratelimit", "x-rate-limit"]
const kinds = ["", "-requests", "-tokens"]
const anthropic = ["requests", "tokens", "input-tokens", "output-tokens"]

/** The latest reset time of the exhausted limits. */
const exhausted = (header: (name: string) => string | undefined, now: number): number | undefined => {
  const names = [
    ...limits.flatMap((limit) => kinds.map((kind) => [`${limit}-remaining${kind}`, `${limit}-reset${kind}`] as const)),
    ...anthropic.map((kind) => [`anthropic-ratelimit-${kind}-remaining`, `anthropic-ratelimit-${kind}-reset`] as const)
  ]
  const waits = names.flatMap(([remaining, reset]) =>
    Number(header(remaining) ?? "1") <= 0 ? (ResetTime.millisOf(header(reset), now) ?? []) : []
  )
  return waits.length === 0 ? undefined : waits.reduce((most, wait) => Math.max(most, wait))
}
