/** How long a task waits before its next attempt. */
import type * as Plan from "../Plan.ts"

/** What a timer of the platform can hold: 24 days. */
const maxDelayMillis = 2 ** 31 - 1

/**
 * Whole milliseconds before the next attempt: full jitter below an exponential bound, never less
 * than the provider asked for.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const backoff = (
  retry: Plan.Retry,
  attempt: number,
  jitter: number,
  retryAfterMillis: number | undefined
): number => {
  // A factor to a high power may be infinite; nothing times it is not a number.
  const grown = retry.initialMillis === 0 ? 0 : retry.initialMillis * retry.factor ** (attempt - 1)
  const delay = Math.max(jitter * Math.min(retry.maxMillis, grown), retryAfterMillis ?? 0)
  return Math.min(Math.ceil(delay), maxDelayMillis)
}
