/**
 * Vectors of texts, for memory that recalls by meaning. Vectors of one space have one length and
 * are compared with each other only; two embedders of the same space give the same vectors. An
 * embedder whose vectors do not have the length of its space fails, and nothing is stored.
 *
 * Without an embedder memory recalls by words alone, which needs neither a key nor a network.
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { vectorOf } from "./Embedder/Hashing.ts"

export interface Space {
  /** `provider/model`: `openai/text-embedding-3-small`, `builtin/words`. */
  readonly name: string
  /** Length of its vectors. */
  readonly dimensions: number
  /**
   * False: vectors that are near have letters in common, not meaning, and are not used for ranking.
   */
  readonly isSemantic: boolean
  /** Their share in the ranking, from 0 to 1, where terms have the rest. */
  readonly alpha: number
  /** The least cosine by which a text is found that has no term in common with the query. */
  readonly floor: number
}

/** The provider failed, or gave something else than vectors of its space. */
export class EmbedderError extends Schema.TaggedError<EmbedderError>()("EmbedderError", {
  space: Schema.String,
  description: Schema.String,
  isRetryable: Schema.Boolean
}) {
  override get message() {
    return `Embedder ${this.space}: ${this.description}`
  }
}

export class Embedder extends Context.Service<
  Embedder,
  {
    readonly space: Space
    /** A vector of length 1 for each text, in order; all zeros where it knows nothing of a text. */
    readonly embed: (texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Float32Array>, EmbedderError>
  }
>()("@crewline/core/Embedder") {}

type Service = Embedder["Service"]

export interface ModelOptions {
  /** Names the space: `openai/text-embedding-3-small`. */
  readonly name: string
  readonly dimensions: number
  /** Default: 0.3. */
  readonly alpha?: number
  /** Default: 0.35. */
  readonly floor?: number
  /** Texts in one request; default 256. */
  readonly batchSize?: number
}

/** Any embedding model of `effect/ai`. */
export const fromModel = (model: EmbeddingModel.EmbeddingModel, options: ModelOptions): Service => {
  const { alpha = 0.3, batchSize = 256, dimensions, floor = 0.35, name } = options
  return {
    space: { name, dimensions, isSemantic: true, alpha, floor },
    embed: (texts) =>
      Effect.forEach(Arr.chunksOf(texts, batchSize), (batch) => model.embedMany(batch)).pipe(
        Effect.mapError(
          ({ isRetryable, message }) => new EmbedderError({ space: name, description: message, isRetryable })
        ),
        Effect.flatMap((answers) =>
          Effect.forEach(
            answers.flatMap(({ embeddings }) => embeddings),
            ({ vector }) => checked(name, dimensions, vector)
          )
        ),
        Effect.filterOrFail(
          (vectors) => vectors.length === texts.length,
          (vectors) =>
            new EmbedderError({
              space: name,
              description: `expected ${texts.length} vectors, got ${vectors.length}`,
              isRetryable: false
            })
        )
      )
  }
}

/** The embedding model in the context. */
export const layerModel = (options: ModelOptions): Layer.Layer<Embedder, never, EmbeddingModel.EmbeddingModel> =>
  Layer.effect(
    Embedder,
    Effect.map(EmbeddingModel.EmbeddingModel, (model) => fromModel(model, options))
  )

/** A vector of a provider: of the right length, of numbers, and made as long as 1. */
const checked = (
  space: string,
  dimensions: number,
  vector: ReadonlyArray<number>
): Effect.Effect<Float32Array, EmbedderError> => {
  const failed = (description: string) => Effect.fail(new EmbedderError({ space, description, isRetryable: false }))
  if (vector.length !== dimensions)
    return failed(
      `expected vectors of ${dimensions} dimensions, got one of ${vector.length}: a model of another length is another space`
    )
  return vector.every(Number.isFinite)
    ? Effect.succeed(unit(Float32Array.from(vector)))
    : failed("a vector has no numbers")
}

/** The same direction, with length 1; all zeros stay. */
export const unit = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? vector : vector.map((value) => value / length)
}

/** The cosine, of vectors of length 1. */
export const dot = (one: Float32Array, other: Float32Array): number => {
  let sum = 0
  for (let index = 0; index < one.length; index++) sum += one[index]! * other[index]!
  return sum
}

/** Does not ask again for the texts that it was asked for last, at most `capacity` of them. */
export const cached = (embedder: Service, capacity = 10_000): Service => {
  const known = new Map<string, Float32Array>()
  return {
    space: embedder.space,
    embed: (texts) =>
      Effect.suspend(() => {
        const missing = [...new Set(texts)].filter((text) => !known.has(text))
        const found = new Map(texts.flatMap((text) => (known.has(text) ? [[text, known.get(text)!] as const] : [])))
        const asked = missing.length === 0 ? Effect.succeed([]) : embedder.embed(missing)
        return Effect.map(asked, (vectors) => {
          for (const [index, text] of missing.entries()) found.set(text, vectors[index]!)
          for (const [text, vector] of found) {
            // What was asked for last stays longest.
            known.delete(text)
            known.set(text, vector)
          }
          for (const oldest of known.keys()) {
            if (known.size <= capacity) break
            known.delete(oldest)
          }
          return texts.map((text) => found.get(text)!)
        })
      })
  }
}

/**
 * Vectors of letters and words, without a model: texts that look alike are near. It finds
 * near-duplicates and serves tests; it says nothing of meaning (recall@10 on LoCoMo is half of that
 * by words), so that nothing is ranked by it.
 */
export const hashing: Service = {
  space: { name: "builtin/hash", dimensions: 384, isSemantic: false, alpha: 0, floor: 1 },
  embed: (texts) => Effect.sync(() => texts.map((text) => unit(vectorOf(text, 384))))
}

export const layerHashing: Layer.Layer<Embedder> = Layer.succeed(Embedder, hashing)
