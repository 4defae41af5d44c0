import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Memory from "../../src/Memory.ts"
import { Reranker, RerankerError } from "../../src/Reranker.ts"

const texts = ["Otters eat fish and otters swim", "An otter sleeps at night", "The otter crosses the road"]

/** Prefers what holds a word, of the first two that the ranking has. */
const preferring = (word: string, asked: Array<ReadonlyArray<string>> = []) =>
  Layer.succeed(Reranker, {
    name: "test/words",
    weight: 0.8,
    candidates: 2,
    score: (_, texts) => {
      asked.push(texts)
      return Effect.succeed(texts.map((text) => (text.includes(word) ? 1 : 0)))
    }
  })

const recalled = Effect.gen(function* () {
  const memory = yield* Memory.Memory
  yield* memory.remember(texts.map((text) => ({ kind: "long-term", scope: {}, text })))
  return yield* memory.recall({ text: "Do otters eat fish or sleep?", scope: {} })
})

const firstWith = (reranker: Layer.Layer<Reranker>) =>
  Effect.provide(recalled, Memory.layerLocal.pipe(Layer.provide(reranker)))

describe("Reranking", () => {
  it.effect("changes the scores of the rated candidates by its weight", () =>
    Effect.gen(function* () {
      const plain = yield* Effect.provide(recalled, Memory.layerLocal)
      assert.deepStrictEqual(
        plain.map(({ text }) => text),
        texts
      )
      assert.isUndefined(plain[0]!.parts.rerank)
      const asked: Array<ReadonlyArray<string>> = []
      const [first, second, third] = yield* firstWith(preferring("sleeps", asked))
      assert.deepStrictEqual(asked, [texts.slice(0, 2)])
      assert.deepStrictEqual([first!.text, second!.text], [texts[1], texts[0]])
      assert.strictEqual(first!.parts.rerank, 1)
      assert.include(first!.why, "reranker score 1.00")
      assert.isUndefined(third!.parts.rerank)
      const { entity, importance, recency } = first!.parts
      assert.closeTo(first!.score, 0.2 * plain[1]!.score + 0.8 * (1 + recency + importance + entity), 1e-9)
    })
  )

  it.effect("falls back to the ranking without it if it fails or returns invalid scores", () =>
    Effect.gen(function* () {
      const failing = (score: Reranker["Service"]["score"]) =>
        Layer.succeed(Reranker, { name: "test/broken", weight: 0.8, candidates: 2, score })
      const broken = [
        failing(() => Effect.fail(new RerankerError({ reranker: "test/broken", description: "no answer" }))),
        failing(() => Effect.succeed([1])),
        failing(() => Effect.succeed([1, Number.NaN]))
      ]
      for (const reranker of broken)
        assert.deepStrictEqual(
          (yield* firstWith(reranker)).map(({ text }) => text),
          texts
        )
    })
  )
})
