/** The rules of a model as switches: each may be off, to see that it is missed. */
import * as Record from "effect/Record"

/** Which rules are on. */
export type Switches<Name extends string> = { readonly [Rule in Name]: boolean }

export const of = <Name extends string>(rules: { readonly [Rule in Name]: unknown }) => {
  /** In the order of their declaration. */
  const names: ReadonlyArray<Name> = Record.keys(rules)
  /** All rules but these. */
  const without = (...off: ReadonlyArray<string>): Switches<Name> => Record.map(rules, (_, name) => !off.includes(name))
  return { names, without, all: without() }
}
