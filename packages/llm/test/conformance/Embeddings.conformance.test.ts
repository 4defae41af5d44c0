/**
 * Vectors written by aimock. Only for OpenAI, because its Ollama embeddings have an outdated shape.
 */
import { LLMock } from "@copilotkit/aimock"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Redacted from "effect/Redacted"
import * as Embedder from "../../src/Embedder.ts"

it.live("Embedder reads what aimock writes for OpenAI, as a layer", () =>
  Effect.acquireUseRelease(
    Effect.promise(() => LLMock.create({ port: 0, logLevel: "silent" })),
    (mock) =>
      Effect.gen(function* () {
        mock.onEmbedding("otter", { embedding: [0.5, 0.25] })
        const embedder = yield* EmbeddingModel.EmbeddingModel
        assert.deepStrictEqual((yield* embedder.embed("otter")).vector, [0.5, 0.25])
      }).pipe(
        Effect.provide(
          Embedder.layerOpenAi({
            apiKey: Redacted.make("k"),
            baseURL: `${mock.url}/v1`,
            model: "text-embedding-3-small"
          })
        )
      ),
    (mock) => Effect.promise(() => mock.stop())
  )
)
