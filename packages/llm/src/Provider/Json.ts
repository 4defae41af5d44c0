/**
 * JSON that providers and models wrote: nothing about it is taken for granted.
 */
import * as Fault from "./Fault.ts"

/** The object that an answer, or an event of one, has to be. */
export const parseObject = (text: string): object => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new Fault.NotAnAnswer(`The provider's answer is not JSON: ${excerpt(text)}`)
  }
  if (typeof json !== "object" || json === null) {
    throw new Fault.NotAnAnswer(`The provider's answer is no JSON object: ${excerpt(text)}`)
  }
  return json
}

/** The beginning of a text, on one line, for messages. */
export const excerpt = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim()
  return line === "" ? "(nothing)" : line.length > 120 ? `${line.slice(0, 120)}…` : line
}

/** The arguments of a tool call. Those that are no JSON stay what they are: the loop tells the model. */
export const parseArguments = (text: string): unknown => {
  if (text === "") return {}
  try {
    return JSON.parse(text, text.includes("__proto__") ? withoutPrototype : undefined)
  } catch {
    return text
  }
}

/** A key of this name would become a prototype wherever the object is assigned from. */
const withoutPrototype = (key: string, value: unknown): unknown => (key === "__proto__" ? undefined : value)
