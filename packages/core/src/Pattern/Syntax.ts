/**
 * The parts of a regular expression (JavaScript, flag `u`) whose syntax `RegExp` has accepted.
 * Character classes and escapes stay text: `RegExp` itself decides which single characters they
 * match, so that they mean what they mean in JavaScript.
 */

export type Node =
  /** One code point: this one, or one that the source (`.`, `[^a-z]`, `\p{L}`) matches. */
  | { readonly type: "character"; readonly codePoint: number }
  | { readonly type: "class"; readonly source: string }
  | { readonly type: "sequence"; readonly parts: ReadonlyArray<Node> }
  | { readonly type: "choice"; readonly parts: ReadonlyArray<Node> }
  | { readonly type: "repeat"; readonly part: Node; readonly min: number; readonly max: number }
  | { readonly type: "assertion"; readonly assertion: Assertion }
  | { readonly type: "look"; readonly ahead: boolean; readonly negative: boolean; readonly part: Node }

export type Assertion = "start" | "end" | "boundary" | "no boundary"

/** The pattern cannot be used; the message is read after the pattern. */
export class Refused extends Error {}

export const maxRepeats = 1_000
export const maxGroupDepth = 100

/** Throws `Refused` for what cannot be matched in linear time. */
export const parse = (source: string): Node => new Parser(source).pattern()

class Parser {
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  pattern(): Node {
    const parts = [this.#sequence()]
    while (this.#take("|")) parts.push(this.#sequence())
    return parts.length === 1 ? parts[0]! : { type: "choice", parts }
  }

  #sequence(): Node {
    const parts: Array<Node> = []
    while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      parts.push(this.#repeated(this.#term()))
    }
    return parts.length === 1 ? parts[0]! : { type: "sequence", parts }
  }

  #term(): Node {
    const from = this.#at
    const codePoint = this.#source.codePointAt(from)!
    this.#at += codePoint > 0xffff ? 2 : 1
    switch (this.#source[from]) {
      case "^":
        return { type: "assertion", assertion: "start" }
      case "$":
        return { type: "assertion", assertion: "end" }
      case ".":
        return { type: "class", source: "." }
      case "(":
        return this.#group(from)
      case "[":
        while (this.#peek() !== "]") this.#at += this.#peek() === "\\" ? 2 : 1
        this.#at++
        return { type: "class", source: this.#source.slice(from, this.#at) }
      case "\\":
        return this.#escape(from)
      default:
        return { type: "character", codePoint }
    }
  }

  #group(from: number): Node {
    let look: { readonly ahead: boolean; readonly negative: boolean } | undefined
    if (this.#take("?")) {
      if (this.#take("<=")) look = { ahead: false, negative: false }
      else if (this.#take("<!")) look = { ahead: false, negative: true }
      else if (this.#take("=")) look = { ahead: true, negative: false }
      else if (this.#take("!")) look = { ahead: true, negative: true }
      else if (this.#take("<")) this.#at = this.#source.indexOf(">", this.#at) + 1
      else if (!this.#take(":")) throw new Refused(`has group modifiers at ${from}, which are not supported`)
    }
    if (++this.#depth > maxGroupDepth) throw new Refused(`has groups nested more than ${maxGroupDepth} levels deep`)
    const part = this.pattern()
    this.#depth--
    this.#at++
    return look === undefined ? part : { type: "look", ...look, part }
  }

  #escape(from: number): Node {
    const letter = this.#source[this.#at++]!
    if (letter === "b") return { type: "assertion", assertion: "boundary" }
    if (letter === "B") return { type: "assertion", assertion: "no boundary" }
    if (letter === "k" || (letter >= "1" && letter <= "9"))
      throw new Refused(`has a backreference at ${from}, which cannot be matched in linear time`)
    if (letter === "p" || letter === "P" || (letter === "u" && this.#peek() === "{"))
      this.#at = this.#source.indexOf("}", this.#at) + 1
    else if (letter === "u") {
      const lead = Number.parseInt(this.#source.slice(this.#at, this.#at + 4), 16)
      this.#at += 4
      // Two escapes that are the halves of one code point.
      if (lead >= 0xd800 && lead < 0xdc00 && /^\\u[dD][c-fC-F]/.test(this.#source.slice(this.#at, this.#at + 4)))
        this.#at += 6
    } else if (letter === "x") this.#at += 2
    else if (letter === "c") this.#at += 1
    return { type: "class", source: this.#source.slice(from, this.#at) }
  }

  #repeated(part: Node): Node {
    const counts = this.#counts()
    if (counts === undefined) return part
    // Whether it prefers few or many repetitions is no question of whether it matches.
    this.#take("?")
    return { type: "repeat", part, ...counts }
  }

  #counts(): { readonly min: number; readonly max: number } | undefined {
    const from = this.#at
    if (this.#take("*")) return { min: 0, max: Infinity }
    if (this.#take("+")) return { min: 1, max: Infinity }
    if (this.#take("?")) return { min: 0, max: 1 }
    if (!this.#take("{")) return undefined
    const end = this.#source.indexOf("}", from)
    const [min = "", max] = this.#source.slice(from + 1, end).split(",")
    this.#at = end + 1
    const counts = {
      min: Number(min),
      max: max === undefined ? Number(min) : max === "" ? Infinity : Number(max)
    }
    if (counts.min > maxRepeats || (counts.max > maxRepeats && counts.max !== Infinity))
      throw new Refused(`repeats more than ${maxRepeats} times at ${from}`)
    return counts
  }

  #peek(): string | undefined {
    return this.#source[this.#at]
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }
}
