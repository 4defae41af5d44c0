/**
 * The memories of a tenant in this process, with their indexes. All of it happens at once: nothing
 * here waits.
 */
import type { Exported, Filter } from "../MemoryQuery.ts"
import {
  defaultRetention,
  type Entry,
  type Receipt,
  type Remembered,
  type Retention,
  type Scope
} from "../MemoryEntry.ts"
import * as Junk from "./Junk.ts"
import * as Making from "./Making.ts"
import type { Document } from "./Terms.ts"
import * as Visibility from "./Visibility.ts"

export interface Stored {
  entry: Entry
  readonly key: string | undefined
  /** Of the tenant, growing. */
  readonly position: number
  readonly document: Document
  /** Absent without an embedder. */
  readonly vector: Float32Array | undefined
  readonly conversation: Conversation | undefined
  readonly place: number
}

/** Of texts. */
export type Vectors = ReadonlyMap<string, Float32Array>

export interface Storing {
  /** Now, in milliseconds. */
  readonly at: number
  readonly makeId: () => string
  readonly vectors: Vectors | undefined
}

/** What was said together. What is forgotten leaves its place empty. */
export interface Conversation {
  readonly places: Map<number, Stored>
  next: number
}

const dayMillis = 86_400_000

export class LocalTenant {
  readonly memories = new Map<string, Stored>()
  readonly postings = new Map<string, Map<Stored, number>>()
  readonly refused = new Map<string, number>()
  offered = 0
  retention: ReadonlyArray<Retention> = defaultRetention
  private readonly conversations = new Map<string, Conversation>()
  private readonly identities = new Map<string, string>()
  private readonly subjects = new Map<string, string>()
  /** What was remembered with a key, erased or not. */
  private readonly keys = new Map<string, string>()
  /** What executions have been shown. */
  private readonly quotes = new Map<string, Set<string>>()
  private positions = 0

  /** `makeId` is called for what is stored. */
  remember(given: Remembered, storing: Storing): Receipt {
    this.offered++
    const receipt = this.take(given, storing)
    if (receipt._tag === "Refused") this.refused.set(receipt.reason, (this.refused.get(receipt.reason) ?? 0) + 1)
    return receipt
  }

  private take(given: Remembered, { at, makeId, vectors }: Storing): Receipt {
    if (given.key !== undefined) {
      const id = this.keys.get(given.key)
      if (id !== undefined) {
        // A replay is no offer of something new.
        this.offered--
        return this.memories.has(id) ? { _tag: "Known", id } : { _tag: "Refused", reason: "erased" }
      }
    }
    const reason = Junk.reasonOf(given.text)
    if (reason !== undefined) return { _tag: "Refused", reason }
    const text = Junk.withoutRecalled(given.text, this.shownTo(given.source?.execution))
    if (text === undefined) return { _tag: "Refused", reason: "recalled" }
    const identity = Making.identityOf({ ...given, text: text.toWellFormed() })
    const known = this.memories.get(this.identities.get(identity) ?? "")
    if (known !== undefined) {
      known.entry = { ...known.entry, corroborations: known.entry.corroborations + 1 }
      if (given.key !== undefined) this.keys.set(given.key, known.entry.id)
      return { _tag: "Known", id: known.entry.id }
    }
    const id = makeId()
    const entry = Making.entryOf(given, { id, text, at })
    const superseded = this.supersede(entry)
    this.store(entry, { key: given.key, vector: vectors?.get(given.text) })
    return { _tag: "Stored", id, ...(superseded === undefined ? {} : { supersedes: superseded }) }
  }

  private shownTo(execution: string | undefined): ReadonlyArray<string> {
    if (execution === undefined) return []
    return [...(this.quotes.get(execution) ?? [])].flatMap((id) => this.memories.get(id)?.entry.text ?? [])
  }

  /** Closes what its subject had before. */
  private supersede(entry: Entry): string | undefined {
    const subject = Making.subjectOf(entry)
    const old = subject === undefined ? undefined : this.memories.get(this.subjects.get(subject) ?? "")
    if (old === undefined) return undefined
    this.identities.delete(Making.identityOf(old.entry))
    old.entry = { ...old.entry, validTo: entry.storedAt, supersededBy: entry.id }
    return old.entry.id
  }

  private store(
    entry: Entry,
    {
      key,
      place,
      vector
    }: {
      readonly key?: string | undefined
      readonly place?: number | undefined
      readonly vector?: Float32Array | undefined
    }
  ) {
    const conversation = this.conversationOf(entry)
    const free = place === undefined || conversation?.places.has(place) === true ? (conversation?.next ?? 0) : place
    const document = Making.documentOf(entry)
    const stored: Stored = { entry, key, position: this.positions++, document, vector, conversation, place: free }
    this.memories.set(entry.id, stored)
    if (conversation !== undefined) {
      conversation.places.set(free, stored)
      conversation.next = Math.max(conversation.next, free + 1)
    }
    for (const [term, weight] of document.weights) {
      let posting = this.postings.get(term)
      if (posting === undefined) this.postings.set(term, (posting = new Map()))
      posting.set(stored, weight)
    }
    if (key !== undefined) this.keys.set(key, entry.id)
    if (entry.validTo !== undefined) return
    this.identities.set(Making.identityOf(entry), entry.id)
    const subject = Making.subjectOf(entry)
    if (subject !== undefined) this.subjects.set(subject, entry.id)
  }

  private conversationOf(entry: Entry): Conversation | undefined {
    const name = Making.conversationOf(entry)
    if (name === undefined) return undefined
    const key = JSON.stringify([Visibility.keyOf(entry.scope), name])
    let conversation = this.conversations.get(key)
    if (conversation === undefined) this.conversations.set(key, (conversation = { places: new Map(), next: 0 }))
    return conversation
  }

  /** Notes that an execution was shown these. */
  quote(execution: string, ids: Iterable<string>) {
    let quoted = this.quotes.get(execution)
    if (quoted === undefined) this.quotes.set(execution, (quoted = new Set()))
    for (const id of ids) quoted.add(id)
  }

  /** Erases a memory; answers with the executions that may quote it. */
  erase(stored: Stored): ReadonlyArray<string> {
    const { conversation, document, entry, place } = stored
    this.memories.delete(entry.id)
    conversation?.places.delete(place)
    for (const term of document.weights.keys()) {
      const posting = this.postings.get(term)!
      posting.delete(stored)
      if (posting.size === 0) this.postings.delete(term)
    }
    const identity = Making.identityOf(entry)
    if (this.identities.get(identity) === entry.id) this.identities.delete(identity)
    const subject = Making.subjectOf(entry)
    if (subject !== undefined && this.subjects.get(subject) === entry.id) this.subjects.delete(subject)
    const executions = new Set(entry.source === undefined ? [] : [entry.source.execution])
    for (const [execution, quoted] of this.quotes) if (quoted.delete(entry.id)) executions.add(execution)
    return [...executions]
  }

  /** What retention keeps. */
  keeps(now: number): (stored: Stored) => boolean {
    const oldest = new Map<string, number>()
    for (const { kind, maxCount } of this.retention) {
      if (maxCount === undefined) continue
      const positions = [...this.memories.values()].flatMap(({ entry, position }) =>
        entry.kind === kind && !entry.pinned ? [position] : []
      )
      oldest.set(kind, positions.at(-maxCount) ?? -1)
      if (maxCount === 0) oldest.set(kind, Number.POSITIVE_INFINITY)
    }
    return ({ entry, position }) => {
      const retention = this.retention.find(({ kind }) => kind === entry.kind)
      if (retention === undefined || entry.pinned) return true
      const { maxAgeDays = Number.POSITIVE_INFINITY } = retention
      return Date.parse(entry.storedAt) + maxAgeDays * dayMillis > now && position >= (oldest.get(entry.kind) ?? -1)
    }
  }

  exported(scope: Scope): ReadonlyArray<Exported> {
    return [...this.memories.values()]
      .filter(({ entry }) => Visibility.isWithin(entry.scope, scope))
      .map(({ conversation, entry, key, place, position }) => ({
        version: 1,
        entry,
        position,
        ...(conversation === undefined ? {} : { place }),
        ...(key === undefined ? {} : { key })
      }))
  }

  /** False: it is there already, or its subject has a value. */
  import({ entry, key, place }: Exported, vectors?: Vectors): boolean {
    if (this.memories.has(entry.id)) return false
    const subject = Making.subjectOf(entry)
    const isTaken =
      entry.validTo === undefined &&
      (this.identities.has(Making.identityOf(entry)) || (subject !== undefined && this.subjects.has(subject)))
    if (isTaken) return false
    this.store(entry, { key, place, vector: vectors?.get(entry.text) })
    return true
  }
}

/** Whether a filter names a memory. */
export const isNamed =
  (filter: Filter) =>
  ({ entry }: Stored): boolean =>
    (filter.ids === undefined || filter.ids.includes(entry.id)) &&
    (filter.scope === undefined || Visibility.isWithin(entry.scope, filter.scope)) &&
    (filter.seenFrom === undefined || Visibility.isSeenFrom(entry.scope, filter.seenFrom.scope, filter.seenFrom.any)) &&
    (filter.kinds === undefined || filter.kinds.includes(entry.kind)) &&
    (filter.subject === undefined || filter.subject === entry.subject) &&
    (filter.origin === undefined || filter.origin === entry.origin) &&
    (filter.since === undefined || Date.parse(entry.storedAt) >= Date.parse(filter.since)) &&
    (filter.before === undefined || Date.parse(entry.storedAt) < Date.parse(filter.before))
