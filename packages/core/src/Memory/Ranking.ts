/**
 * Ranks memories by how well they answer a query: pure, and the same for every layer. A layer finds
 * the candidates; this module scores them.
 *
 * - Terms: BM25 with fields (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
 *   2009). The fields of a memory are its own text and those of its neighbours in the conversation:
 *   the two before at half the weight, the two after at a quarter. Dates count only for the memory
 *   that contains them. The match of the whole conversation with the query counts with a share,
 *   because answers are often spread over several memories.
 * - Vectors, where available: a convex sum with the terms, each relative to the best (Bruch, Gai
 *   and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023).
 * - A reranker, where configured: a convex sum with both.
 * - Recency, importance and a speaker or entity that the query names multiply the score by small
 *   factors: adding them would outweigh relevance.
 *
 * Deterministic: ties are broken by id.
 */
import * as Consolidation from "./Consolidation.ts"

/** Tuned on LoCoMo's conversations 1 to 5: `npm run -s bench -- memory --locomo`. */
export const parameters = {
  k1: 1.2,
  b: 0.75,
  /** Weights of the memories before and after it in its conversation, the nearest first. */
  before: [0.5, 0.5],
  after: [0.25, 0.25],
  /** Share of the conversation's score in the score of a memory's terms. */
  conversation: 0.2,
  recency: 0.05,
  halfLifeDays: 30,
  importance: 0.1,
  entity: 0.2
} as const

/** Candidates that a layer takes from each of its indexes. */
export const maxCandidates = 200

/**
 * The contribution of neighbours: a memory contributes this share of its terms and length to the
 * memory `by` places later in the conversation.
 */
export const spread: ReadonlyArray<{ readonly by: number; readonly weight: number }> = [
  ...parameters.before.map((weight, index) => ({ by: index + 1, weight })),
  ...parameters.after.map((weight, index) => ({ by: -index - 1, weight }))
]

/**
 * The length of a memory including its weighted neighbours, relative to its own length, when no
 * neighbour is missing. The average length of memories is computed with it, without reading
 * neighbours.
 */
export const width = spread.reduce((sum, { weight }) => sum + weight, 1)

/** The weight of a term (inverse document frequency): `holders` of `documents` contain it. */
export const weightOf = (documents: number, holders: number): number =>
  Math.log(1 + (documents - holders + 0.5) / (holders + 0.5))

/** The contribution of a term of this frequency, from 0 to `k1 + 1`. */
export const saturated = (frequency: number, length: number, averageLength: number): number => {
  const { b, k1 } = parameters
  return (frequency * (k1 + 1)) / (frequency + k1 * (1 - b + (b * length) / Math.max(averageLength, 1)))
}

/**
 * BM25 of texts: how often each contains each term, the weights of the terms, and the lengths of
 * the texts.
 */
export const scores = <Text>(
  frequencies: ReadonlyMap<string, ReadonlyMap<Text, number>>,
  weights: ReadonlyMap<string, number>,
  { average, lengths }: { readonly lengths: ReadonlyMap<Text, number>; readonly average: number }
): ReadonlyMap<Text, number> => {
  const found = new Map<Text, number>()
  for (const [term, holders] of frequencies) {
    const weight = weights.get(term)!
    for (const [text, frequency] of holders) {
      const score = weight * saturated(frequency, lengths.get(text)!, average)
      found.set(text, (found.get(text) ?? 0) + score)
    }
  }
  return found
}

/** The maximum score of a query; `match` is relative to it. */
export const bestOf = (weights: Iterable<number>): number => {
  let sum = 0
  for (const weight of weights) sum += weight
  return sum * (parameters.k1 + 1)
}

export interface Candidate<Memory> {
  readonly id: string
  readonly memory: Memory
  readonly text: string
  /** BM25 of its fields. */
  readonly lexical: number
  /** BM25 of its conversation as one text; absent: it is not part of a conversation. */
  readonly conversation?: number | undefined
  /** Cosine, below 0 counts as 0. */
  readonly vector?: number | undefined
  readonly importance: number
  /** When it was said, in milliseconds. */
  readonly saidAt: number
  /** The query names who said it, or the entity that it is about. */
  readonly isNamed: boolean
}

export interface Parts {
  readonly lexical: number
  readonly vector: number
  readonly recency: number
  readonly importance: number
  readonly entity: number
  readonly match: number
  /** The score of the reranker, from 0 to 1; absent: not scored. */
  readonly rerank?: number
}

export interface Ranked<Memory> extends Candidate<Memory> {
  readonly score: number
  readonly parts: Parts
}

export interface RankOptions {
  /** In milliseconds. */
  readonly now: number
  /** `bestOf` the weights of the query's terms. */
  readonly best: number
  /** Of the whole scope, where the candidates do not hold the best conversation. */
  readonly bestConversation?: number
  /** Share of the vectors, from 0 to 1; 0 without vectors that carry meaning. */
  readonly alpha?: number
  /** The minimum cosine at which a memory without a term of the query is found; default 0. */
  readonly floor?: number
}

const dayMillis = 86_400_000

/** All candidates that match the query by a term or vector, best first. */
export const rank = <Memory>(
  candidates: ReadonlyArray<Candidate<Memory>>,
  options: RankOptions
): ReadonlyArray<Ranked<Memory>> => {
  const { alpha = 0, best, floor = 0, now } = options
  let bestLexical = 0
  let bestConversation = options.bestConversation ?? 0
  for (const { conversation = 0, lexical } of candidates) {
    bestLexical = Math.max(bestLexical, lexical)
    bestConversation = Math.max(bestConversation, conversation)
  }
  const ranked: Array<Ranked<Memory>> = []
  for (const candidate of candidates) {
    if (candidate.lexical <= 0 && (alpha === 0 || (candidate.vector ?? 0) <= floor)) continue
    const own = bestLexical === 0 ? 0 : candidate.lexical / bestLexical
    const shared =
      candidate.conversation === undefined || bestConversation === 0 ? own : candidate.conversation / bestConversation
    const lexical = (1 - parameters.conversation) * own + parameters.conversation * shared
    const vector = Math.min(Math.max(candidate.vector ?? 0, 0), 1)
    const ageDays = Math.max(0, now - candidate.saidAt) / dayMillis
    const recency = parameters.recency * 0.5 ** (ageDays / parameters.halfLifeDays)
    const importance = parameters.importance * candidate.importance
    const entity = candidate.isNamed ? parameters.entity : 0
    const match = Math.max(best === 0 ? 0 : candidate.lexical / best, alpha === 0 || vector <= floor ? 0 : vector)
    const score = ((1 - alpha) * lexical + alpha * vector) * (1 + recency + importance + entity)
    ranked.push({ ...candidate, score, parts: { lexical, vector, recency, importance, entity, match } })
  }
  return ranked.sort(inOrder)
}

const inOrder = (one: Ranked<unknown>, other: Ranked<unknown>): number =>
  other.score - one.score || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)

/**
 * The ranking with the reranker's scores of the first candidates: they have this weight in the
 * relevance. Candidates without a score count as 0.
 */
export const rerank = <Memory>(
  ranked: ReadonlyArray<Ranked<Memory>>,
  scores: ReadonlyArray<number>,
  weight: number
): ReadonlyArray<Ranked<Memory>> =>
  ranked
    .map((each, index): Ranked<Memory> => {
      const read = scores[index]
      const said = Math.min(Math.max(read ?? 0, 0), 1)
      const { entity, importance, recency } = each.parts
      return {
        ...each,
        score: (1 - weight) * each.score + weight * said * (1 + recency + importance + entity),
        parts: read === undefined ? each.parts : { ...each.parts, rerank: said }
      }
    })
    .sort(inOrder)

/**
 * Estimates the tokens of a text: one for four characters of an alphabetic script, or for one of
 * another script.
 */
export const tokensOf = (text: string): number => {
  let wide = 0
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x2e7f) wide++
  return Math.ceil((text.length - wide) / 4) + wide
}

export const defaultLimit = 5
export const defaultMaxTokens = 1_000

export interface SelectOptions {
  readonly limit?: number | undefined
  readonly maxTokens?: number | undefined
  readonly threshold?: number | undefined
}

/**
 * Selects from the ranking, greedily: memories that match well enough, fit into the limits, and do
 * not repeat a better one.
 */
export const select = <Memory>(
  ranked: ReadonlyArray<Ranked<Memory>>,
  { limit = defaultLimit, maxTokens = defaultMaxTokens, threshold = 0 }: SelectOptions
): ReadonlyArray<Ranked<Memory>> => {
  const selected: Array<Ranked<Memory>> = []
  let tokens = 0
  for (const each of ranked) {
    if (selected.length === limit) break
    if (each.parts.match < threshold) continue
    const size = tokensOf(each.text)
    if (tokens + size > maxTokens || selected.some(({ text }) => Consolidation.isSame(text, each.text))) continue
    tokens += size
    selected.push(each)
  }
  return selected
}

/** The reasons for the score, in words. */
export const why = ({ entity, importance, lexical, match, recency, rerank, vector }: Parts): string => {
  const reasons = [`${Math.round(match * 100)} % of the query matches`]
  if (lexical === 1) reasons.push("the most terms in common")
  if (vector > 0) reasons.push(`similar in meaning (${vector.toFixed(2)})`)
  if (rerank !== undefined) reasons.push(`reranker score ${rerank.toFixed(2)}`)
  if (entity > 0) reasons.push("the query names its author or entity")
  if (recency > parameters.recency / 2) reasons.push("recent")
  if (importance > 0.75 * parameters.importance) reasons.push("important")
  return reasons.join(", ")
}
