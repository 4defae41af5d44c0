/** Memory by meaning, by the option `embedder`. */
import { assert, describe, it } from "@effect/vitest"
import * as Embedder from "@crewline/core/Embedder"
import * as FakeProvider from "@crewline/fake-provider"
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, vi } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import { client, InvalidOption, type Options } from "../src/index.ts"
import { Scripted } from "../src/testing.ts"

/** Of two meanings; which one a text has, none of its words says. */
const vectorOf = (text: string) => (/otter|river animal/i.test(text) ? [1, 0, 0] : [0, 1, 0])
const own: Embedder.Embedder["Service"] = {
  space: { name: "test/animals", dimensions: 3, isSemantic: true, alpha: 0.3, floor: 0.5 },
  embed: (texts) => Effect.succeed(texts.map((text) => Float32Array.from(vectorOf(text))))
}

/** What a client with these options finds that has no word in common with the query. */
const found = async (options: Options) => {
  await using crewline = await client(options)
  await crewline.memory.remember([
    { kind: "long-term", scope: {}, text: "Otters hold hands asleep." },
    { kind: "long-term", scope: {}, text: "Kettles boil water." }
  ])
  return (await crewline.memory.search({ text: "a river animal", scope: {} })).map(({ text }) => text)
}
const failureOf = (options: Options) =>
  client(options).then(
    (opened) => opened.close().then(() => assert.fail("It was opened.")),
    (error: unknown) => error as Error
  )

describe("embedder", () => {
  let provider: FakeProvider.FakeProvider
  beforeAll(async () => {
    provider = await FakeProvider.start(FakeProvider.vectors(vectorOf))
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await provider.stop()
  })

  it("finds what has no word in common with the query, in process", async () => {
    const models = Scripted.make([])
    assert.deepStrictEqual(await found({ models }), [])
    assert.deepStrictEqual(await found({ models, embedder: own }), ["Otters hold hands asleep."])
  })

  it.skipIf(PostgresServer.missingVectors !== undefined)("and in a database", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.flatMap(PostgresServer.emptyDatabase, ({ href }) =>
          Effect.promise(async () =>
            assert.deepStrictEqual(await found({ models: Scripted.make([]), database: href, embedder: own }), [
              "Otters hold hands asleep."
            ])
          )
        )
      )
    )
  )

  it("is found by its name, with the account of the models", async () => {
    const models = { openai: { apiKey: "secret-key", baseURL: provider.baseURL } }
    assert.deepStrictEqual(await found({ models, embedder: "openai/animals" }), ["Otters hold hands asleep."])
    assert.deepInclude(provider.received.at(-1), { authorization: "Bearer secret-key", model: "animals" })
  })

  it.each([
    ["openai/animals", "set OPENAI_API_KEY"],
    ["builtin/wordz", "Did you mean builtin/words?"]
  ])("%s fails at once, with what to do", async (embedder, message) => {
    vi.stubEnv("OPENAI_API_KEY", "")
    vi.stubEnv("OPENAI_BASE_URL", "")
    assert.include((await failureOf({ models: Scripted.make([]), embedder })).message, message)
  })

  it("cannot be combined with a memory that is a layer", async () => {
    const error = await failureOf({ memory: Memory.layerLocal, embedder: own })
    assert.isTrue(error instanceof InvalidOption)
    assert.include(error.message, '"embedder" has no effect')
  })
})
