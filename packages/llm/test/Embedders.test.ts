import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Embedders from "../src/Embedders.ts"

const named = (reference: string, env: Record<string, string> = {}) =>
  Effect.provide(Embedders.named(reference), ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

const refused = (reference: string, env?: Record<string, string>) =>
  Effect.map(Effect.flip(named(reference, env)), ({ message }) => message)

describe("Embedders", () => {
  it.effect("recall by words has no embedder, and the word vectors need no setting", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* named("builtin/lexical"))
      assert.strictEqual((yield* named("builtin/words"))?.space.name, "builtin/words")
    })
  )

  it.effect("the vector length is known, or determined by embedding a text", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(FakeProvider.vectors((text) => [text.length, 0, 0]))
      const openAi = { OPENAI_BASE_URL: provider.baseURL }
      const small = yield* named("openai/text-embedding-3-small", openAi)
      assert.strictEqual(small?.space.dimensions, 1536)
      assert.strictEqual(provider.received.length, 0)
      const unknown = yield* named("openai/letters", openAi)
      assert.deepInclude(unknown?.space, { name: "openai/letters", dimensions: 3 })
      const llama = yield* named("ollama/letters:latest", { OLLAMA_HOST: new URL(provider.baseURL).origin })
      assert.deepStrictEqual(yield* llama!.embed(["otter"]), [new Float32Array([1, 0, 0])])
    }).pipe(Effect.scoped)
  )

  it.effect("an invalid reference is reported at startup", () =>
    Effect.gen(function* () {
      assert.include(yield* refused("builtin/word"), "Did you mean builtin/words?")
      assert.include(yield* refused("openai/"), "Expected builtin/lexical, builtin/words, openai/<model>")
      assert.include(yield* refused("anthropic/any"), 'Embedder "anthropic/any": unknown name')
      assert.include(yield* refused("openai/text-embedding-3-small"), "set OPENAI_API_KEY")
      assert.include(yield* refused("ollama/bge-m3"), "set OLLAMA_HOST")
      const provider = yield* Scoped.start(FakeProvider.fail(401))
      const failed = yield* refused("openai/letters", {
        OPENAI_API_KEY: "sk-canary",
        OPENAI_BASE_URL: provider.baseURL
      })
      assert.include(failed, "the length of its vectors could not be determined")
      assert.notInclude(failed, "sk-canary")
    }).pipe(Effect.scoped)
  )
})
