/**
 * When two texts say the same. Similarity only nominates: "limit 1000" and "limit 500" are similar.
 * Numbers, negations and names must agree before anything is merged.
 */
import * as Terms from "./Terms.ts"

/** The text that a hash is made of: without case, accents, spaces and punctuation at the ends. */
export const normalise = (text: string): string => {
  const plain = text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ")
  // A pattern for the end would take quadratic time on a text that is nothing but dots.
  let start = 0
  let end = plain.length
  while (start < end && " .,;:!\"'()[]*-#".includes(plain[start]!)) start++
  while (end > start && " .,;:!".includes(plain[end - 1]!)) end--
  return plain.slice(start, end)
}

const negation =
  /\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|non)\b|n[’']t\b|\b(?:nicht|kein\p{L}*|nie|ohne|pas|jamais|sans|nunca|jamás|sin)\b/giu
const numbers = /\d+(?:[.,:/-]\d+)*/g
/** Capitalised, and not only because a sentence begins. */
const names = /(?<=[\p{L}\p{N},;:'"’(-]\s*)(?<!\p{L})\p{Lu}[\p{L}\p{M}\p{N}'’-]*/gu

const sorted = (matches: ReadonlyArray<string> | null): string => [...new Set(matches ?? [])].sort().join(" ")
const isEqual = (pattern: RegExp, one: string, other: string): boolean =>
  sorted(one.match(pattern)) === sorted(other.match(pattern))

/** Whether two texts agree in numbers, negations and names. */
export const agree = (one: string, other: string): boolean =>
  isEqual(numbers, one, other) &&
  isEqual(names, one, other) &&
  (one.match(negation) ?? []).length % 2 === (other.match(negation) ?? []).length % 2

/** Words in common, of all that either has: from 0 to 1. */
export const similarity = (one: string, other: string): number => {
  const first = new Set(Terms.wordsOf(one))
  const second = new Set(Terms.wordsOf(other))
  let common = 0
  for (const word of first) if (second.has(word)) common++
  const all = first.size + second.size - common
  return all === 0 ? 1 : common / all
}

/** From here on two texts are nominated as the same. */
const sameFrom = 0.9

/**
 * Whether two texts say the same: word for word, or nearly so and without a difference that
 * matters.
 */
export const isSame = (one: string, other: string): boolean => {
  if (one === other) return true
  // Much longer is not the same; and nothing is worth comparing megabytes for.
  if (Math.min(one.length, other.length) < 0.7 * Math.max(one.length, other.length)) return false
  if (one.length > 20_000) return false
  return normalise(one) === normalise(other) || (similarity(one, other) >= sameFrom && agree(one, other))
}
