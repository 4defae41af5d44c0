/**
 * Regular expressions that users write, matched in time linear in the text. They mean what
 * JavaScript means by them (flag `u`), look-around included; what cannot be matched in linear time
 * (back-references), or would be too large, is refused when it is made, and a text that is too long
 * for its pattern when it is tested. Every process comes to the same answer.
 */
import * as Result from "effect/Result"
import * as Machine from "./Pattern/Machine.ts"
import * as Program from "./Pattern/Program.ts"
import * as Syntax from "./Pattern/Syntax.ts"

export interface Pattern {
  readonly source: string
  /**
   * What its compilation costs, in steps of a test: patterns are compiled when they are first
   * tested.
   */
  readonly compilation: number
  /**
   * Whether the text holds a match, or why that cannot be decided, to be read after the pattern.
   */
  readonly test: (text: string, work?: Work) => Result.Result<boolean, string>
}

/** What tests may still cost, so that several together end as soon as a single one. */
export type Work = Machine.Work
export const makeWork = (): Work => ({ left: Machine.maxWork })

/** The longest source, in UTF-16 code units. */
export const maxLength = 5_000

const known = new Map<string, Result.Result<Pattern, string>>()
const maxKnown = 100

/**
 * The pattern, or why it cannot be one, to be read after the pattern: `has a back-reference at 4,
 * which …`.
 */
export const make = (source: string): Result.Result<Pattern, string> => {
  let pattern = known.get(source)
  if (pattern === undefined) {
    pattern = compile(source)
    if (known.size >= maxKnown) known.delete(known.keys().next().value!)
    if (source.length <= maxLength) known.set(source, pattern)
  }
  return pattern
}

/** What `RegExp` says of the syntax; nothing is matched with it. */
export const syntaxProblem = (source: string): string | undefined => {
  // V8 collects the characters of a property each time it reads one: 30 µs, five bytes of source.
  // It reads each property once.
  const text = source.replace(escapes, (escape) => (isProperty(escape) ? "\\d" : escape))
  try {
    return void new RegExp(text, "u")
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return message.replace(`Invalid regular expression: /${text}/u: `, () => "")
  }
}

const escapes = /\\(?:[pP]\{[^}]*\}|[^])/g

/** Escapes that name a property of Unicode. */
const properties = new Set<string>()

const isProperty = (escape: string): boolean => {
  if (properties.has(escape)) return true
  if (!/^\\p/i.test(escape)) return false
  try {
    new RegExp(escape, "u")
  } catch {
    return false
  }
  properties.add(escape)
  return true
}

/** Making a step takes as long as taking twenty. */
const stepCost = 20
/** `RegExp` compiles each class, those of Unicode for half a millisecond. */
const classCost = 5_000

const compile = (source: string): Result.Result<Pattern, string> => {
  if (source.length > maxLength)
    return Result.fail(`is longer than ${maxLength} characters, the maximum for a regular expression`)
  const problem = syntaxProblem(source)
  if (problem !== undefined) return Result.fail(`is not a valid regular expression: ${problem}`)
  try {
    const root = Syntax.parse(source)
    const { classes, steps } = Program.sizeOf(root)
    let machine: Machine.Machine | undefined
    return Result.succeed({
      source,
      compilation: steps * stepCost + classes * classCost,
      test: (text, work = makeWork()) => test((machine ??= Machine.make(Program.make(root))), text, work)
    })
  } catch (error) {
    if (error instanceof Syntax.Refused) return Result.fail(error.message)
    throw error
  }
}

const test = (machine: Machine.Machine, text: string, work: Work): Result.Result<boolean, string> => {
  try {
    return Result.succeed(machine.test(text, work))
  } catch (error) {
    if (error instanceof Machine.TooMuchWork)
      return Result.fail(`takes too many steps for a text of ${text.length} characters`)
    throw error
  }
}
