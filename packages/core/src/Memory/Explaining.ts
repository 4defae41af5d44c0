/** The fields of a result that are not stored: how well the memory matches the query, and why. */
import type { Explanation, Query, Recalled } from "../MemoryQuery.ts"
import type { Entry } from "../MemoryEntry.ts"
import * as Making from "./Making.ts"
import * as Ranking from "./Ranking.ts"

/** The result for a memory that was selected. */
export const recalledOf = (
  entry: Entry,
  { parts, score }: Pick<Ranking.Ranked<unknown>, "parts" | "score">,
  { asOf }: Query
): Recalled => ({
  ...Making.asOf(entry, asOf === undefined ? undefined : Date.parse(asOf)),
  score,
  parts,
  why: Ranking.why(parts)
})

const nothing = { lexical: 0, vector: 0, recency: 0, importance: 0, entity: 0, match: 0 }

export interface Found {
  /** All matching memories, best first. */
  readonly ranked: ReadonlyArray<Ranking.Ranked<unknown>>
  /** Terms of the query that the memory or its context contains, the most important first. */
  readonly terms: Explanation["terms"]
  /** Whether the memory is visible to the query. */
  readonly isSeen: boolean
}

/** The explanation for the memory with this id. */
export const explanationOf = (id: string, { isSeen, ranked, terms }: Found): Explanation => {
  const index = ranked.findIndex((each) => each.id === id)
  if (index === -1) {
    const why = isSeen
      ? "It shares no term with the query."
      : "The query excludes it: it is out of scope, hidden, of another kind, not trusted enough, or was not valid at that time."
    return { id, score: 0, parts: nothing, terms, why }
  }
  const { parts, score } = ranked[index]!
  return { id, rank: index + 1, score, parts, terms, why: Ranking.why(parts) }
}
