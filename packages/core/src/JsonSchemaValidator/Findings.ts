/**
 * What is wrong with a value, as it is found, and which of it is worth saying when a value may take
 * one of several forms.
 */
import * as Wording from "./Wording.ts"
import type { Place } from "./Wording.ts"

interface Finding {
  readonly keyword: string
  readonly at: Place
  readonly message: string
}

/** Keeps the first `room` findings and counts the others. */
export class Findings {
  readonly list: Array<Finding> = []
  readonly room: number
  total = 0

  constructor(room: number) {
    this.room = room
  }

  add(keyword: string, at: Place, message: () => string): false {
    this.total++
    if (this.list.length < this.room) this.list.push({ keyword, at, message: message() })
    return false
  }

  addAll({ list, total }: Findings): void {
    for (const finding of list.slice(0, this.room - this.list.length)) this.list.push(finding)
    this.total += total
  }
}

const kinds: ReadonlySet<string> = new Set(["type", "const", "enum", "false"])

/**
 * Of the forms that a value may take it has none. When one of them fits in kind and fails only
 * inside, its findings are what helps; when none fits in kind, the list of kinds is. The variants
 * of a tagged union differ in a constant: one with another tag was not meant.
 */
export const alternatives = (branches: ReadonlyArray<Findings>, at: Place, out: Findings): void => {
  if (out.room === 0) return void out.add("anyOf", at, () => "")
  const inKind = branches.filter(
    ({ list }) => !list.some((one) => one.keyword === "const" || (one.at === at && kinds.has(one.keyword)))
  )
  if (inKind.length > 0) return out.addAll(inKind.reduce((best, other) => (other.total < best.total ? other : best)))
  const said = branches
    .flatMap(({ list }) => list)
    .map((one) => (one.at === at ? one.message : `${Wording.pointer(one.at)} ${one.message}`))
  const messages = [...new Set(said)]
  const types = messages.map((message) => /^must be (.+), not (.+)$/.exec(message))
  out.add("type", at, () =>
    types.every((match) => match !== null)
      ? `must be ${types.map((match) => match![1]).join(" or ")}, not ${types[0]![2]}`
      : `matches none of the allowed forms: it ${messages.slice(0, 12).join("; or ")}`
  )
}
