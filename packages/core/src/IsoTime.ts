/**
 * Times as texts: `Date.toISOString` for times that are close to each other, as those of events
 * are.
 */

let lastSecond = Number.NaN
let start = ""
let lastMillis = Number.NaN
let text = ""

/**
 * The ISO 8601 text of a time in milliseconds since the epoch. What it has in common with the last
 * one asked for is kept.
 */
export const of = (millis: number): string => {
  if (millis === lastMillis) return text
  const second = Math.floor(millis / 1_000)
  if (second !== lastSecond) {
    start = new Date(second * 1_000).toISOString().slice(0, -"000Z".length)
    lastSecond = second
  }
  text = `${start}${String(Math.floor(millis - second * 1_000)).padStart(3, "0")}Z`
  lastMillis = millis
  return text
}
