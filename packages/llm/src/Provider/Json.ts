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

/**
 * Deeper values overflow the stack of code that walks them; no schema of a tool or of an answer
 * comes near.
 */
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

/**
 * The arguments of a tool call, which come as JSON text, or as the object itself. No arguments at
 * all are `{}`, in whatever words. Those that are not JSON, or are nested too deep, stay text: the
 * loop tells the model.
 */
export const argumentsOf = (given: unknown): unknown =>
  typeof given === "string" ? parseArguments(given) : (given ?? {})

/** The same for arguments that came as text. */
export const parseArguments = (text: string): unknown => {
  if (noArguments.has(text)) return {}
  if (isTooDeep(text)) return text
  const parsed = parsedOrUndefined(text) ?? parsedOrUndefined(repaired(text))
  if (parsed === null || (typeof parsed === "string" && noArguments.has(parsed.trim()))) return {}
  // JSON within JSON: some servers write the text of the arguments once more as a text.
  if (typeof parsed === "string") {
    const inner = isTooDeep(parsed) ? undefined : parsedOrUndefined(parsed)
    return typeof inner === "object" && inner !== null ? inner : text
  }
  return parsed === undefined ? (noArguments.has(text.trim()) ? {} : text) : parsed
}

const noArguments = new Set(["", "{}", "null", "None", "undefined", "nil"])

const parsedOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text, text.includes("__proto__") ? withoutPrototype : undefined)
  } catch {
    return undefined
  }
}

/**
 * Without what servers put around arguments: a code fence, an empty object before, the same object
 * again, marks of a template behind.
 */
const repaired = (text: string): string => {
  // Repeated white space would take the expressions below quadratic time.
  if (text.length > 100_000) return text
  const bare = text
    .trim()
    .replace(/^```[a-z]*\s*([\s\S]*?)\s*```$/i, "$1")
    .replace(/^(?:\{\s*\}|null)(?=\s*\{)/, "")
    .replace(/\}\s*(?:<\|?\/?[a-z_|]*\|?>\s*)+$/i, "}")
    .trim()
  const half = bare.length / 2
  return Number.isInteger(half) && bare.slice(0, half) === bare.slice(half) ? bare.slice(0, half) : bare
}

/** A key of this name would become a prototype wherever the object is assigned from. */
const withoutPrototype = (key: string, value: unknown): unknown => (key === "__proto__" ? undefined : value)

/** A count that a server told, if it is one. */
export const countOf = (value: unknown): number | undefined => {
  const count = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? Math.round(count) : undefined
}
