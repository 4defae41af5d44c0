/**
 * Signs, found without a model, that an output is not the success it claims to be: it is empty,
 * claims an action that no tool has taken, cites a source that the agent has not seen, or omits an
 * item of a requested list. A sign is not proof: it is recorded with the output and reported, but
 * fails nothing by itself.
 */
import type * as Schema from "effect/Schema"
import type { Doubt } from "../ExecutionEvent.ts"

/** What the checks look at. */
export interface Subject {
  readonly output: Schema.Json
  readonly description: string
  /** All that the agent was shown: its prompt, and what its tools returned. */
  readonly shown: ReadonlyArray<string>
  /** A tool that changes something was called, and did not fail. */
  readonly hasActed: boolean
}

type Check = (subject: Subject, text: string) => string | undefined

const textOf = (output: Schema.Json): string => (typeof output === "string" ? output : JSON.stringify(output))

// Texts may have megabytes: what repeats begins in one place only, or follows what it cannot take,
// so that the time is linear.
const nothing = /^[\s"'[\]{}.]*(?:(?:n\/?a|none|null|nothing|undefined|todo|tbd)[\s"'[\]{}.]*)?$/i

const isEmpty = (value: Schema.Json): boolean =>
  typeof value === "string"
    ? nothing.test(value)
    : typeof value !== "object" || value === null
      ? value === null
      : Object.values(value as object).every((each: Schema.Json) => isEmpty(each))

const emptyOutput: Check = ({ output }) => (isEmpty(output) ? "The output is empty." : undefined)

const actions =
  "wrote|written|saved|stored|sent|e?mailed|ran|run|executed|uploaded|published|posted|deployed|deleted|booked|submitted|created the file|updated the file"
const passive = "saved|stored|sent|e?mailed|uploaded|published|posted|written|deployed|submitted"
const claim = new RegExp(
  `\\b(?:(?:I|we)(?:'ve| have)? (?:now |just |also |successfully )*(?:${actions})|(?:has|have|was|were) (?:been )?(?:now |also |successfully )*(?:(?:${passive}) (?:to|into)|(?:${passive}|executed|deleted|booked) successfully))\\b`,
  "i"
)

const claimedAction: Check = ({ hasActed }, text) => {
  if (hasActed) return undefined
  const found = claim.exec(text)
  return found === null
    ? undefined
    : `The output claims an action (${JSON.stringify(found[0])}), and no tool that could do it was called successfully.`
}

const address = /\bhttps?:\/\/[^\s"'<>()[\]{}|\\^`]+/gi
const trimmed = (url: string): string => url.replace(/(?<![.,;:!?*_])[.,;:!?*_]+$/, "").replace(/\/$/, "")

const citedSource: Check = ({ shown }, text) => {
  const cited = [...new Set((text.match(address) ?? []).map(trimmed))].slice(0, maxChecked)
  const unknown = cited.filter((url) => !shown.some((each) => each.includes(url)))
  return unknown.length === 0
    ? undefined
    : `The output cites ${list(unknown)}, which no tool returned and the task does not name.`
}

const item = /^[^\S\n]*(?:[-*•]|\d{1,2}[.)])[^\S\n]+(\S.*)$/gm
const word = /[\p{L}\p{N}]{4,}/gu
const words = (text: string): ReadonlyArray<string> => text.toLowerCase().match(word) ?? []

const droppedItem: Check = ({ description }, text) => {
  const items = Array.from(description.matchAll(item), ([, each]) => each!.slice(0, maxItemLength).trim()).slice(
    0,
    maxChecked
  )
  if (items.length < 2) return undefined
  const said = text.toLowerCase()
  const counts = new Map<string, number>()
  for (const each of items) for (const one of new Set(words(each))) counts.set(one, (counts.get(one) ?? 0) + 1)
  const dropped = items.filter((each) => {
    // What is in every item tells none apart.
    const own = words(each).filter((one) => counts.get(one) === 1)
    return own.length > 0 && !own.some((one) => said.includes(stem(one)))
  })
  return dropped.length === 0 ? undefined : `The task asks for ${list(dropped)}, of which the output says nothing.`
}

/** Without the most common endings, so that other forms of a word are found. */
const stem = (text: string): string => (text.length > 5 ? text.replace(/(?:ing|ed|es|s|ly)$/, "") : text)

/** Addresses and items that are looked for: each is sought in all of a text. */
const maxChecked = 100
const maxItemLength = 500

const maxListed = 3
const list = (found: ReadonlyArray<string>): string => {
  const named = found
    .slice(0, maxListed)
    .map((each) => JSON.stringify(each.length > 100 ? `${each.slice(0, 100)}…` : each))
  return found.length > maxListed ? `${named.join(", ")} and ${found.length - maxListed} more` : named.join(", ")
}

/** By name, as they are turned off and as they stand in events. */
const checks = { emptyOutput, claimedAction, citedSource, droppedItem } as const satisfies {
  readonly [check: string]: Check
}

/**
 * What is found, but for checks that are turned off. An output that is empty has no other signs.
 */
export const find = (subject: Subject, off: ReadonlyArray<string> = []): ReadonlyArray<Doubt> => {
  const text = textOf(subject.output)
  const found: Array<Doubt> = []
  for (const [check, look] of Object.entries(checks)) {
    const message = off.includes(check) ? undefined : look(subject, text)
    if (message === undefined) continue
    found.push({ check, message })
    if (check === "emptyOutput") break
  }
  return found
}
