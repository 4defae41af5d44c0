/**
 * Placeholders in texts: `{topic}`. Braces around anything that is no name stay as they are, because JSON in a description is
 * common. A value that is filled in is not looked at again, so no input can reach for another.
 */
import type * as Schema from "effect/Schema"

/** A text cut at its placeholders: literal, name, literal, name, … literal. */
export type Text = ReadonlyArray<string>

const pattern = /\{([A-Za-z_][A-Za-z0-9_-]*)\}/

/** The texts and names of a text. */
export const parse = (text: string): Text => text.split(pattern)

export const isConstant = (text: Text): boolean => text.length === 1

/** The names in a text, each as often as it stands there. */
export const names = (text: Text): ReadonlyArray<string> => text.filter((_, index) => index % 2 === 1)

/** The text with the values in place; those that are no text as JSON. Every name must have a value. */
export const fill = (text: Text, values: ReadonlyMap<string, Schema.Json>): string => {
  if (text.length === 1) return text[0]!
  let result = text[0]!
  for (let index = 1; index < text.length; index += 2) {
    const value = values.get(text[index]!)
    result += (typeof value === "string" ? value : JSON.stringify(value)) + text[index + 1]!
  }
  return result
}
