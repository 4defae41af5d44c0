/**
 * Regular expressions that users write, matched in time linear in the text. They mean what JavaScript means by them (flag `u`),
 * look-around included; what cannot be matched in linear time (back-references), or would be too large, is refused when it is
 * made, and a text that is too long for its pattern when it is tested. Every process comes to the same answer.
 */
import * as Result from "effect/Result"
import * as Machine from "./Pattern/Machine.ts"
import * as Program from "./Pattern/Program.ts"
import * as Syntax from "./Pattern/Syntax.ts"

export interface Pattern {
  readonly source: string
  /** Whether the text holds a match, or why that cannot be decided, to be read after the pattern. */
  readonly test: (text: string, work?: Work) => Result.Result<boolean, string>
}

/** What tests may still cost, so that several together end as soon as a single one. */
export type Work = Machine.Work
export const makeWork = (): Work => ({ left: Machine.maxWork })

/** The longest source, in UTF-16 code units. */
export const maxLength = 5_000

const known = new Map<string, Result.Result<Pattern, string>>()
const maxKnown = 100

/** The pattern, or why it cannot be one, to be read after the pattern: `has a back-reference at 4, which …`. */
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
  try {
    return void new RegExp(source, "u")
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return message.replace(`Invalid regular expression: /${source}/u: `, () => "")
  }
}

const compile = (source: string): Result.Result<Pattern, string> => {
  if (source.length > maxLength)
    return Result.fail(`is longer than ${maxLength} characters, the most that a regular expression may have`)
  const problem = syntaxProblem(source)
  if (problem !== undefined) return Result.fail(`is not a valid regular expression: ${problem}`)
  try {
    const machine = Machine.make(Program.make(Syntax.parse(source)))
    return Result.succeed({ source, test: (text, work = makeWork()) => test(machine, text, work) })
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
      return Result.fail(`takes too long for a text of ${text.length} characters`)
    throw error
  }
}
