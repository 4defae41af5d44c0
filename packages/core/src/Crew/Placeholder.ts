/**
 * Placeholders in texts: `{topic}`. Braces around anything that is no name stay as they are,
 * because JSON in a description is common. `{{topic}}` is the text `{topic}`, and `{{{topic}}}` the
 * value in braces. A value that is filled in is not looked at again, so no input can reach for
 * another.
 */
import type * as Schema from "effect/Schema"

/**
 * Names in one form (Unicode NFC): an accented letter is the same letter whether a keyboard, a file
 * system or a database wrote it as one character or as two.
 */
export const normalName = (name: string): string => name.normalize("NFC")

/** A text cut at its placeholders: literal, name, literal, name, … literal. */
export type Text = ReadonlyArray<string>

/** A name of an agent, a task or an input, in the letters of any script. */
export const name = /[\p{L}_][\p{L}\p{M}\p{N}_-]*/u

const braces = (open: string, close: string) => `${open}(${name.source})${close}`
const pattern = new RegExp(
  [braces("\\{{3}", "\\}{3}"), braces("\\{\\{", "\\}\\}"), braces("\\{", "\\}")].join("|"),
  "gu"
)

/** The texts and names of a text. */
export const parse = (text: string): Text => {
  const parts: Array<string> = []
  let literal = ""
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const [whole, enclosed, escaped, plain] = match
    literal += text.slice(end, match.index)
    end = match.index + whole.length
    if (escaped !== undefined) literal += `{${escaped}}`
    else if (enclosed !== undefined) {
      parts.push(`${literal}{`, normalName(enclosed))
      literal = "}"
    } else {
      parts.push(literal, normalName(plain!))
      literal = ""
    }
  }
  return [...parts, literal + text.slice(end)]
}

/** The text of one without placeholders. */
export const constant = ([text]: Text): string => text!

export const isConstant = (text: Text): boolean => text.length === 1

/** The names in a text, each as often as it occurs. */
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

  /**
   * True when the values take more characters than there is room for. Texts are empty from then on.
   */
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
