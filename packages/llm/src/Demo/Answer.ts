/**
 * What the demonstration model answers: a text or a valid object that quotes what tools and earlier
 * tasks gave, and says what it is.
 */
import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import type { JsonSchema } from "effect/JsonSchema"
import type { Json } from "effect/Schema"
import * as DemoArguments from "./Arguments.ts"
import { bestQuotes, notice, quotes, type Reading } from "./Reading.ts"
import * as JsonSample from "./JsonSample.ts"

const quotesPerSource = 4

/** Why anything was decided. */
const unreasoned = `${notice}: nothing was weighed, the rule takes the first choice.`

export const text = (reading: Reading): string => {
  const { complaint, description, expectedOutput, sources, terms } = reading
  const lines = [`${notice}: no language model was asked, the text is put together from the input by rule.`, ""]
  if (description !== "") lines.push(`Task: ${short(description, 300)}`)
  if (expectedOutput !== "") lines.push(`Wanted: ${short(expectedOutput, 200)}`)
  const known = new Set<string>()
  for (const source of sources) {
    const found = quotes(source.text, terms, quotesPerSource + known.size)
    const quoted = found.filter((quote) => !known.has(quote)).slice(0, quotesPerSource)
    if (found.length > 0 && quoted.length === 0) continue
    for (const quote of quoted) known.add(quote)
    lines.push("", source.isFailure ? `From ${source.title}, which failed:` : `From ${source.title}:`)
    for (const quote of quoted) lines.push(`> ${quote}`)
    if (quoted.length === 0) lines.push(`> ${short(source.text, 120) || "(nothing)"}`)
  }
  if (sources.length === 0)
    lines.push("", "No tool was called and no earlier result was given, so there is nothing to quote.")
  if (complaint !== undefined)
    lines.push("", `The last answer was sent back with these words: ${short(complaint, 300)}`)
  return lines.join("\n")
}

/** An object, or whatever else the schema describes, as JSON text. */
export const json = (reading: Reading, schema: JsonSchema): string => {
  const quoted = bestQuotes(reading, 24)
  const numbers = quoted.flatMap(DemoArguments.numbersIn)
  let nextQuote = 0
  let nextNumber = 0
  let told = false
  const value = JsonSample.make(schema, {
    optional: true,
    items: 2,
    string: ({ name, schema: { format, pattern, maxLength } }) => {
      if (format !== undefined || pattern !== undefined) return undefined
      const topic = short(reading.description, 120)
      const room = typeof maxLength === "number" ? maxLength : Infinity
      if (!told && room >= notice.length) {
        told = true
        return name === "reason" ? unreasoned : `${notice}. ${topic}`
      }
      if (/title|name|topic|subject|headline/i.test(name)) return topic
      return quoted[nextQuote++ % Math.max(1, quoted.length)] ?? topic
    },
    number: () => numbers[nextNumber++ % Math.max(1, numbers.length)],
    choice: (place, values) => values[place.index % values.length]
  })
  return JSON.stringify(withNotice(value, schema), undefined, 2)
}

/** The value with the notice in the first string that may hold it, when none does. */
const withNotice = (value: Json, schema: JsonSchema): Json => {
  const validator = JsonSchemaValidator.make(schema)
  if (JSON.stringify(value).includes(notice) || validator.validate(value).length > 0) return value
  for (const candidate of replacements(value)) if (validator.validate(candidate).length === 0) return candidate
  return value
}

/** Every copy of the value in which one string is the notice. */
function* replacements(value: Json): Generator<Json> {
  if (typeof value === "string") {
    yield `${notice}.`
    yield notice
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) for (const other of replacements(item)) yield value.with(index, other)
  } else if (typeof value === "object" && value !== null) {
    for (const [name, child] of Object.entries(value)) {
      for (const other of replacements(child)) yield { ...value, [name]: other }
    }
  }
}

const short = (given: string, most: number): string => {
  const line = given.replace(/\s+/g, " ").trim()
  return line.length > most ? `${line.slice(0, most).replace(/\s\S*$/, "")}…` : line
}
