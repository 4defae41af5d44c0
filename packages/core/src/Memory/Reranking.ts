/** Applies the reranker, if there is one, to a ranking. Every layer uses this. */
import * as Effect from "effect/Effect"
import { Reranker, RerankerError } from "../Reranker.ts"
import * as Ranking from "./Ranking.ts"

type Service = Reranker["Service"]

/** Ranks the results of the query again, best first. */
export type Rerank = <Memory>(
  query: string,
  ranked: ReadonlyArray<Ranking.Ranked<Memory>>
) => Effect.Effect<ReadonlyArray<Ranking.Ranked<Memory>>>

/** Uses the reranker in the context; without one, the ranking is unchanged. */
export const make: Effect.Effect<Rerank> = Effect.map(Effect.serviceOption(Reranker), (reranker): Rerank =>
  reranker._tag === "None" ? (_, ranked) => Effect.succeed(ranked) : by(reranker.value)
)

const by =
  (reranker: Service): Rerank =>
  (query, ranked) => {
    if (ranked.length === 0) return Effect.succeed(ranked)
    const read = ranked.slice(0, reranker.candidates)
    return reranker
      .score(
        query,
        read.map(({ text }) => text)
      )
      .pipe(
        Effect.filterOrFail(
          (scores) => scores.length === read.length && scores.every(Number.isFinite),
          (scores) =>
            new RerankerError({
              reranker: reranker.name,
              description: `expected ${read.length} numbers, got ${scores.length} values`
            })
        ),
        Effect.map((scores) => Ranking.rerank(ranked, scores, reranker.weight)),
        Effect.catch(({ message }) => Effect.as(Effect.logWarning(`Ranked without it: ${message}`), ranked))
      )
  }
