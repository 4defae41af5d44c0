/** Makes of what was handed over what is stored: the parts that all layers have in common. */
import type { Entry, Kind, Mention, Remembered, Scope } from "../MemoryEntry.ts"
import * as Consolidation from "./Consolidation.ts"
import * as Entities from "./Entities.ts"
import * as IsoTime from "../IsoTime.ts"
import * as Terms from "./Terms.ts"
import * as Visibility from "./Visibility.ts"

/** The conversation that a memory belongs to, and whose neighbours are its context. */
export const conversationOf = (entry: {
  readonly kind: Kind
  readonly scope: Scope
  readonly conversation?: string
}): string | undefined =>
  entry.conversation ?? (entry.kind === "short-term" ? (entry.scope.session ?? entry.scope.execution) : undefined)

/** Two memories with the same identity are one. */
export const identityOf = ({
  kind,
  scope,
  subject,
  text
}: Pick<Entry, "kind" | "scope" | "subject" | "text">): string =>
  JSON.stringify([kind, Visibility.keyOf(scope), subject ?? null, Consolidation.normalise(text)])

/** Of memories with the same one, one holds at a time; absent: it states the value of nothing. */
export const subjectOf = ({ scope, subject }: Pick<Entry, "scope" | "subject">): string | undefined =>
  subject === undefined ? undefined : JSON.stringify([Visibility.keyOf(scope), subject])

/** Ids that sort in the order of storing, even within a millisecond. `at`: now, in milliseconds. */
export const makeIds = (random: { readonly nextDoubleUnsafe: () => number }) => {
  let last = 0
  return (at: number) => (): string => {
    last = Math.max(last + 1, at * 1_000)
    const chance = Math.floor(random.nextDoubleUnsafe() * 2 ** 32)
    return `mem_${last.toString(36).padStart(11, "0")}${chance.toString(36).padStart(7, "0")}`
  }
}

/** `text`: without what was recalled. `at`: now, in milliseconds. */
export const entryOf = (
  given: Remembered,
  { at, id, text }: { readonly id: string; readonly text: string; readonly at: number }
): Entry => {
  const {
    importance = 0.5,
    key: _,
    mentions = [],
    origin = "agent",
    pinned = false,
    saidAt,
    trust = origin,
    ...rest
  } = given
  const wellFormed = text.toWellFormed()
  return {
    ...rest,
    id,
    text: wellFormed,
    importance,
    origin,
    trust: Visibility.leastTrusted(origin, trust),
    saidAt: saidAt === undefined ? IsoTime.of(at) : new Date(saidAt).toISOString(),
    storedAt: IsoTime.of(at),
    corroborations: 0,
    pinned,
    quarantined: false,
    mentions: mentionsOf(wellFormed, mentions)
  }
}

/** What the caller knows goes before what rules find of the same name. */
const mentionsOf = (text: string, given: ReadonlyArray<Mention>): ReadonlyArray<Mention> => {
  const known = new Set(given.flatMap(({ aliases = [], name }) => [name, ...aliases]).map(Entities.keyOf))
  return [...given, ...Entities.inText(text).filter(({ name }) => !known.has(Entities.keyOf(name)))]
}

/** What is indexed of a memory: its text, its lesson and its speaker. */
export const documentOf = ({ outcome, saidAt, speaker, text }: Entry): Terms.Document =>
  Terms.ofText(outcome?.lesson === undefined ? text : `${text}\n${outcome.lesson}`, {
    speaker,
    saidAt: Date.parse(saidAt)
  })

/** The memory as it was at a time: what came later is not known yet. */
export const asOf = (entry: Entry, time: number | undefined): Entry => {
  if (time === undefined || entry.validTo === undefined || Date.parse(entry.validTo) <= time) return entry
  const { supersededBy: _, validTo: __, ...rest } = entry
  return rest
}

/** Whether it was stored by a time, and held then. */
export const held = ({ storedAt, validTo }: Entry, time: number): boolean =>
  Date.parse(storedAt) <= time && (validTo === undefined || Date.parse(validTo) > time)

/** The author of a memory, or the entity that it is about. */
export const namesOf = ({ kind, mentions, speaker }: Entry): ReadonlyArray<string> => [
  ...(speaker === undefined ? [] : [speaker]),
  ...(kind === "entity" ? mentions.flatMap(({ aliases = [], name }) => [name, ...aliases]) : [])
]

/** Whether a query names one of these. `words`: those of the query, with spaces at both ends. */
export const isAnyNamedIn = (words: string, names: ReadonlyArray<string>): boolean =>
  names.some((name) => {
    const key = Entities.keyOf(name)
    return key !== "" && words.includes(` ${key} `)
  })

export const wordsOfQuery = (text: string): string => ` ${Terms.wordsOf(text).join(" ")} `
