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
  readonly test: (text: string) => Result.Result<boolean, string>
}

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

const compile = (source: string): Result.Result<Pattern, string> => {
  if (source.length > maxLength)
    return Result.fail(`is longer than ${maxLength} characters, the most that a regular expression may have`)
  try {
    // Says what is wrong with the syntax; nothing is matched with it.
    new RegExp(source, "u")
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const reason = message.replace(`Invalid regular expression: /${source}/u: `, () => "")
    return Result.fail(`is not a valid regular expression: ${reason}`)
  }
  try {
    const machine = Machine.make(Program.make(Syntax.parse(source)))
    return Result.succeed({ source, test: (text) => test(machine, text) })
  } catch (error) {
    if (error instanceof Syntax.Refused) return Result.fail(error.message)
    throw error
  }
}

const test = (machine: Machine.Machine, text: string): Result.Result<boolean, string> => {
  try {
    return Result.succeed(machine.test(text))
  } catch (error) {
    if (error instanceof Machine.TooMuchWork)
      return Result.fail(`takes too long for a text of ${text.length} characters`)
    throw error
  }
}
