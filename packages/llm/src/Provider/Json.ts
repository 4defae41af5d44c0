/**
 * JSON that providers and models wrote: nothing about it is taken for granted.
 */
import * as Fault from "./Fault.ts"

/** The object that an answer, or an event of one, has to be. */
export const parseObject = (text: string): object => {
  if (isTooDeep(text)) {
    throw new Fault.NotAnAnswer(`The provider's answer is nested deeper than ${maxDepth} levels`, excerpt(text))
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new Fault.NotAnAnswer(`The provider's answer is not JSON`, excerpt(text))
  }
  if (typeof json !== "object" || json === null) {
    throw new Fault.NotAnAnswer(`The provider's answer is not a JSON object`, excerpt(text))
  }
  return json
}

/** The beginning of a text, on one line, for messages. */
export const excerpt = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim()
  return line === "" ? "(nothing)" : line.length > 120 ? `${line.slice(0, 120)}…` : line
}

/** Deeper values overflow the stack of code that walks them; no schema of a tool or of an answer comes near. */
const maxDepth = 500

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [34, 92, 123, 125, 91, 93]

/** Whether JSON is nested deeper than `maxDepth`, without parsing it. */
const isTooDeep = (text: string): boolean => {
  // Every level takes two characters: a piece of a stream is not scanned.
  if (text.length <= 2 * maxDepth) return false
  let depth = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isQuoted) {
      if (code === backslash) at += 1
      else if (code === quote) isQuoted = false
    } else if (code === quote) isQuoted = true
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) return true
    } else if (code === closeBrace || code === closeBracket) depth -= 1
  }
  return false
}

/** The arguments of a tool call. Those that are not JSON, or are nested too deep, stay text: the loop tells the model. */
export const parseArguments = (text: string): unknown => {
  if (text === "") return {}
  if (isTooDeep(text)) return text
  try {
    return JSON.parse(text, text.includes("__proto__") ? withoutPrototype : undefined)
  } catch {
    return text
  }
}

/** A key of this name would become a prototype wherever the object is assigned from. */
const withoutPrototype = (key: string, value: unknown): unknown => (key === "__proto__" ? undefined : value)
