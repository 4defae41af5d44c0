/** A memory as the functions of the database take it, and as a row of theirs. */
import * as IsoTime from "@crewline/core/IsoTime"
import * as Memory from "@crewline/core/Memory"
import * as NodeCrypto from "node:crypto"

/** The number of a kind in the database. */
export const kindOf = (kind: Memory.Kind): number => Memory.Kind.literals.indexOf(kind)
/** The number of an origin in the database: the greater, the less trusted. */
export const originOf = (origin: Memory.Origin): number => Memory.Origin.literals.indexOf(origin)

/** What is looked up by a text of any length. */
export const hash = (text: string): string => NodeCrypto.createHash("sha256").update(text).digest("base64url")

export const pathOf = (scope: Memory.Scope): string => hash(Memory.Visibility.keyOf(scope))

/** Halves of surrogate pairs cannot be stored but in the body. */
const wellFormed = (scope: Memory.Scope): Memory.Scope =>
  Object.fromEntries(
    Memory.Visibility.parts.flatMap((part) => (scope[part] === undefined ? [] : [[part, scope[part].toWellFormed()]]))
  )

export const scopeOf = (scope: Memory.Scope) => ({ path: pathOf(scope), ...wellFormed(scope) })

export const keyPathOf = (key: string): string => hash(key)

/** With its rows of the index. */
export const encode = (entry: Memory.Entry, more: { readonly key?: string | undefined; readonly place?: number }) => {
  const { corroborations, id, kind, mentions, pinned, quarantined, storedAt, supersededBy, validTo, ...body } = entry
  const { key, place } = more
  const document = Memory.Making.documentOf(entry)
  const conversation = Memory.Making.conversationOf(entry)
  const subject = Memory.Making.subjectOf(entry)
  const names = Memory.Making.namesOf(entry)
  const path = pathOf(entry.scope)
  const isLive = validTo === undefined
  return {
    id: id.toWellFormed(),
    path,
    kind: kindOf(kind),
    origin: originOf(entry.origin),
    trust: originOf(entry.trust),
    length: document.length,
    storedAt: Date.parse(storedAt),
    saidAt: Date.parse(entry.saidAt),
    importance: entry.importance,
    corroborations,
    pinned,
    quarantined,
    terms: Object.fromEntries(Array.from(document.weights, ([term, weight]) => [term.toWellFormed(), weight])),
    body: JSON.stringify(body),
    ...(mentions.length > 0 && { mentions: JSON.stringify(mentions) }),
    ...(entry.relations !== undefined && entry.relations.length > 0 && { relates: true }),
    ...(names.length > 0 && { names: names.map((name) => name.toWellFormed()) }),
    ...(entry.subject !== undefined && { subject: entry.subject.toWellFormed() }),
    ...(entry.source !== undefined && { source: entry.source.execution.toWellFormed() }),
    ...(conversation !== undefined && { conversation: hash(JSON.stringify([path, conversation])) }),
    ...(place !== undefined && { place }),
    ...(key !== undefined && { key: key.toWellFormed(), keyPath: keyPathOf(key) }),
    ...(supersededBy !== undefined && { supersededBy }),
    ...(isLive ? { identity: hash(Memory.Making.identityOf(entry)) } : { endsAt: Date.parse(validTo) }),
    ...(isLive && subject !== undefined && { holdsFor: hash(subject) })
  }
}

export type Encoded = ReturnType<typeof encode>

/** What an entry is made from. */
export interface Row {
  readonly key: bigint
  readonly id: string
  readonly kind: number
  readonly stored_at: bigint
  readonly ends_at: bigint | null
  readonly superseded_by: string | null
  readonly corroborations: number
  readonly pinned: boolean
  readonly quarantined: boolean
  readonly mentions: string | null
  readonly body: string
}

export const entryOf = (row: Row): Memory.Entry => ({
  ...(JSON.parse(row.body) as Omit<Memory.Entry, "id">),
  id: row.id,
  kind: Memory.Kind.literals[row.kind]!,
  storedAt: IsoTime.of(Number(row.stored_at)),
  ...(row.ends_at !== null && { validTo: IsoTime.of(Number(row.ends_at)) }),
  ...(row.superseded_by !== null && { supersededBy: row.superseded_by }),
  corroborations: row.corroborations,
  pinned: row.pinned,
  quarantined: row.quarantined,
  mentions: row.mentions === null ? [] : JSON.parse(row.mentions)
})

/** The scopes that a view sees, as `crewline_memory_scopes` reads it. */
export const viewOf = ({ any = [], scope }: Memory.View): object => {
  if (any.length > 0) return { scope: wellFormed(scope), any }
  let seen: ReadonlyArray<Memory.Scope> = [{}]
  for (const part of Memory.Visibility.parts) {
    const name = scope[part]
    if (name !== undefined) seen = seen.flatMap((each) => [each, { ...each, [part]: name }])
  }
  return { paths: seen.map(pathOf) }
}

/** The scopes that belong to another. */
export const withinOf = (scope: Memory.Scope): object => ({ within: wellFormed(scope) })
