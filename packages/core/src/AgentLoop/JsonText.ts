/** JSON in the text of a model. */
import type * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"

export type Parsed = { readonly value: Schema.Json } | { readonly reason: string }

/**
 * JSON from the text of a model: as it stands, in a code fence, or among words. Of several values
 * the last that is valid counts; where none is, the text as it stands, or the last value in it.
 */
export const parse = (text: string, isValid: (value: Schema.Json) => boolean = () => true): Parsed => {
  const whole = read(text.trim())
  if ("value" in whole && isValid(whole.value)) return whole
  // JSON that was written once more as a text.
  if ("value" in whole && typeof whole.value === "string") {
    const inner = parse(whole.value, isValid)
    return "value" in inner && isValid(inner.value) ? inner : whole
  }
  let last: Parsed = whole
  let lastValid: Parsed | undefined
  for (const candidate of candidates(text)) {
    const parsed = read(candidate)
    if ("reason" in parsed) continue
    if (isValid(parsed.value)) lastValid = parsed
    else if ("reason" in whole) last = parsed
  }
  return lastValid ?? last
}

const read = (text: string): Parsed => {
  try {
    const value = JSON.parse(text) as Schema.Json
    return JsonDepth.isTooDeep(value) ? { reason: `the value ${JsonDepth.tooDeep}` } : { value }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * What may be JSON in a text, in order: what stands in code fences, and every balanced object or
 * array outside of another one.
 */
function* candidates(text: string): Generator<string> {
  yield* fenced(text)
  // A text of opening braces alone would take quadratic time.
  let left = 64 * text.length + 100_000
  for (let at = 0; at < text.length && left > 0; at++) {
    const char = text.charCodeAt(at)
    if (char !== openBrace && char !== openBracket) continue
    const end = endOf(text, at, left)
    left -= Math.abs(end) - at
    // What begins inside of something that is not JSON may be.
    if (end < 0) continue
    const candidate = text.slice(at, end)
    if ("reason" in read(candidate)) continue
    yield candidate
    at = end - 1
  }
}

/**
 * What stands in code fences, whatever their language. Line by line, because a regular expression
 * takes cubic time for a text of empty lines.
 */
function* fenced(text: string): Generator<string> {
  const lines = text.split("\n")
  let opening = -1
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!.trim()
    if (opening === -1) {
      if (/(?:```|~~~)[\w+-]{0,20}$/.test(line)) opening = index
    } else if (line.startsWith("```") || line.startsWith("~~~")) {
      yield lines.slice(opening + 1, index).join("\n")
      opening = -1
    }
  }
  // The closing one is often forgotten.
  if (opening !== -1) yield lines.slice(opening + 1).join("\n")
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [34, 92, 123, 125, 91, 93]

/**
 * Where the object or array that begins at `start` ends; negative, how far it was looked for: it
 * does not.
 */
const endOf = (text: string, start: number, most: number): number => {
  const to = Math.min(text.length, start + most)
  let depth = 0
  let isQuoted = false
  for (let at = start; at < to; at++) {
    const char = text.charCodeAt(at)
    if (isQuoted) {
      if (char === backslash) at += 1
      else if (char === quote) isQuoted = false
    } else if (char === quote) isQuoted = true
    else if (char === openBrace || char === openBracket) depth += 1
    else if (char === closeBrace || char === closeBracket) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return -to
}
