/**
 * The terms of texts and queries: what the index holds and is asked for. Every layer uses these, so
 * that all of them find the same.
 *
 * Words in any script, without case and accents; English ones by their stem, without those that
 * every text has. Where a script puts no spaces between words, each two neighbouring characters are
 * a term. Symbols such as emoji are terms, punctuation is not. The dates that a text names are
 * terms too (see `Dates`).
 */
import * as Dates from "./Dates.ts"
import { stem } from "./Stemmer.ts"

/** The terms of a text, each with its weight, and how many words it has. */
export interface Document {
  readonly weights: ReadonlyMap<string, number>
  /**
   * What the length of a text is compared by: its words without the common ones. Dates do not
   * count.
   */
  readonly length: number
}

/** Of the day on which a text was said: what it says of dates itself weighs 1. */
const saidWeight = 0.5
/** Characters of a term; a longer one is cut. */
export const maxTermLength = 64
/** Different terms of a query, its first. */
export const maxQueryTerms = 256

/** English words without a meaning of their own, and what contractions leave. */
const common: ReadonlySet<string> = new Set(
  (
    "a about above after again against ain all am an and any are as at be because been before being below between both but by can " +
    "could d did do does doing don down during each few for from further had has have having he her here hers herself him himself " +
    "his how i if in into is it its itself just ll m me more most my myself no nor not now o of off on once only or other our ours " +
    "ourselves out over own re s same she should so some such t than that the their theirs them themselves then there these they " +
    "this those through to too under until up ve very was we were what when where which while who whom why will with would y you " +
    "your yours yourself yourselves"
  ).split(" ")
)
export const isCommon = (word: string): boolean => common.has(word)

const words = /[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}/gu
const spaceless =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

// oxlint-disable-next-line no-control-regex
const ascii = /^[\x00-\x7f]*$/
/** Both find the same in ASCII; this one takes half of the time. */
const asciiWords = /[a-z0-9]+/g

/** The words of a text in lower case and without accents, in order. */
export const wordsOf = (text: string): ReadonlyArray<string> =>
  (ascii.test(text) ? text.toLowerCase().match(asciiWords) : folded(text).match(words)) ?? []

/**
 * Accents of Latin, Greek and Cyrillic letters go; marks of other scripts are part of their words.
 */
const folded = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .normalize("NFC")
    .toLowerCase()

/** The terms of a word. */
const termsOfWord = (word: string): ReadonlyArray<string> => {
  if (ascii.test(word) || !spaceless.test(word)) return [stem(word).slice(0, maxTermLength)]
  const characters = [...word]
  if (characters.length === 1) return characters
  return characters.slice(1).map((character, index) => characters[index]! + character)
}

/** A text of nothing but common words is found by these: "The Who". */
const termsOfWords = (all: ReadonlyArray<string>): ReadonlyArray<string> => {
  const rare = all.filter((word) => !common.has(word))
  return (rare.length === 0 ? all : rare).flatMap(termsOfWord)
}

/**
 * The terms of a text to store.
 *
 * @param options.speaker who said it: part of the text
 * @param options.saidAt when, in milliseconds
 */
export const ofText = (
  text: string,
  options: { readonly speaker?: string | undefined; readonly saidAt?: number } = {}
): Document => {
  const { saidAt, speaker } = options
  const weights = new Map<string, number>()
  const terms = termsOfWords(wordsOf(text))
  for (const term of terms) weights.set(term, (weights.get(term) ?? 0) + 1)
  const names = speaker === undefined ? [] : termsOfWords(wordsOf(speaker))
  for (const term of names) weights.set(term, (weights.get(term) ?? 0) + 1)
  if (saidAt !== undefined) for (const term of Dates.ofTime(saidAt)) weights.set(term, saidWeight)
  for (const term of Dates.termsOf(text, saidAt)) weights.set(term, 1)
  return { weights, length: terms.length + names.length }
}

/**
 * The terms of a query, each once. `askedAt`: when it is asked, in milliseconds; "last Tuesday" is
 * resolved against it.
 */
export const ofQuery = (text: string, askedAt?: number): ReadonlyArray<string> =>
  [...new Set([...termsOfWords(wordsOf(text)), ...Dates.termsOf(text, askedAt)])].slice(0, maxQueryTerms)
