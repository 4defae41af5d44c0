/**
 * Arguments for a tool, valid for its schema and, where the form of the prompt shows one, taken
 * from it: a file that it names, an expression, an address, a number.
 */
import type { JsonSchema } from "effect/JsonSchema"
import type { Json } from "effect/Schema"
import type { Reading } from "./Reading.ts"
import * as JsonSample from "./JsonSample.ts"

export const make = (parameters: JsonSchema, reading: Reading): Json => {
  const texts = [reading.description, reading.prompt, ...reading.sources.map((source) => source.text)]
  const numbers = texts.slice(0, 2).flatMap(numbersIn)
  return JsonSample.make(parameters, {
    string: (place) => suggestion(place, reading, texts),
    number: ({ index }) => numbers[index],
    choice: (place, values) => mentioned(values, reading.prompt) ?? values[place.index % values.length]
  })
}

const suggestion = (
  { name, schema }: JsonSample.Place,
  reading: Reading,
  texts: ReadonlyArray<string>
): string | undefined => {
  if (/path|file/i.test(name)) return first(texts, fileIn) ?? "README.md"
  if (/expression|formula|^expr$/i.test(name)) return first(texts, expressionIn) ?? sumOf(reading) ?? "1 + 1"
  if (schema["format"] === "uri" || /ur[il]$|link|href/i.test(name)) {
    return first(texts, (text) => /https?:\/\/[^\s<>"')]+/.exec(text)?.[0])
  }
  if (schema["format"] === "date" || /date|day/i.test(name))
    return first(texts, (text) => /\b\d{4}-\d{2}-\d{2}\b/.exec(text)?.[0])
  const quoted = /["“„«]([^"”“»\n]{2,80})["”»]/.exec(reading.description)?.[1]
  return quoted ?? (reading.terms.slice(0, 5).join(" ") || undefined)
}

const first = (texts: ReadonlyArray<string>, find: (text: string) => string | undefined): string | undefined => {
  for (const text of texts) {
    const found = find(text)
    if (found !== undefined) return found
  }
  return undefined
}

const mentioned = (values: ReadonlyArray<unknown>, text: string): unknown => {
  const lower = text.toLowerCase()
  return values.find((value) => typeof value === "string" && value !== "" && lower.includes(value.toLowerCase()))
}

const documents = /\.(md|txt|csv|tsv|json|ya?ml|html?|xml|log|pdf|toml|ini|ts|js|py)$/i

const maxWordLength = 300

const fileIn = (text: string): string | undefined => {
  // Each word is looked at from every character of it.
  const words = text.split(/\s+/).filter((word) => word.length <= maxWordLength)
  const withoutAddresses = words.join(" ").replace(/\bhttps?:\/\/\S+|\S+@\S+|\bwww\.\S+/g, " ")
  const names = withoutAddresses.match(/(?:[\w-]+\/|\.{1,2}\/)*[\w-][\w.-]*\.[a-z][a-z0-9]{0,7}\b/gi) ?? []
  return names.find((name) => documents.test(name))
}

/** Arithmetic as people write it; a date, a range or a telephone number is none. */
const expressionIn = (text: string): string | undefined => {
  const number = String.raw`\(*\s?-?\d+(?:\.\d+)?\s?\)*`
  // It begins with the first bracket or digit of several, and a space is one, so that the time is
  // linear.
  const expression = new RegExp(String.raw`(?<![\d(])${number}(?:\s?(?:[+*/×÷^%]|\s-\s)\s?${number})+`, "g")
  const matches = text.replaceAll(/\s+/g, " ").matchAll(expression)
  for (const [match] of matches) {
    const expression = match.trim()
    const opened = expression.split("(").length
    if (opened === expression.split(")").length) return expression.replaceAll("×", "*").replaceAll("÷", "/")
  }
  return undefined
}

/** The sum of the first figures that the tools gave; years only when there is nothing else. */
const sumOf = (reading: Reading): string | undefined => {
  const all = [...reading.sources.filter((source) => !source.isFailure).map((source) => source.text), reading.prompt]
  for (const text of all) {
    const numbers = numbersIn(text)
    const figures = numbers.filter((number) => !(Number.isInteger(number) && number >= 1900 && number <= 2100))
    const chosen = (figures.length >= 2 ? figures : numbers).slice(0, 4)
    if (chosen.length >= 2) return chosen.join(" + ")
  }
  return undefined
}

/** Numbers that stand by themselves, not inside of words, dates or versions. */
export const numbersIn = (text: string): ReadonlyArray<number> =>
  Array.from(
    text.matchAll(/(?<![\w.,:/-])(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d{1,6})?(?![\w:/-]|[.,]\d)/g),
    ([match]) => Number(match.replaceAll(",", ""))
  )
