/**
 * Finds the candidates of a query among the memories of a tenant in this process, and ranks them.
 */
import * as Embedder from "../Embedder.ts"
import type { Query } from "../MemoryQuery.ts"
import * as Dates from "./Dates.ts"
import type { Conversation, LocalTenant, Stored } from "./LocalTenant.ts"
import * as Making from "./Making.ts"
import * as Ranking from "./Ranking.ts"
import * as Terms from "./Terms.ts"
import * as Visibility from "./Visibility.ts"

export interface Found {
  /** All matching memories, best first. */
  readonly ranked: ReadonlyArray<Ranking.Ranked<Stored>>
  /** The terms of the query and their weights. */
  readonly weights: ReadonlyMap<string, number>
  /** How much of a term a memory has, its neighbours' included. */
  readonly frequencies: ReadonlyMap<string, ReadonlyMap<Stored, number>>
}

/** The memories that a query may see, whatever their words. */
export const seen = (tenant: LocalTenant, query: Query, now: number): ReadonlySet<Stored> => {
  const time = query.asOf === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.asOf)
  const { minTrust = "web" } = query
  const keeps = tenant.keeps(now)
  const all = new Set<Stored>()
  for (const stored of tenant.memories.values()) {
    const { entry } = stored
    if (
      !entry.quarantined &&
      Visibility.isSeenFrom(entry.scope, query.scope, query.any) &&
      (query.kinds === undefined || query.kinds.includes(entry.kind)) &&
      Visibility.isTrusted(entry.trust, minTrust) &&
      Making.held(entry, time) &&
      keeps(stored)
    )
      all.add(stored)
  }
  return all
}

/** What a query is by meaning. */
export interface Meaning {
  readonly space: Embedder.Space
  readonly vector: Float32Array
}

export const find = (tenant: LocalTenant, query: Query, now: number, meaning?: Meaning): Found => {
  const all = seen(tenant, query, now)
  const time = query.asOf === undefined ? now : Date.parse(query.asOf)
  const terms = Terms.ofQuery(query.text, time)
  const frequencies = new Map<string, ReadonlyMap<Stored, number>>()
  for (const term of terms) {
    const found = frequenciesOf(tenant, term, all)
    if (found.size > 0) frequencies.set(term, found)
  }
  const weights = new Map<string, number>()
  for (const term of terms) weights.set(term, Ranking.weightOf(all.size, frequencies.get(term)?.size ?? 0))
  let words = 0
  for (const { conversation, document } of all)
    words += conversation === undefined ? document.length : Ranking.width * document.length
  const lexical = Ranking.scores(frequencies, weights, {
    lengths: lengths(all),
    average: words / Math.max(all.size, 1)
  })
  const conversations = conversationsOf(frequencies, all)
  const asked = Making.wordsOfQuery(query.text)
  const candidates = [...(meaning === undefined ? lexical.keys() : all)].map((stored): Ranking.Candidate<Stored> => {
    const { entry, vector } = stored
    return {
      id: entry.id,
      memory: stored,
      text: entry.text,
      lexical: lexical.get(stored) ?? 0,
      ...(meaning === undefined || vector === undefined ? {} : { vector: Embedder.dot(vector, meaning.vector) }),
      conversation: stored.conversation === undefined ? undefined : (conversations.get(stored.conversation) ?? 0),
      importance: entry.importance,
      saidAt: Date.parse(entry.saidAt),
      isNamed: Making.isAnyNamedIn(asked, Making.namesOf(entry))
    }
  })
  const ranked = Ranking.rank(candidates, {
    now: time,
    best: Ranking.bestOf(weights.values()),
    ...(meaning === undefined ? {} : { alpha: meaning.space.alpha, floor: meaning.space.floor })
  })
  return { ranked, weights, frequencies }
}

/** The terms of the query that a memory or its context contains, the most important first. */
export const termsOf = ({ frequencies, weights }: Found, stored: Stored) =>
  [...frequencies]
    .flatMap(([term, found]) => (found.has(stored) ? [{ term, weight: weights.get(term)! }] : []))
    .sort((one, other) => other.weight - one.weight || (one.term < other.term ? -1 : 1))

const frequenciesOf = (tenant: LocalTenant, term: string, all: ReadonlySet<Stored>): ReadonlyMap<Stored, number> => {
  const frequencies = new Map<Stored, number>()
  const add = (stored: Stored, weight: number) => frequencies.set(stored, (frequencies.get(stored) ?? 0) + weight)
  for (const [stored, weight] of tenant.postings.get(term) ?? []) {
    if (!all.has(stored)) continue
    add(stored, weight)
    if (stored.conversation === undefined || Dates.isDate(term)) continue
    for (const { by, weight: share } of Ranking.spread) {
      const neighbour = stored.conversation.places.get(stored.place + by)
      if (neighbour !== undefined && all.has(neighbour)) add(neighbour, share * weight)
    }
  }
  return frequencies
}

/** Words of each, its neighbours' included. */
const lengths = (all: ReadonlySet<Stored>): ReadonlyMap<Stored, number> => {
  const found = new Map<Stored, number>()
  for (const stored of all) {
    const { conversation, document, place } = stored
    let { length } = document
    if (conversation !== undefined)
      for (const { by, weight } of Ranking.spread) {
        const neighbour = conversation.places.get(place - by)
        if (neighbour !== undefined && all.has(neighbour)) length += weight * neighbour.document.length
      }
    found.set(stored, length)
  }
  return found
}

/** BM25 of conversations, each as one text. */
const conversationsOf = (
  frequencies: ReadonlyMap<string, ReadonlyMap<Stored, number>>,
  all: ReadonlySet<Stored>
): ReadonlyMap<Conversation, number> => {
  const lengths = new Map<Conversation, number>()
  let words = 0
  for (const { conversation, document } of all) {
    if (conversation === undefined) continue
    lengths.set(conversation, (lengths.get(conversation) ?? 0) + document.length)
    words += document.length
  }
  if (lengths.size === 0) return new Map()
  const together = new Map<string, ReadonlyMap<Conversation, number>>()
  const weights = new Map<string, number>()
  for (const [term, found] of frequencies) {
    const sums = new Map<Conversation, number>()
    for (const [{ conversation }, frequency] of found)
      if (conversation !== undefined) sums.set(conversation, (sums.get(conversation) ?? 0) + frequency)
    together.set(term, sums)
    weights.set(term, Ranking.weightOf(lengths.size, sums.size))
  }
  return Ranking.scores(together, weights, { lengths, average: words / lengths.size })
}
