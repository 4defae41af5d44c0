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

/** Fills texts with values; those that are no text as JSON. Every name must have a value. */
export class Filler {
  readonly #values: ReadonlyMap<string, Schema.Json>
  readonly #texts = new Map<string, string>()
  #room: number

  /** `room`: how many characters all values may take, each as often as it is filled in. */
  constructor(values: ReadonlyMap<string, Schema.Json>, room: number) {
    this.#values = values
    this.#room = room
  }

  /** True when the values take more characters than there is room for. Texts are empty from then on. */
  get isOverfull(): boolean {
    return this.#room < 0
  }

  /** The text with the values in place. */
  fill(text: Text): string {
    if (isConstant(text)) return text[0]!
    const parts: Array<string> = [text[0]!]
    for (let index = 1; index < text.length && !this.isOverfull; index += 2) {
      const value = this.#textOf(text[index]!)
      this.#room -= value.length
      parts.push(value, text[index + 1]!)
    }
    return this.isOverfull ? "" : parts.join("")
  }

  #textOf(name: string): string {
    let text = this.#texts.get(name)
    if (text === undefined) {
      const value = this.#values.get(name)
      text = typeof value === "string" ? value : JSON.stringify(value)
      this.#texts.set(name, text)
    }
    return text
  }
}
