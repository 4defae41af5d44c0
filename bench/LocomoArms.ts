/** Ways to find the evidence for a question: the shipped memory, and its alternatives. */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Words from "@crewline/words/Words"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as Data from "../packages/words/test/Data.ts"
import type { Ask, Conversation } from "./Locomo.ts"

const depth = 50

/** The recall of the memory itself, with a separate user for each conversation. */
const byMemory =
  (layer: Layer.Layer<Memory.Memory>): Ask =>
  ({ name, questions, turns }) =>
    Effect.gen(function* () {
      const memory = Context.get(yield* Layer.build(Layer.fresh(layer)), Memory.Memory)
      const scope = { user: name }
      const receipts = yield* memory.remember(
        turns.map(({ saidAt, session, speaker, text }) => ({
          kind: "long-term",
          text,
          scope,
          speaker,
          conversation: session,
          saidAt
        }))
      )
      const turnOf = new Map<string, string>()
      for (const [index, receipt] of receipts.entries())
        if (receipt._tag === "Stored") turnOf.set(receipt.id, turns[index]!.id)
      return yield* Effect.forEach(questions, ({ text }) =>
        Effect.map(memory.recall({ text, scope, limit: depth, maxTokens: 1_000_000, readOnly: true }), (recalled) =>
          recalled.map(({ id }) => turnOf.get(id)!)
        )
      )
    })

const words: Ask = (conversation) =>
  Effect.andThen(Effect.sync(Data.make), byMemory(Layer.provide(Memory.layerLocalEmbedded, Words.layer))(conversation))

/** The indices of the best scores, ties in order; scores of 0 are omitted. */
const best = (scores: ReadonlyArray<number>, count = depth): ReadonlyArray<number> =>
  [...scores.keys()]
    .filter((index) => scores[index]! > 0)
    .toSorted((one, other) => scores[other]! - scores[one]! || one - other)
    .slice(0, count)

/**
 * Each turn as a separate text: our terms and stems, without context, dates, speakers or sessions.
 */
const bm25Of = ({ turns }: Conversation): ((question: string) => ReadonlyArray<number>) => {
  const documents = turns.map(({ speaker, text }) => Memory.Terms.ofText(text, { speaker }))
  const average = documents.reduce((sum, { length }) => sum + length, 0) / documents.length
  return (question) => {
    const scores = documents.map(() => 0)
    for (const term of Memory.Terms.ofQuery(question)) {
      const holders = documents.filter(({ weights }) => weights.has(term)).length
      const weight = Memory.Ranking.weightOf(documents.length, holders)
      for (const [index, { length, weights }] of documents.entries()) {
        const frequency = weights.get(term)
        if (frequency !== undefined) scores[index]! += weight * Memory.Ranking.saturated(frequency, length, average)
      }
    }
    return scores
  }
}

const bm25: Ask = (conversation) =>
  Effect.sync(() => {
    const scoresOf = bm25Of(conversation)
    return conversation.questions.map(({ text }) => best(scoresOf(text)).map((index) => conversation.turns[index]!.id))
  })

const hashScores = Effect.fnUntraced(function* ({ questions, turns }: Conversation) {
  const { embed } = Embedder.hashing
  const stored = yield* embed(turns.map(({ speaker, text }) => `${speaker}: ${text}`))
  const asked = yield* embed(questions.map(({ text }) => text))
  return asked.map((question) => stored.map((vector) => Embedder.dot(vector, question)))
})

const hash: Ask = (conversation) =>
  Effect.map(hashScores(conversation), (all) =>
    all.map((scores) => best(scores).map((index) => conversation.turns[index]!.id))
  )

/** Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", 2009. */
const rrf: Ask = Effect.fnUntraced(function* (conversation) {
  const byHash = yield* hash(conversation)
  const byTerms = yield* byMemory(Memory.layerLocal)(conversation)
  return byTerms.map((found, question) => {
    const scores = new Map<string, number>()
    for (const list of [found, byHash[question]!])
      for (const [rank, id] of list.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (60 + rank + 1))
    return [...scores].toSorted(([, one], [, other]) => other - one).map(([id]) => id)
  })
})

const tsRank: Ask = ({ questions, turns }) =>
  Effect.gen(function* () {
    if (PostgresServer.missing !== undefined) return yield* Effect.fail(new Error(PostgresServer.missing))
    return yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`create temporary table turn (id text, terms tsvector) on commit drop`
          const rows = turns.map(({ id, speaker, text }) => ({ id, text: `${speaker}: ${text}` }))
          yield* sql`insert into turn select id, to_tsvector('english', text)
            from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (id text, text text)`
          return yield* Effect.forEach(questions, ({ text }) =>
            Effect.map(
              sql<{ id: string }>`
                with asked as (
                  select replace(plainto_tsquery('english', ${text})::text, '&', '|')::tsquery as query
                )
                select id from turn, asked where terms @@ query
                order by ts_rank(terms, query) desc, id limit ${depth}`,
              (found) => found.map(({ id }) => id)
            )
          )
        })
      )
    }).pipe(
      Effect.provide(PostgresServer.layer),
      Effect.mapError((error) => new Error(error.message))
    )
  })

export const all: ReadonlyArray<readonly [string, Ask]> = [
  ["lexical", byMemory(Memory.layerLocal)],
  ["words", words],
  ["bm25", bm25],
  ["ts_rank", tsRank],
  ["hash", hash],
  ["rrf", rrf]
]
