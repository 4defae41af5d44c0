/** Recall by meaning among more vectors than are compared one by one: by the index of vectors. */
import { assert, describe, it } from "@effect/vitest"
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../../src/Database.ts"
import * as PgMemory from "../../src/PgMemory.ts"
import { asOwner } from "../Owner.ts"
import * as PostgresServer from "../PostgresServer.ts"

const missing = PostgresServer.missingVectors
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const memories = 2_400
const clusters = 24
const dimensions = 12
const wanted = 10

/** Around a center for each cluster; numbers that look random, and are the same each time. */
const vectorOf = (text: string): Float32Array => {
  const [cluster, member] = text.split("x").map(Number)
  const number = (seed: number) => ((Math.imul(seed + 1, 2_654_435_761) ^ (seed << 7)) >>> 0) / 2 ** 31 - 1
  return Embedder.unit(
    Float32Array.from(
      { length: dimensions },
      (_, at) => number(cluster! * 31 + at) + 0.4 * number(Math.imul(member! + 99, 40_503) + at)
    )
  )
}

/** Meaning alone: what is near is found whatever its terms. */
const embedder: Embedder.Embedder["Service"] = {
  space: { name: "test/clusters", dimensions, isSemantic: true, alpha: 1, floor: -1 },
  embed: (texts) => Effect.sync(() => texts.map(vectorOf))
}

/** One in eight is an entity, and ten are trusted. */
const entries = Array.from({ length: memories }, (_, index): Memory.Remembered => ({
  text: `${index % clusters}x${index}`,
  scope: { crew: "c" },
  kind: Math.floor(index / clusters) % 8 === 0 ? "entity" : "long-term",
  origin: index % (memories / wanted) === 5 ? "user" : "web"
}))

const database = Layer.unwrap(
  Effect.map(PostgresServer.emptyDatabase, (url) => Database.layer({ ...PostgresServer.optionsOf(url), vectors: true }))
)
const layer = Layer.effect(
  Memory.Memory,
  Effect.gen(function* () {
    const memory = yield* Memory.Memory
    yield* memory.remember(entries)
    // The same vectors, of another tenant.
    yield* Effect.provideService(memory.remember(entries.slice(0, 200)), Tenant.Current, "globex")
    return memory
  })
).pipe(
  Layer.provide(PgMemory.layerEmbedded({ maxExact: 500 })),
  Layer.provide(Layer.succeed(Embedder.Embedder, embedder)),
  Layer.provideMerge(database)
)

type Scans = { readonly near: number; readonly scope: number }

/** Scans of the two indexes of vectors by this connection. */
const scans = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql<Scans>`select pg_stat_get_xact_numscans('crewline_memory_vector_1_near'::regclass)::int as near,
    pg_stat_get_xact_numscans('crewline_memory_vector_1_scope'::regclass)::int as scope`
).pipe(Effect.map(([row]) => row!))

type Filter = Pick<Memory.Query, "kinds" | "minTrust">

/** What is found, how much of the nearest that is, and what was scanned for it. */
const found = Effect.fnUntraced(function* (filter: Filter, condition: string) {
  const sql = yield* SqlClient.SqlClient
  const memory = yield* Memory.Memory
  let fewest = Infinity
  let common = 0
  const scanned = { near: 0, scope: 0 }
  for (let cluster = 0; cluster < clusters; cluster++) {
    const text = `${cluster}x${memories + cluster}`
    const query = { ...filter, text, scope: { crew: "c" }, limit: wanted, maxTokens: 1_000 }
    const [before, recalled, after] = yield* sql.withTransaction(Effect.all([scans, memory.recall(query), scans]))
    const nearest = yield* asOwner(
      sql.unsafe<{ readonly id: string }>(
        `select m.id from crewline_memory_vector_1 v join crewline_memory m on m.key = v.memory
         where m.tenant = 'default' and ${condition} order by (v.embedding <=> $1::vector) + 0 limit ${wanted}`,
        [`[${vectorOf(text).join(",")}]`]
      )
    )
    const ids = new Set(recalled.map(({ id }) => id))
    fewest = Math.min(fewest, ids.size)
    common += nearest.filter(({ id }) => ids.has(id)).length
    scanned.near += after.near - before.near
    scanned.scope += after.scope - before.scope
  }
  return { fewest, share: common / (clusters * wanted), scanned }
})

describe.skipIf(missing !== undefined)(missing ?? "the index of vectors", () => {
  it.layer(layer, { timeout: 120_000 })((it) => {
    it.effect("finds the ten nearest", () =>
      Effect.gen(function* () {
        const { fewest, scanned, share } = yield* found({}, "true")
        assert.strictEqual(fewest, wanted)
        assert.isAtLeast(share, 0.95)
        // The scope is scanned to count its vectors, and not a second time to compare them all.
        assert.deepStrictEqual(scanned, { near: clusters, scope: clusters })
      })
    )

    it.effect("goes on until enough pass the filter", () =>
      Effect.gen(function* () {
        const { fewest, scanned, share } = yield* found({ kinds: ["entity"] }, "m.kind = 2")
        assert.strictEqual(fewest, wanted)
        assert.isAtLeast(share, 0.95)
        assert.deepStrictEqual(scanned, { near: clusters, scope: clusters })
      })
    )

    it.effect("compares all where few pass it: ten of ten are found", () =>
      Effect.gen(function* () {
        const { fewest, scanned, share } = yield* found({ minTrust: "user" }, "m.trust = 0")
        assert.strictEqual(fewest, wanted)
        assert.strictEqual(share, 1)
        assert.deepStrictEqual(scanned, { near: clusters, scope: 2 * clusters })
      })
    )
  })
})
