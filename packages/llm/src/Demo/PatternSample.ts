/**
 * A string that a regular expression matches, for the plain patterns of JSON Schemas: literals,
 * classes, groups, alternatives and counted repetition. What is beyond that (look-around, back
 * references, property escapes) gives none.
 */
import * as Pattern from "@crewline/core/Pattern"
import * as Result from "effect/Result"

/** The shortest match by rule; `undefined` when there is none that can be found. */
export const make = (pattern: string): string | undefined => {
  const matches = matcher(pattern)
  if (matches === undefined) return undefined
  try {
    const sample = new Parser(pattern).alternatives()
    return matches(sample) ? sample : undefined
  } catch {
    return undefined
  }
}

/** Whether a text matches; `undefined` for what is no pattern. */
export const matcher = (pattern: string): ((text: string) => boolean) | undefined => {
  const made = Pattern.make(pattern)
  if (Result.isFailure(made)) return undefined
  return (text) => Result.getOrElse(made.success.test(text), () => false)
}

class Unsupported extends Error {}

const escapes: { readonly [letter: string]: string } = {
  d: "1",
  D: "a",
  w: "a",
  W: "-",
  s: " ",
  S: "a",
  n: "\n",
  t: "\t",
  r: "\r",
  f: "\f",
  v: "\v",
  b: "",
  B: ""
}

/** Tried, in this order, against a class that excludes. */
const anything = "a1 -_.A".split("")

class Parser {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  /** The first alternative; the others are read over. */
  alternatives(): string {
    const first = this.#sequence()
    while (this.#take("|")) this.#sequence()
    return first
  }

  #sequence(): string {
    let out = ""
    while (this.#at < this.#source.length && !"|)".includes(this.#peek())) {
      const atom = this.#atom()
      out += atom.repeat(this.#times())
    }
    return out
  }

  #atom(): string {
    const char = this.#next()
    switch (char) {
      case "^":
      case "$":
        return ""
      case ".":
        return "a"
      case "(":
        return this.#group()
      case "[":
        return this.#class()
      case "\\":
        return this.#escape()
      default:
        return char
    }
  }

  #group(): string {
    if (this.#take("?")) {
      if (this.#take("<")) {
        if ("=!".includes(this.#peek())) throw new Unsupported()
        while (this.#next() !== ">");
      } else if (!this.#take(":")) throw new Unsupported()
    }
    const inner = this.alternatives()
    if (!this.#take(")")) throw new Unsupported()
    return inner
  }

  #class(): string {
    const start = this.#at - 1
    const excludes = this.#take("^")
    let first: string | undefined
    while (this.#peek() !== "]") {
      const member = this.#take("\\") ? this.#escape() : this.#next()
      first ??= member === "" ? undefined : member
    }
    this.#at += 1
    if (!excludes) {
      if (first === undefined) throw new Unsupported()
      return first
    }
    const matches = matcher(`^${this.#source.slice(start, this.#at)}$`)
    const found = matches && anything.find(matches)
    if (found === undefined) throw new Unsupported()
    return found
  }

  #escape(): string {
    const letter = this.#next()
    if (/[1-9kpPcux]/.test(letter)) throw new Unsupported()
    return escapes[letter] ?? letter
  }

  #times(): number {
    let least = 1
    if (this.#take("*") || this.#take("?")) least = 0
    else if (this.#take("{")) {
      const end = this.#source.indexOf("}", this.#at)
      least = Number(this.#source.slice(this.#at, end).split(",")[0])
      this.#at = end + 1
      if (!Number.isInteger(least) || least > 1_000) throw new Unsupported()
    } else if (!this.#take("+")) return 1
    this.#take("?")
    return least
  }

  #peek(): string {
    const char = this.#source[this.#at]
    if (char === undefined) throw new Unsupported()
    return char
  }

  #next(): string {
    const char = this.#peek()
    this.#at += 1
    return char
  }

  #take(char: string): boolean {
    if (this.#source[this.#at] !== char) return false
    this.#at += 1
    return true
  }
}
