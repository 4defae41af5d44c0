/**
 * `builtin/words`: an embedder of English texts without a model, a key or a network. A text is the
 * average of the vectors of its words, the frequent ones weighted down by a / (a + p) and what all
 * texts have in common taken away (Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for
 * Sentence Embeddings", 2017).
 *
 * The vectors, 42 MB, are read when the first text is embedded: in about 60 ms.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { Vocabulary } from "./Words/Vocabulary.ts"

const name = "builtin/words"
const dimensions = 100

/**
 * The file of this package, which is made when it is packed; in the repository by `node
 * scripts/data.mjs`.
 */
export const defaultFile = new URL("../data/words.bin", import.meta.url)

/** In which the weights of words are half. */
const a = 1e-3
/** Words of which the common direction is made, the most frequent. */
const commonWords = 20_000
/** Words of a text, its first: its meaning does not get clearer by more. */
const maxWords = 5_000

const words = /[\p{L}\p{N}]+/gu

/** How often a word occurs, by its rank from 0: Zipf's law. */
const probabilityOf = (rank: number, count: number): number => 1 / ((rank + 3) * Math.log(count))

/** What all texts have in common: the average of all words as they occur. */
const commonOf = (vocabulary: Vocabulary): Float32Array => {
  const sum = new Float32Array(dimensions)
  for (let word = 0; word < Math.min(commonWords, vocabulary.count); word++) {
    const probability = probabilityOf(word, vocabulary.count)
    vocabulary.addTo(sum, word, (probability * a) / (a + probability))
  }
  return Embedder.unit(sum)
}

const vectorOf = (vocabulary: Vocabulary, common: Float32Array, text: string): Float32Array => {
  const sum = new Float32Array(dimensions)
  let count = 0
  for (const [found] of text.toLowerCase().matchAll(words)) {
    if (count++ === maxWords) break
    const word = vocabulary.find(found)
    if (word !== undefined) vocabulary.addTo(sum, word, a / (a + probabilityOf(word, vocabulary.count)))
  }
  const vector = Embedder.unit(sum)
  const share = Embedder.dot(vector, common)
  return Embedder.unit(vector.map((value, index) => value - share * common[index]!))
}

/** `file`: made by `scripts/data.mjs`. */
export const make = (file: URL | string = defaultFile): Effect.Effect<Embedder.Embedder["Service"]> =>
  Effect.gen(function* () {
    const load = yield* Effect.cached(
      Effect.try({
        try: () => {
          const vocabulary = new Vocabulary(readFileSync(file))
          return { vocabulary, common: commonOf(vocabulary) }
        },
        catch: (error) =>
          new Embedder.EmbedderError({
            space: name,
            description: `the vectors cannot be read: ${error instanceof Error ? error.message : String(error)}`,
            isRetryable: false
          })
      })
    )
    return {
      space: { name, dimensions, isSemantic: true, alpha: 0.3, floor: 0.6 },
      embed: (texts) =>
        Effect.map(load, ({ common, vocabulary }) => texts.map((text) => vectorOf(vocabulary, common, text)))
    }
  })

export const layer: Layer.Layer<Embedder.Embedder> = Layer.effect(
  Embedder.Embedder,
  Effect.suspend(() => make())
)
