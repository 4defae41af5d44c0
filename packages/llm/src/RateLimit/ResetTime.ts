/**
 * Reset times in the formats that providers use: seconds, durations (`1m30s`, `250ms`,
 * `2 minutes`), dates of HTTP and of ISO 8601, and moments of Unix time in seconds or milliseconds.
 */

const units: { readonly [unit: string]: number } = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** The milliseconds of a duration with units; undefined: the text is not a duration. */
export const durationOf = (text: string): number | undefined => {
  const plain = text
    .toLowerCase()
    .replace(/,|\band\b/g, " ")
    .replace(/(?<=\d)\s+(?=[a-z])/g, "")
    .trim()
  const parts = plain.match(
    /\d+(?:\.\d+)?(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])/g
  )
  if (parts === null || parts.join("") !== plain.replace(/\s+/g, "")) return undefined
  let millis = 0
  for (const part of parts) {
    const [, count, unit = ""] = /^([\d.]+)(.*)$/.exec(part) ?? []
    millis += Number(count) * units[unit.startsWith("mil") || unit === "ms" ? "ms" : unit.charAt(0)]!
  }
  return millis
}

/** A number of seconds of more than a few years is a point in time. */
const earliest = 1_000_000_000
const earliestMillis = 100_000_000_000

/** Milliseconds from `now` until the time in a header; undefined: it contains no time. */
export const millisOf = (value: string | undefined, now: number): number | undefined => {
  const text = value?.trim() ?? ""
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    const count = Number(text)
    if (count < earliest) return count * 1_000
    return Math.max(0, (count < earliestMillis ? count * 1_000 : count) - now)
  }
  const duration = durationOf(text)
  if (duration !== undefined) return duration
  // `Date.parse` would read a bare number such as `5` as a month.
  const moment = /[a-z]{3} \d{4}|\d{4}-\d\d-\d\d[T ]|[a-z]{3}-\d{2,4}|[a-z]{3} +\d+ \d\d:/i.test(text)
    ? Date.parse(text)
    : Number.NaN
  return Number.isNaN(moment) ? undefined : Math.max(0, moment - now)
}
