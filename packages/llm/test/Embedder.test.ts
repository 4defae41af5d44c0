import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Embedder from "../src/Embedder.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"

const canary = "sk-canary-7f3a9b1c5d"

/**
 * The vector of a text consists of its length and the position of its first letter in the alphabet.
 */
const vectorOf = (text: string): [number, number] => [text.length, text.charCodeAt(0) - 96]

const inputs = (body: FakeProvider.Body): ReadonlyArray<string> => body["input"] as ReadonlyArray<string>

const vectors = FakeProvider.vectors(vectorOf)

const together = { concurrency: "unbounded" } as const

interface Case {
  readonly name: string
  readonly make: (
    provider: Scoped.FakeProvider,
    options?: { readonly batchSize?: number; readonly dimensions?: number }
  ) => Effect.Effect<EmbeddingModel.EmbeddingModel>
  readonly path: string
}

const cases: ReadonlyArray<Case> = [
  {
    name: "OpenAI",
    make: ({ baseURL }, options) => Embedder.openAi({ apiKey: Redacted.make(canary), baseURL, model: "m", ...options }),
    path: "/v1/embeddings"
  },
  {
    name: "Ollama",
    make: ({ baseURL }, options) =>
      Embedder.ollama({ apiKey: Redacted.make(canary), host: new URL(baseURL).origin, model: "m", ...options }),
    path: "/api/embed"
  }
]

describe.each(cases)("Embedder for $name", ({ make, path }) => {
  it.effect("returns the vectors of texts in their order, in batches", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(vectors)
      const embedder = yield* make(provider, { batchSize: 2, dimensions: 2 })
      const metrics = new Map()
      const { embeddings, usage } = yield* embedder
        .embedMany(["otter", "bear", "cat"])
        .pipe(Effect.provideService(Metric.MetricRegistry, metrics))
      // Each of the two requests is reported.
      const told = [...metrics.values()].map(({ hooks, id }) => [id, hooks.get().count, hooks.get().sum])
      const [duration, tokens] = told.toSorted(([a], [b]) => String(a).localeCompare(String(b)))
      assert.deepStrictEqual(duration?.slice(0, 2), ["gen_ai.client.operation.duration", 2])
      assert.deepStrictEqual(tokens, ["gen_ai.client.token.usage", 2, 14])
      assert.deepStrictEqual(
        embeddings.map(({ vector }) => vector),
        [
          [5, 15],
          [4, 2],
          [3, 3]
        ]
      )
      assert.strictEqual(usage.inputTokens, 14)
      assert.deepStrictEqual(
        provider.received.map(({ body, path: at }) => [at, body["model"], body["dimensions"], inputs(body).length]),
        [
          [path, "m", 2, 2],
          [path, "m", 2, 1]
        ]
      )
      assert.deepStrictEqual((yield* embedder.embed("dog")).vector, [3, 4])
    }).pipe(Effect.scoped)
  )

  it.effect("fails like a model, without disclosing the key", () =>
    Effect.gen(function* () {
      const failure = (handler: FakeProvider.Handler) =>
        Effect.gen(function* () {
          const provider = yield* Scoped.start(handler)
          return yield* Effect.flip((yield* make(provider)).embed("otter"))
        })
      const wrong = yield* failure(FakeProvider.json({ error: { message: `bad key ${canary}` } }, 401))
      assert.strictEqual(wrong.reason._tag, "AuthenticationError")
      assert.notInclude(`${wrong.message} ${JSON.stringify(wrong)}`, canary)
      const limited = yield* failure(FakeProvider.json({ error: "slow down" }, 429, { "retry-after": "3" }))
      assert.strictEqual(limited.reason._tag, "RateLimitError")
      for (const body of ["no JSON", {}, { data: [], embeddings: [] }, { data: [{}], embeddings: ["x"] }]) {
        assert.strictEqual((yield* failure(FakeProvider.json(body))).reason._tag, "InvalidResponseError")
      }
    }).pipe(Effect.scoped)
  )

  const calls: ReadonlyArray<
    readonly [string, (embedder: EmbeddingModel.EmbeddingModel) => Effect.Effect<unknown, unknown>]
  > = [
    ["embedMany", (embedder) => embedder.embedMany(["otter"])],
    ["embed", (embedder) => embedder.embed("otter")],
    ["two embeds in one request", (embedder) => Effect.all([embedder.embed("a"), embedder.embed("b")], together)]
  ]
  it.live.each(calls)("closes the connection when %s is interrupted", ([, call]) =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(() => {})
      const embedder = yield* make(provider)
      const fiber = yield* Effect.forkChild(call(embedder))
      yield* provider.asked
      yield* Fiber.interrupt(fiber)
      yield* provider.aborted
      assert.strictEqual(provider.received.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("keeps the connection for a waiting embed when another one of its request is interrupted", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const provider = yield* Scoped.start((received, response) => {
        Effect.runFork(
          Effect.andThen(
            Deferred.await(answer),
            Effect.sync(() => vectors(received, response))
          )
        )
      })
      const embedder = yield* make(provider)
      const interrupted = yield* Effect.forkChild(embedder.embed("otter"))
      const kept = yield* Effect.forkChild(embedder.embed("bear"))
      yield* provider.asked
      yield* Fiber.interrupt(interrupted)
      yield* Deferred.succeed(answer, undefined)
      assert.deepStrictEqual((yield* Fiber.join(kept)).vector, [4, 2])
      assert.deepStrictEqual(
        provider.received.map(({ body }) => inputs(body)),
        [["otter", "bear"]]
      )
      // Later calls are not affected.
      assert.deepStrictEqual((yield* embedder.embed("cat")).vector, [3, 3])
    }).pipe(Effect.scoped)
  )
})
