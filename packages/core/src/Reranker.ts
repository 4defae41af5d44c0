/**
 * Rates the results of a memory query: a model, such as a cross-encoder, that reads a query
 * together with each text and scores how well they match. It is slower than the ranking by terms
 * and vectors, so it receives only their best candidates.
 *
 * Off unless the service is provided when the memory layer is built. If it fails, the ranking
 * without it is used.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The provider failed, or did not return a score for each text. */
export class RerankerError extends Schema.TaggedError<RerankerError>()("RerankerError", {
  reranker: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return `Reranker ${this.reranker}: ${this.description}`
  }
}

export class Reranker extends Context.Service<
  Reranker,
  {
    /** `provider/model`. */
    readonly name: string
    /** Its weight in the ranking, from 0 to 1; terms and vectors have the remaining weight. */
    readonly weight: number
    /** The number of candidates that it rates, best first. */
    readonly candidates: number
    /** How well each text answers the query, from 0 to 1, in order. */
    readonly score: (query: string, texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<number>, RerankerError>
  }
>()("@crewline/core/Reranker") {}
