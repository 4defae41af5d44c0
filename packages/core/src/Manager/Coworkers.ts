/** Agents of a crew that another one may give work to, and which of them a model means when it names one. */
import type * as Plan from "../Plan.ts"
import * as Suggestion from "../Suggestion.ts"

export interface Coworker {
  readonly name: string
  readonly role: string
  readonly goal: string
}

/** Whom agents may give work to, in declared order. `chain`: who gives it, and who waits for that, up to the root. */
export const of = ({ agents, manager }: Plan.Plan, chain: ReadonlyArray<string>): ReadonlyArray<Coworker> =>
  Object.entries(agents).flatMap(([name, { goal, role }]) =>
    chain.includes(name) || manager?.allow.includes(name) === false ? [] : [{ name, role, goal }]
  )

/** `Found` also where it is on the chain: that is another mistake than a name that nobody has. */
export type Match =
  | { readonly _tag: "Found"; readonly name: string }
  | { readonly _tag: "Ambiguous"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Unknown"; readonly suggestion: string | undefined }

/** Case, quotes, brackets, separators and white space make no difference. */
const fold = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[\p{White_Space}\p{P}_]+/gu, " ")
    .trim()

const articles = /^(the|our|my|a|an) | (agent|coworker)$/g

/**
 * By name or role, with what models add to them folded away; then by a part of a name or role, when that is of one agent alone. What is
 * only spelt alike is suggested, not taken: the work would be done by the wrong agent.
 */
export const match = (plan: Plan.Plan, named: string): Match => {
  const agents = Object.entries(plan.agents)
  const wanted = fold(named).replaceAll(articles, "")
  const tests: ReadonlyArray<(name: string, role: string) => boolean> = [
    (name) => name === named,
    (name, role) => fold(name) === wanted || fold(role) === wanted,
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
