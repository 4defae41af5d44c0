/**
 * A second opinion on what memory has found: something that reads a query together with each text,
 * such as a cross-encoder, and says how well they fit. It is slower than the ranking by terms and
 * vectors, so it sees the first of their candidates only.
 *
 * Off unless the service is provided where the layer of the memory is built. When it fails, the
 * ranking without it stands.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The provider failed, or gave something else than a score for each text. */
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
    /** Its share in the ranking, from 0 to 1; terms and vectors have the rest. */
    readonly weight: number
    /** How many candidates it reads, the best first. */
    readonly candidates: number
    /** How well each text answers the query, from 0 to 1, in order. */
    readonly score: (query: string, texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<number>, RerankerError>
  }
>()("@crewline/core/Reranker") {}
