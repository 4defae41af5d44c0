/** Memory by meaning: on a server with pgvector, and embedded. */
import { assert, describe, it } from "@effect/vitest"
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import { MemoryContract, RecallContract } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as PgMemory from "../src/PgMemory.ts"
import * as Erased from "./Erased.ts"
import { asOwner } from "./Owner.ts"
import * as PostgresServer from "./PostgresServer.ts"

const missing = PostgresServer.missingVectors
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Letters as meaning: near enough for tests, and quick. */
const embedder = (name: string, dimensions = 64): Embedder.Embedder["Service"] & { asked: number } => {
  const service = {
    asked: 0,
    space: { name, dimensions, isSemantic: true, alpha: 0.3, floor: 0.9 },
    embed: (texts: ReadonlyArray<string>) =>
      Effect.map(Embedder.hashing.embed(texts), (vectors) => {
        service.asked += texts.length
        return vectors.map((vector) => Embedder.unit(vector.slice(0, dimensions)))
      })
  }
  return service
}

const embedded = (service: Embedder.Embedder["Service"]) =>
  Layer.provide(PgMemory.layerEmbedded(), Layer.succeed(Embedder.Embedder, service))

const database = Layer.unwrap(
  Effect.map(PostgresServer.emptyDatabase, (url) => Database.layer({ ...PostgresServer.optionsOf(url), vectors: true }))
)

const longTerm = (text: string, more: Partial<Memory.Remembered> = {}): Memory.Remembered => ({
  kind: "long-term",
  text,
  scope: {},
  ...more
})

const remembering = (entries: ReadonlyArray<Memory.Remembered>) =>
  Effect.flatMap(Effect.service(Memory.Memory), (memory) => memory.remember(entries))

describe.skipIf(missing !== undefined)(missing ?? "Vectors", () => {
  MemoryContract.suite(
    "PgMemory with vectors on a server",
    Layer.provide(embedded(embedder("test/letters")), database),
    { adverse: 100 }
  )

  MemoryContract.suite(
    "PgMemory with vectors as a user that may do nothing but act as the role",
    Layer.provide(
      embedded(embedder("test/letters")),
      Layer.unwrap(
        Effect.map(PostgresServer.confined({ vectors: true }), (url) => Database.layer(PostgresServer.optionsOf(url)))
      )
    ),
    { adverse: 100 }
  )

  RecallContract.suite(
    "Recall with vectors on a server",
    Layer.merge(PgEventLog.layer, embedded(embedder("test/letters"))).pipe(Layer.provide(database))
  )

  it.live(
    "a change of the embedder fills its space beside the other, goes on where it was stopped, and asks for each text once",
    () =>
      Effect.gen(function* () {
        const [first, second] = [embedder("test/first"), embedder("test/second", 32)]
        const sql = yield* SqlClient.SqlClient
        const texts = Array.from({ length: 600 }, (_, index) => `otter number ${index} of ${index % 7} rivers`)
        const scopes = [{}, { crew: "c" }]
        yield* Effect.forEach(["acme", "globex"], (tenant) =>
          remembering(scopes.flatMap((scope) => texts.map((text) => longTerm(text, { scope })))).pipe(
            Effect.provideService(Tenant.Current, tenant)
          )
        ).pipe(Effect.provide(embedded(first)))
        // Each tenant asks for itself, each of its scopes does not.
        assert.strictEqual(first.asked, 1_200)
        yield* Stream.runDrain(Stream.take(PgMemory.migrate(second), 1))
        assert.isBelow(second.asked, 1_200)
        const progress = yield* Stream.runCollect(PgMemory.migrate(second))
        assert.deepStrictEqual(progress.at(-1), { space: "test/second", filled: 2_400, memories: 2_400 })
        assert.strictEqual(second.asked, 1_200)
        const counts = asOwner(sql`select (select count(*)::int from crewline_memory_vector_1) as first,
          (select count(*)::int from crewline_memory_vector_2) as second`)
        assert.deepStrictEqual(yield* counts, [{ first: 2_400, second: 2_400 }])
        // What is erased is erased in every space.
        yield* Effect.flatMap(Effect.service(Memory.Memory), ({ forget }) => forget({ scope: { crew: "c" } })).pipe(
          Effect.provideService(Tenant.Current, "acme"),
          Effect.provide(embedded(first))
        )
        assert.deepStrictEqual(yield* counts, [{ first: 1_800, second: 1_800 }])
      }).pipe(Effect.provide(database)),
    60_000
  )

  it.live("erasure leaves nothing in any table of memory", () =>
    Erased.check(["crewline_memory_vector_1"]).pipe(
      Effect.provide(embedded(embedder("test/erased"))),
      Effect.provide(database)
    )
  )

  it.live("another length of vectors under the same name is an error, never a default", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Layer.build(embedded(embedder("test/same", 32))))
      const refused = yield* Effect.flip(Effect.scoped(Layer.build(embedded(embedder("test/same", 16)))))
      assert.include(refused.message, "has vectors with 32 dimensions, but the embedder returns 16")
    }).pipe(Effect.provide(database))
  )

  it.live("a database without vectors serves memory by words, and says what memory by meaning needs", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Effect.scoped(Layer.build(embedded(embedder("test/none")))))
      assert.include(refused.message, "pgvector")
      const logged: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      const memory = Layer.provide(PgMemory.layerWith(embedder("test/none")), logger)
      yield* remembering([longTerm("otters swim")]).pipe(Effect.provide(memory))
      assert.lengthOf(logged, 1)
      assert.include(
        String(logged[0]),
        "cannot store the vectors of test/none. Install the extension pgvector 0.8 or newer"
      )
    }).pipe(Effect.provide(PostgresServer.layer))
  )

  it.live(
    "an embedded database has vectors, too",
    () =>
      Effect.gen(function* () {
        const memory = yield* Memory.Memory
        yield* memory.remember([longTerm("otters swim"), longTerm("kettles boil")])
        const [recalled] = yield* memory.recall({ text: "otters swim", scope: {} })
        assert.closeTo(recalled!.parts.vector, 1, 1e-4)
      }).pipe(
        Effect.provide(
          Layer.provide(embedded(embedder("test/embedded")), Database.layer({ kind: "memory", vectors: true }))
        )
      ),
    120_000
  )

  it.live("an embedder that fails costs neither the memory nor the answer; its vectors are filled in later", () =>
    Effect.gen(function* () {
      const service = embedder("test/fails")
      let fails = true
      const failing: Embedder.Embedder["Service"] = {
        ...service,
        embed: (texts) =>
          fails
            ? Effect.fail(
                new Embedder.EmbedderError({ space: "test/fails", description: "is down", isRetryable: true })
              )
            : service.embed(texts)
      }
      yield* Effect.gen(function* () {
        const memory = yield* Memory.Memory
        yield* memory.remember([longTerm("otters swim")])
        assert.strictEqual((yield* memory.recall({ text: "otter", scope: {} })).length, 1)
        fails = false
        yield* Stream.runDrain(PgMemory.migrate(failing))
        const [recalled] = yield* memory.recall({ text: "otters swim", scope: {} })
        assert.closeTo(recalled!.parts.vector, 1, 1e-4)
      }).pipe(Effect.provide(embedded(failing)))
    }).pipe(Effect.provide(database))
  )
})
