/** `--input name=value`, any number of times. */
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

/**
 * Values by name. The value may be empty and may hold further `=`; a name given twice is an error.
 */
export type Inputs = { readonly [name: string]: string }

const parse = (pairs: ReadonlyArray<string>): Effect.Effect<Inputs, CliError.CliError> => {
  const inputs = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    const name = pair.slice(0, at)
    const refuse = (expected: string) =>
      Effect.fail(new CliError.InvalidValue({ option: "input", value: pair, expected, kind: "flag" }))
    if (at < 1) return refuse("name=value, such as --input topic=otters")
    if (inputs.has(name)) return refuse(`a value for "${name}" only once`)
    inputs.set(name, pair.slice(at + 1))
  }
  return Effect.succeed(Object.fromEntries(inputs))
}

export const flag: Flag.Flag<Inputs> = Flag.String("input").pipe(
  Flag.withAlias("i"),
  Flag.withMetavar("name=value"),
  Flag.withDescription("Value of a crew input; may be given several times"),
  Flag.atLeast(0),
  Flag.mapEffect(parse)
)
