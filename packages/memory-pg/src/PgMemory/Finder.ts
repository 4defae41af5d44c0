/**
 * Finds the candidates of a query by `crewline_memory_find` and ranks them as every layer does: the
 * database returns the term frequencies of memories, and core computes the scores.
 */
import type * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Query from "./Query.ts"
import type * as Spaces from "./Spaces.ts"
import * as StoredMemory from "./StoredMemory.ts"

/** The maximum number of index rows that a query reads, except for a single term with more. */
const maxPostings = 20_000

interface Row extends StoredMemory.Row {
  readonly statistics: string | null
  readonly said_at: bigint
  readonly importance: number
  readonly names: ReadonlyArray<string> | null
  readonly words: number
  readonly conversation: bigint | null
  readonly terms: ReadonlyArray<number> | null
  readonly frequencies: ReadonlyArray<number> | null
}

/** For all memories visible to the query; terms are numbered from 1. */
interface Statistics {
  readonly documents: number
  readonly length: number
  readonly conversations: number
  readonly conversationLength: number
  readonly holders: ReadonlyArray<number> | null
  readonly conversationHolders: ReadonlyArray<number> | null
  readonly talks: ReadonlyArray<
    readonly [conversation: number, length: number, terms: ReadonlyArray<number>, frequencies: ReadonlyArray<number>]
  > | null
}

export interface Found {
  readonly ranked: ReadonlyArray<Memory.Ranking.Ranked<StoredMemory.Row>>
  /** For the candidates: the terms of the query that they contain, by the key of their row. */
  readonly terms: ReadonlyMap<bigint, ReadonlyArray<{ readonly term: string; readonly weight: number }>>
}

export type Find = (
  operation: string,
  query: Memory.Query,
  /** Memories that are candidates regardless of their words. */
  keys?: ReadonlyArray<string>
) => Effect.Effect<Found, Memory.MemoryError>

/** BM25 of a text with these term frequencies. */
const scoreOf = (
  {
    frequencies,
    length,
    terms
  }: {
    readonly terms: ReadonlyArray<number>
    readonly frequencies: ReadonlyArray<number>
    readonly length: number
  },
  weights: ReadonlyArray<number>,
  average: number
): number => {
  let score = 0
  for (const [index, term] of terms.entries())
    score += weights[term - 1]! * Memory.Ranking.saturated(frequencies[index]!, length, average)
  return score
}

const weightsOf = (documents: number, holders: ReadonlyArray<number> | null): ReadonlyArray<number> =>
  (holders ?? []).map((count) => Memory.Ranking.weightOf(Math.max(documents, count), count))

/** `spaces`: also finds memories by meaning. */
export const make =
  (query: Query.Query, spaces?: Spaces.Spaces): Find =>
  (operation, asked, keys = []) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const time = asked.asOf === undefined ? now : Date.parse(asked.asOf)
      const terms = Memory.Terms.ofQuery(asked.text, time).map((term) => term.toWellFormed())
      const seen = {
        view: StoredMemory.viewOf(asked),
        kinds: (asked.kinds ?? Memory.Kind.literals).map(StoredMemory.kindOf),
        trust: StoredMemory.originOf(asked.minTrust ?? "web"),
        ...(asked.asOf !== undefined && { time }),
        now,
        limit: Memory.Ranking.maxCandidates
      }
      const near = yield* spaces === undefined ? Effect.undefined : spaces.near(operation, asked.text, seen)
      const named = [...keys, ...Array.from(near?.cosines.keys() ?? [], String)]
      if (terms.length === 0 && named.length === 0) return nothing
      const [first, ...rows] = yield* query<Row>(operation, "select * from crewline_memory_find($1, $2::text::jsonb)", [
        {
          ...seen,
          terms,
          dated: terms.map(Memory.Dates.isDate),
          by: Memory.Ranking.spread.map(({ by }) => by),
          shares: Memory.Ranking.spread.map(({ weight }) => weight),
          wide: Memory.Ranking.width,
          postings: maxPostings,
          keys: named
        }
      ])
      if (first === undefined) return nothing
      const others = near === undefined ? [] : rows.flatMap(({ key }) => (near.cosines.has(key) ? [] : [key]))
      const cosines = near === undefined ? undefined : new Map([...near.cosines, ...(yield* near.of(others))])
      return rankedOf(asked, {
        rows,
        terms,
        time,
        statistics: JSON.parse(first.statistics!),
        ...(cosines !== undefined && { meaning: { space: spaces!.space, cosines } })
      })
    })

const nothing: Found = { ranked: [], terms: new Map() }

const rankedOf = (
  asked: Memory.Query,
  {
    meaning,
    rows,
    statistics,
    terms,
    time
  }: {
    readonly rows: ReadonlyArray<Row>
    readonly statistics: Statistics
    readonly terms: ReadonlyArray<string>
    readonly time: number
    readonly meaning?: { readonly space: Embedder.Space; readonly cosines: ReadonlyMap<bigint, number> }
  }
): Found => {
  const { conversationHolders, conversationLength, conversations, documents, holders, length } = statistics
  const weights = weightsOf(documents, holders)
  const average = length / Math.max(documents, 1)
  const together = weightsOf(conversations, conversationHolders)
  const talks = new Map(
    (statistics.talks ?? []).map(([conversation, length, terms, frequencies]) => [
      conversation,
      scoreOf({ terms, frequencies, length }, together, conversationLength / Math.max(conversations, 1))
    ])
  )
  const words = Memory.Making.wordsOfQuery(asked.text)
  const candidates = rows.map((row): Memory.Ranking.Candidate<StoredMemory.Row> => {
    const { conversation, frequencies, terms } = row
    return {
      id: row.id,
      memory: row,
      text: (JSON.parse(row.body) as { readonly text: string }).text,
      vector: meaning?.cosines.get(row.key),
      lexical: terms === null ? 0 : scoreOf({ terms, frequencies: frequencies!, length: row.words }, weights, average),
      conversation: conversation === null ? undefined : (talks.get(Number(conversation)) ?? 0),
      importance: row.importance,
      saidAt: Number(row.said_at),
      isNamed: row.names !== null && Memory.Making.isAnyNamedIn(words, row.names)
    }
  })
  return {
    ranked: Memory.Ranking.rank(candidates, {
      now: time,
      best: Memory.Ranking.bestOf(weights),
      ...(meaning !== undefined && { alpha: meaning.space.alpha, floor: meaning.space.floor })
    }),
    terms: new Map(
      rows.map((row) => [
        row.key,
        (row.terms ?? [])
          .map((number) => ({ term: terms[number - 1]!, weight: weights[number - 1]! }))
          .sort((one, other) => other.weight - one.weight || (one.term < other.term ? -1 : 1))
      ])
    )
  }
}
