/**
 * Agents of a crew that another one may give work to, and which of them a model means when it names
 * one.
 */
import type * as Plan from "../Plan.ts"
import * as Suggestion from "../Suggestion.ts"

export interface Coworker {
  readonly name: string
  readonly role: string
  readonly goal: string
}

/**
 * Agents that work can be delegated to, in declared order. `chain`: the delegating agent and those
 * that wait for it, up to the root.
 */
export const of = ({ agents, manager }: Plan.Plan, chain: ReadonlyArray<string>): ReadonlyArray<Coworker> =>
  Object.entries(agents).flatMap(([name, { goal, role }]) =>
    chain.includes(name) || manager?.allow.includes(name) === false ? [] : [{ name, role, goal }]
  )

/** `Found` even if it is on the chain: that is a different error from an unknown name. */
export type Match =
  | { readonly _tag: "Found"; readonly name: string }
  | { readonly _tag: "Ambiguous"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Unknown"; readonly suggestion: string | undefined }

/** Ignores case, quotes, brackets, separators, white space and invisible characters. */
const fold = (text: string): string =>
  text
    .normalize("NFKC")
    .replaceAll(/\p{Cf}/gu, "")
    // There and back: ß and SS are the same then.
    .toUpperCase()
    .toLowerCase()
    .replaceAll(/[\p{White_Space}\p{P}\p{Sk}_]+/gu, " ")
    .trim()

/** Without what models put around a name. */
const bare = (folded: string): string => folded.replaceAll(/^(the|our|my|a|an) | (agent|coworker)$/g, "")

/** Accepted names of an agent: its name, its role, or both, as in the lists that models see. */
const isCalled = (name: string, role: string, is: (called: string) => boolean): boolean =>
  [name, role, `${name} ${role}`].some((each) => is(fold(each)))

/**
 * By name or role, then with what models add to them left away; then by a part of a name or role,
 * when that is of one agent alone. What is only spelt alike is suggested, not taken: the work would
 * be done by the wrong agent.
 */
export const match = (plan: Plan.Plan, named: string): Match => {
  const agents = Object.entries(plan.agents)
  const folded = fold(named)
  const wanted = bare(folded)
  const tests: ReadonlyArray<(name: string, role: string) => boolean> = [
    (name) => name === named,
    (name, role) => folded !== "" && isCalled(name, role, (called) => called === folded),
    (name, role) => wanted !== "" && isCalled(name, role, (called) => bare(called) === wanted),
    (name, role) => wanted.length > 2 && [fold(name), fold(role)].some((each) => isPart(each, wanted))
  ]
  for (const test of tests) {
    const names = agents.flatMap(([name, { role }]) => (test(name, role) ? [name] : []))
    if (names.length === 1) return { _tag: "Found", name: names[0]! }
    if (names.length > 1) return { _tag: "Ambiguous", names }
  }
  return {
    _tag: "Unknown",
    suggestion: Suggestion.make().closest(
      named,
      agents.map(([name]) => name)
    )
  }
}

/** Whole words of the one are in the other. */
const isPart = (known: string, wanted: string): boolean =>
  known.length > 2 && (` ${known} `.includes(` ${wanted} `) || ` ${wanted} `.includes(` ${known} `))
