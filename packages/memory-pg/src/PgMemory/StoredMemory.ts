/** The formats in which the functions of the database receive and return a memory. */
import * as IsoTime from "@crewline/core/IsoTime"
import * as Memory from "@crewline/core/Memory"
import * as NodeCrypto from "node:crypto"

/** The number of a kind in the database. */
export const kindOf = (kind: Memory.Kind): number => Memory.Kind.literals.indexOf(kind)
/** The number of an origin in the database: the greater, the less trusted. */
export const originOf = (origin: Memory.Origin): number => Memory.Origin.literals.indexOf(origin)

/** A hash, for look-ups by a text of any length. */
export const hash = (text: string): string => NodeCrypto.createHash("sha256").update(text).digest("base64url")

export const pathOf = (scope: Memory.Scope): string => hash(Memory.Visibility.keyOf(scope))

/** Unpaired surrogates can be stored only in the body. */
const wellFormed = (scope: Memory.Scope): Memory.Scope =>
  Object.fromEntries(
    Memory.Visibility.parts.flatMap((part) => (scope[part] === undefined ? [] : [[part, scope[part].toWellFormed()]]))
  )

export interface StoredScope {
  readonly path: string
}

export const scopeOf = (scope: Memory.Scope): StoredScope => ({ path: pathOf(scope), ...wellFormed(scope) })

export const keyPathOf = (key: string): string => hash(key)

export interface Encoded {
  /** An object as JSON, with the entry's rows of the index. */
  readonly json: string
  readonly keyPath?: string
}

export const encode = (
  entry: Memory.Entry,
  more: { readonly path: string; readonly key?: string | undefined; readonly place?: number | undefined }
): Encoded => {
  const { corroborations, id, kind, mentions, pinned, quarantined, storedAt, supersededBy, validTo, ...body } = entry
  const { key, path, place } = more
  const document = Memory.Making.documentOf(entry)
  const conversation = Memory.Making.conversationOf(entry)
  const subject = Memory.Making.subjectOf(entry)
  const names = Memory.Making.namesOf(entry)
  const isLive = validTo === undefined
  const keyPath = key === undefined ? undefined : keyPathOf(key)
  const fields = JSON.stringify({
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
    body: JSON.stringify(body),
    // What is undefined is left out.
    mentions: mentions.length === 0 ? undefined : JSON.stringify(mentions),
    relates: entry.relations === undefined || entry.relations.length === 0 ? undefined : true,
    names: names.length === 0 ? undefined : names.map((name) => name.toWellFormed()),
    subject: entry.subject?.toWellFormed(),
    source: entry.source?.execution.toWellFormed(),
    conversation: conversation === undefined ? undefined : hash(JSON.stringify([path, conversation])),
    place,
    key: key?.toWellFormed(),
    keyPath,
    supersededBy,
    identity: isLive ? hash(Memory.Making.identityOf(entry)) : undefined,
    holdsFor: isLive && subject !== undefined ? hash(subject) : undefined,
    endsAt: isLive ? undefined : Date.parse(validTo)
  })
  return {
    json: `${fields.slice(0, -1)},"terms":{${termsOf(document)}}}`,
    ...(keyPath !== undefined && { keyPath })
  }
}

/**
 * Without the braces. As objects, of which no two have the same keys, terms take half of the time
 * of a write.
 */
const termsOf = ({ weights }: Memory.Terms.Document): string => {
  let members = ""
  for (const [term, weight] of weights)
    members += `${members === "" ? "" : ","}${JSON.stringify(term.toWellFormed())}:${weight}`
  return members
}

/** The columns from which an entry is made. */
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

/** A view, in the format of `crewline_memory_scopes`. */
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
