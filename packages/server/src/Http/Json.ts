/**
 * JSON text with positions: where its syntax breaks, which keys of an object are repeated
 * (`JSON.parse` silently keeps the last one), and where the parts of its value are. Lines and
 * columns count from 1, columns in UTF-16 code units. The work is linear in the text, whatever is
 * wrong with it.
 *
 * Tokens come from the scanner of `jsonc-parser`. Its `visit` recurses, which deeply nested text
 * makes a stack overflow.
 */
import * as Result from "effect/Result"
import type { createScanner as CreateScanner } from "jsonc-parser"
// @ts-expect-error Only the entry point has types, and bundlers cannot follow the `require` calls of that one (it is UMD).
import { createScanner as createScannerUntyped } from "jsonc-parser/lib/umd/impl/scanner.js"

const createScanner: typeof CreateScanner = createScannerUntyped

/** A place in the text. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** The text is not JSON. */
export interface SyntaxProblem extends Place {
  readonly message: string
}

export type Path = ReadonlyArray<string | number>

/** A repeated key of an object. */
export interface Duplicate extends Place {
  readonly path: Path
}

/** The value of a JSON text, and the positions of its parts. */
export interface Parsed {
  readonly value: unknown
  /**
   * The repeated keys, in the order of the text: the first hundred, and the number of the others.
   */
  readonly duplicates: ReadonlyArray<Duplicate>
  readonly moreDuplicates: number
  /** The positions of these paths, or of their longest existing prefixes. */
  readonly places: (paths: ReadonlyArray<Path>) => ReadonlyArray<{ readonly key: Place; readonly value: Place }>
}

/** Deeper than any crew, and far below the stack limit of readers of the value. */
const maxDepth = 256

/**
 * Values of a text, those in others included: each costs its reader memory, and its errors time.
 * Crews of ten thousand tasks have about a hundred thousand.
 */
const maxValues = 200_000

/** More repeated keys are counted and not listed. */
const maxDuplicates = 100

/**
 * Reads a JSON text. Text nested deeper than 256 is refused, so that no reader of the value runs
 * out of stack, and text of more than 200,000 values.
 */
export const parse = (text: string): Result.Result<Parsed, SyntaxProblem> => {
  const duplicates: Array<Duplicate> = []
  let moreDuplicates = 0
  const problem = walk(text, {
    key: (path, place, isRepeated) => {
      if (!isRepeated) return
      if (duplicates.length < maxDuplicates) duplicates.push({ path: [...path], ...place })
      else moreDuplicates++
    }
  })
  if (problem !== undefined) return Result.fail(problem)
  const value: unknown = JSON.parse(text)
  return Result.succeed({ value, duplicates, moreDuplicates, places: (paths) => placesOf(text, paths) })
}

// Of the constant enums of `jsonc-parser`, which do not exist at run time.
const token = {
  openBrace: 1,
  closeBrace: 2,
  openBracket: 3,
  closeBracket: 4,
  comma: 5,
  colon: 6,
  null: 7,
  true: 8,
  false: 9,
  string: 10,
  number: 11,
  lineBreak: 14,
  space: 15,
  end: 17
} as const

interface Visitor {
  readonly key?: (path: Path, place: Place, isRepeated: boolean) => void
  readonly value?: (path: Path, place: Place) => void
}

interface Container {
  /** The keys so far; absent: an array. */
  readonly keys?: Set<string>
}

/** Visits every key and value in the order of the text, up to where its syntax breaks. */
const walk = (text: string, visitor: Visitor): SyntaxProblem | undefined => {
  const scanner = createScanner(text)
  const path: Array<string | number> = []
  const containers: Array<Container> = []
  let values = 0
  let expected = "value" as "value" | "value or end" | "key" | "key or end" | "colon" | "separator" | "nothing"

  const next = (): number => {
    for (;;) {
      const kind: number = scanner.scan()
      if (kind !== token.lineBreak && kind !== token.space) return kind
    }
  }
  const place = (): Place => ({ line: scanner.getTokenStartLine() + 1, column: scanner.getTokenStartCharacter() + 1 })
  const broken = (message: string, offset = 0): SyntaxProblem => {
    const { column, line } = place()
    return { message, line, column: column + offset }
  }
  const unexpected = (wanted: string): SyntaxProblem => {
    const character = text[scanner.getTokenOffset()]
    return broken(
      `Expected ${wanted}, but ${character === undefined ? "the text ends here" : `found ${JSON.stringify(character)}`}.`
    )
  }
  const close = () => {
    containers.pop()
    expected = containers.length === 0 ? "nothing" : "separator"
  }
  const open = (container: Container) => {
    containers.push(container)
    if (container.keys === undefined) path.push(0)
    expected = container.keys === undefined ? "value or end" : "key or end"
  }

  for (;;) {
    const kind = next()
    if (scanner.getTokenError() !== 0 && (kind === token.string || kind === token.number)) {
      const { message, offset } = faultIn(text.slice(scanner.getTokenOffset(), scanner.getPosition()))
      return broken(message, offset)
    }
    const container = containers.at(-1)
    switch (expected) {
      case "nothing":
        return kind === token.end ? undefined : broken("The JSON value ends here, but more text follows.")
      case "colon":
        if (kind !== token.colon) return unexpected(`":" after the key ${JSON.stringify(path.at(-1))}`)
        expected = "value"
        break
      case "separator": {
        const isArray = container?.keys === undefined
        if (kind === (isArray ? token.closeBracket : token.closeBrace)) {
          path.pop()
          close()
        } else if (kind !== token.comma) {
          return unexpected(isArray ? '"," or "]"' : '"," or "}"')
        } else if (isArray) {
          path.push(Number(path.pop()) + 1)
          expected = "value"
        } else {
          path.pop()
          expected = "key"
        }
        break
      }
      case "key":
      case "key or end": {
        if (kind === token.closeBrace && expected === "key or end") {
          close()
          break
        }
        if (kind !== token.string) return unexpected("a key in double quotes")
        const key = scanner.getTokenValue()
        path.push(key)
        visitor.key?.(path, place(), container!.keys!.has(key))
        container!.keys!.add(key)
        expected = "colon"
        break
      }
      default: {
        if (kind === token.closeBracket && expected === "value or end") {
          path.pop()
          close()
          break
        }
        if (containers.length > maxDepth) return broken(`JSON must not be nested deeper than ${maxDepth}.`)
        if (++values > maxValues) return broken(`JSON must not contain more than ${maxValues} values.`)
        visitor.value?.(path, place())
        if (kind === token.openBrace) open({ keys: new Set() })
        else if (kind === token.openBracket) open({})
        else if (kind >= token.null && kind <= token.number) {
          expected = containers.length === 0 ? "nothing" : "separator"
        } else return unexpected("a JSON value")
      }
    }
  }
}

const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/** The error of an invalid token, and its offset within the token. */
const faultIn = (text: string): { readonly message: string; readonly offset: number } => {
  if (!text.startsWith('"')) return { message: "Invalid number.", offset: 0 }
  let offset = 1
  while (offset < text.length) {
    const code = text.charCodeAt(offset)
    if (code < 0x20) break
    if (code !== 0x5c) {
      offset++
      continue
    }
    escape.lastIndex = offset
    if (escape.exec(text) === null) return { message: "Invalid escape in a string.", offset }
    offset = escape.lastIndex
  }
  return offset < text.length
    ? { message: "Control characters in a string must be escaped.", offset }
    : { message: "The string is not terminated on its line.", offset }
}

/** A key or element that is looked for, and those inside of it. */
interface Wanted {
  readonly inside: Map<string | number, Wanted>
  key?: Place
  value?: Place
}

const placesOf: (text: string, paths: ReadonlyArray<Path>) => ReturnType<Parsed["places"]> = (text, paths) => {
  const root: Wanted = { inside: new Map() }
  for (const path of paths) {
    let wanted = root
    for (const step of path) {
      const inside: Wanted = wanted.inside.get(step) ?? { inside: new Map() }
      wanted.inside.set(step, inside)
      wanted = inside
    }
  }
  const find = (path: Path): Wanted | undefined => {
    let wanted: Wanted | undefined = root
    for (const step of path) {
      wanted = wanted.inside.get(step)
      if (wanted === undefined) return undefined
    }
    return wanted
  }
  walk(text, {
    key: (path, place) => {
      const wanted = find(path)
      if (wanted !== undefined) wanted.key = place
    },
    value: (path, place) => {
      const wanted = find(path)
      if (wanted === undefined) return
      wanted.value = place
      // An element of an array has no key.
      if (typeof path.at(-1) !== "string") wanted.key = place
    }
  })
  const start: Place = { line: 1, column: 1 }
  return paths.map((path) => {
    let { key = start, value = start } = root
    for (let end = 1; end <= path.length; end++) {
      const wanted = find(path.slice(0, end))
      if (wanted?.key === undefined || wanted.value === undefined) return { key, value: key }
      key = wanted.key
      value = wanted.value
    }
    return { key, value }
  })
}
