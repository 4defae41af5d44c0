import { assert, describe, it } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Embedder from "../src/Embedder.ts"
import * as Memory from "../src/Memory.ts"

/**
 * A model whose vectors consist of the length and the word count of a text; records the sizes of
 * its requests.
 */
const modelOf = (
  vectorOf: (text: string) => ReadonlyArray<number> = (text) => [text.length, text.split(" ").length]
) => {
  const requests: Array<number> = []
  const model = EmbeddingModel.make({
    embedMany: ({ inputs }) =>
      Effect.sync(() => {
        requests.push(inputs.length)
        return { results: inputs.map((text) => [...vectorOf(text)]), usage: { inputTokens: undefined } }
      })
  })
  return Effect.map(model, (made) => ({ model: made, requests }))
}

const options = { name: "test/model", dimensions: 2 }

describe("Embedder", () => {
  it.effect("calls a model in batches, in order, and normalizes vectors", () =>
    Effect.gen(function* () {
      const { model, requests } = yield* modelOf()
      const { embed, space } = Embedder.fromModel(model, { ...options, batchSize: 2 })
      const vectors = yield* embed(["abc", "d e", "f", "g", "h"])
      assert.deepStrictEqual(requests, [2, 2, 1])
      assert.strictEqual(vectors.length, 5)
      assert.closeTo(vectors[0]![0]!, 3 / Math.sqrt(10), 1e-6)
      assert.closeTo(vectors[1]![1]!, 2 / Math.sqrt(13), 1e-6)
      assert.deepInclude(space, { name: "test/model", dimensions: 2, isSemantic: true })
    })
  )

  it.effect("fails if vectors have a different length or are not numbers, and stores nothing", () =>
    Effect.gen(function* () {
      for (const [vector, words] of [
        [[1, 2, 3], "expected vectors of 2 dimensions, got one of 3"],
        [[1], "expected vectors of 2 dimensions, got one of 1"]
      ] as const) {
        const { model } = yield* modelOf(() => vector)
        const embedder = Embedder.fromModel(model, options)
        const error = yield* Effect.flip(embedder.embed(["x"]))
        assert.strictEqual(error._tag, "EmbedderError")
        assert.include(error.message, words)
        assert.isFalse(error.isRetryable)
        const memory = yield* memoryWith(embedder)
        const failure = yield* Effect.flip(memory.remember([{ kind: "long-term", text: "an otter", scope: {} }]))
        assert.include(failure.message, words)
        assert.deepStrictEqual(yield* memory.list(), [])
      }
    })
  )

  it.effect("recalls by words alone while the provider is down", () =>
    Effect.gen(function* () {
      let isDown = false
      const embedder: Embedder.Embedder["Service"] = {
        ...Embedder.hashing,
        space: { ...Embedder.hashing.space, isSemantic: true, alpha: 0.3 },
        embed: (texts) =>
          isDown
            ? Effect.fail(new Embedder.EmbedderError({ space: "x", description: "down", isRetryable: true }))
            : Embedder.hashing.embed(texts)
      }
      const memory = yield* memoryWith(embedder)
      yield* memory.remember([{ kind: "long-term", text: "an otter swims", scope: {} }])
      isDown = true
      const [recalled] = yield* memory.recall({ text: "do otters swim", scope: {} })
      assert.strictEqual(recalled!.text, "an otter swims")
      assert.strictEqual(recalled!.parts.vector, 0)
      const failure = yield* Effect.flip(memory.remember([{ kind: "long-term", text: "a heron", scope: {} }]))
      assert.deepInclude(failure, { _tag: "MemoryError", isRetryable: true })
    })
  )

  it.effect("keeps the most recently used vectors", () =>
    Effect.gen(function* () {
      const { model, requests } = yield* modelOf()
      const { embed } = Embedder.cached(Embedder.fromModel(model, options), 2)
      const [first] = yield* embed(["a", "b", "a"])
      assert.deepStrictEqual((yield* embed(["b", "a"]))[1], first)
      assert.deepStrictEqual(requests, [2])
      yield* embed(["c"])
      yield* embed(["a"])
      assert.deepStrictEqual(requests, [2, 1])
      yield* embed(["b"])
      assert.deepStrictEqual(requests, [2, 1, 1])
    })
  )

  it.effect("a provider failure that can be retried is distinguished from a permanent one", () =>
    Effect.gen(function* () {
      const failing = (reason: AiError.AiErrorReason) =>
        Effect.flatMap(
          EmbeddingModel.make({
            embedMany: () => Effect.fail(AiError.make({ module: "test", method: "embedMany", reason }))
          }),
          (model) => Effect.flip(Embedder.fromModel(model, options).embed(["x"]))
        )
      assert.isTrue((yield* failing(new AiError.InternalProviderError({ description: "busy" }))).isRetryable)
      assert.isFalse((yield* failing(new AiError.InvalidRequestError({ description: "no" }))).isRetryable)
    })
  )

  it.effect("hashes similar texts near each other", () =>
    Effect.gen(function* () {
      const [one, near, far] = yield* Embedder.hashing.embed([
        "The otter sleeps in the sea",
        "The otters slept in the sea",
        "Quarterly tax invoices of Acme"
      ])
      assert.isAbove(Embedder.dot(one!, near!), 0.6)
      assert.isBelow(Embedder.dot(one!, far!), 0.3)
    })
  )
})

const memoryWith = (embedder: Embedder.Embedder["Service"]) =>
  Effect.map(
    Layer.build(Layer.provide(Layer.fresh(Memory.layerLocalEmbedded), Layer.succeed(Embedder.Embedder, embedder))),
    (context) => Context.get(context, Memory.Memory)
  )
