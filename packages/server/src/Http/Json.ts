/**
 * JSON text with places: where its syntax breaks, and which keys of an object stand twice (`JSON.parse` keeps the last one and
 * says nothing). Lines and columns count from 1, columns in UTF-16 code units.
 */
import * as Result from "effect/Result"

/** The text is no JSON. */
export interface SyntaxProblem {
  readonly message: string
  readonly line: number
  readonly column: number
}

/** A key that stands in an object already. */
export interface Duplicate {
  readonly path: ReadonlyArray<string | number>
  readonly line: number
  readonly column: number
}

/** Deeper than any crew, and far from the end of the stack. */
const maxDepth = 256

/** What a JSON text says, and the keys that it says twice, in the order of the text. */
export interface Parsed {
  readonly value: unknown
  readonly duplicates: ReadonlyArray<Duplicate>
}

/** Reads a JSON text. Text nested deeper than 256 is refused, so that no reader of the value runs out of stack. */
export const parse = (text: string): Result.Result<Parsed, SyntaxProblem> => {
  const scanner = new Scanner(text)
  const problem = scanner.problem()
  if (problem !== undefined) return Result.fail(problem)
  const value: unknown = JSON.parse(text)
  return Result.succeed({ value, duplicates: scanner.duplicates })
}

class Broken extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const space = /[ \t\n\r]*/y

class Scanner {
  readonly duplicates: Array<Duplicate> = []
  private readonly text: string
  private readonly path: Array<string | number> = []
  private index = 0

  constructor(text: string) {
    this.text = text
  }

  problem(): SyntaxProblem | undefined {
    try {
      this.value()
      this.skip()
      if (this.index < this.text.length) {
        throw new Broken(this.index, "The JSON value ends here, but more text follows.")
      }
      return undefined
    } catch (error) {
      if (!(error instanceof Broken)) throw error
      return { message: error.message, ...this.place(error.at) }
    }
  }

  place(at: number): { readonly line: number; readonly column: number } {
    let line = 1
    let start = 0
    for (let next = this.text.indexOf("\n"); next !== -1 && next < at; next = this.text.indexOf("\n", start)) {
      line++
      start = next + 1
    }
    return { line, column: at - start + 1 }
  }

  private skip() {
    space.lastIndex = this.index
    space.exec(this.text)
    this.index = space.lastIndex
  }

  private found(): string {
    const character = this.text[this.index]
    return character === undefined ? "the text ends here" : `found ${JSON.stringify(character)}`
  }

  private value(): void {
    this.skip()
    if (this.path.length > maxDepth) throw new Broken(this.index, `JSON nested deeper than ${maxDepth} is not read.`)
    const character = this.text[this.index]
    if (character === "{") return this.object()
    if (character === "[") return this.array()
    if (character === '"') {
      this.string()
      return
    }
    for (const word of ["true", "false", "null"]) {
      if (this.text.startsWith(word, this.index)) {
        this.index += word.length
        return
      }
    }
    number.lastIndex = this.index
    if (number.exec(this.text) === null) throw new Broken(this.index, `Expected a JSON value, but ${this.found()}.`)
    this.index = number.lastIndex
  }

  /** Leaves the index behind the closing quote. A loop, because a regular expression would keep a stack of every character. */
  private string(): void {
    this.index++
    for (;;) {
      const code = this.text.charCodeAt(this.index)
      if (code === 0x22) {
        this.index++
        return
      }
      if (code === 0x5c) {
        escape.lastIndex = this.index
        if (escape.exec(this.text) === null) throw new Broken(this.index, "This is no escape that JSON knows.")
        this.index = escape.lastIndex
      } else if (code < 0x20) {
        throw new Broken(this.index, "A string may not hold a line break or control character; escape it.")
      } else if (Number.isNaN(code)) {
        throw new Broken(this.index, "The text ends inside a string.")
      } else {
        this.index++
      }
    }
  }

  private object(): void {
    this.index++
    const keys = new Set<string>()
    this.skip()
    if (this.text[this.index] === "}") {
      this.index++
      return
    }
    for (;;) {
      this.skip()
      const at = this.index
      if (this.text[at] !== '"') throw new Broken(at, `Expected a key in double quotes, but ${this.found()}.`)
      this.string()
      const key = String(JSON.parse(this.text.slice(at, this.index)))
      this.path.push(key)
      if (keys.has(key)) this.duplicates.push({ path: [...this.path], ...this.place(at) })
      keys.add(key)
      this.skip()
      if (this.text[this.index] !== ":") {
        throw new Broken(this.index, `Expected ":" after the key ${JSON.stringify(key)}, but ${this.found()}.`)
      }
      this.index++
      this.value()
      this.path.pop()
      this.skip()
      if (this.text[this.index] === "}") {
        this.index++
        return
      }
      if (this.text[this.index] !== ",") throw new Broken(this.index, `Expected "," or "}", but ${this.found()}.`)
      this.index++
    }
  }

  private array(): void {
    this.index++
    this.skip()
    if (this.text[this.index] === "]") {
      this.index++
      return
    }
    for (let element = 0; ; element++) {
      this.path.push(element)
      this.value()
      this.path.pop()
      this.skip()
      if (this.text[this.index] === "]") {
        this.index++
        return
      }
      if (this.text[this.index] !== ",") throw new Broken(this.index, `Expected "," or "]", but ${this.found()}.`)
      this.index++
    }
  }
}
