/**
 * Memory by meaning among many vectors: whether what is near is found, how much of it, and in which
 * time, with and without the index of vectors. Vectors are clustered, as those of texts are, and
 * filters leave all, half, a tenth or exactly ten of the memories, or those of another scope.
 *
 * A row for each filter: `rows` is the fewest answers to a query for ten, `recall` the share of the
 * ten nearest that are among the answers, `milliseconds` the median of a recall, and
 * `exactMilliseconds` that of one which compares all vectors.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Database from "@crewline/memory-pg/Database"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { ownerOf } from "../packages/memory-pg/test/Owner.ts"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import { median } from "./Quantile.ts"
import type { Report } from "./run.ts"

const dimensions = 32
/** Memories around one center. */
const clusterSize = 250
/** How far members of a cluster are from its center, of which each number is about 1. */
const spread = 0.5
const batchSize = 250
const queries = 40
const wanted = 10

/** Numbers of the normal distribution, the same for the same seed. */
const normal = (seed: number): (() => number) => {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  const uniform = () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** The text of a memory, or of a query, near a center; no two have a word in common. */
const textOf = (cluster: number, member: string): string => `c${cluster}x${member}`

const vectorOf = (text: string): Float32Array => {
  const [, cluster, member] = /^c(\d+)x(\w+)$/.exec(text)!
  const center = normal(Number(cluster))
  const own = normal(1_000_000 + Number.parseInt(member!, 36))
  return Embedder.unit(Float32Array.from({ length: dimensions }, () => center() + spread * own()))
}

const embedder: Embedder.Embedder["Service"] = {
  space: { name: "bench/clusters", dimensions, isSemantic: true, alpha: 1, floor: -1 },
  embed: (texts) => Effect.sync(() => texts.map(vectorOf))
}

/** Half of the memories are of one crew, a tenth of the web, and ten of them of an entity. */
const entryOf = (index: number, memories: number): Memory.Remembered => ({
  text: textOf(Math.floor(index / clusterSize), index.toString(36)),
  scope: { crew: index % 2 === 0 ? "even" : "odd" },
  kind: index % Math.floor(memories / wanted) === 7 ? "entity" : "long-term",
  origin: index % 10 < 9 ? "web" : "user"
})

type Filter = Omit<Memory.Query, "text" | "limit" | "maxTokens">

/** Each with the same in SQL, on `m`, and `s` for its scope. */
const filters: ReadonlyArray<readonly [name: string, filter: Filter, condition: string]> = [
  ["all", { scope: {}, any: ["crew"] }, "true"],
  ["half", { scope: { crew: "even" } }, "s.crew = 'even'"],
  ["tenth", { scope: {}, any: ["crew"], minTrust: "agent" }, "m.trust <= 1"],
  ["ten", { scope: {}, any: ["crew"], kinds: ["entity"] }, "m.kind = 2"]
]

const opened = Effect.gen(function* () {
  const url = yield* PostgresServer.emptyDatabase
  const context = yield* Layer.build(Database.layer({ ...PostgresServer.optionsOf(url), vectors: true }))
  const sql = Context.get(context, SqlClient.SqlClient)
  const memoryOf = (more: PgMemory.VectorOptions) =>
    Effect.map(
      Layer.build(
        Layer.fresh(PgMemory.layerEmbedded(more)).pipe(
          Layer.provide(Layer.succeed(Embedder.Embedder, embedder)),
          Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))
        )
      ),
      (context) => Context.get(context, Memory.Memory)
    )
  return { sql, byIndex: yield* memoryOf({}), exact: yield* memoryOf({ maxExact: 100_000_000 }) }
})

/** The ids of the nearest, by comparing all vectors in a statement of its own. */
const nearest = (sql: SqlClient.SqlClient, text: string, condition: string) =>
  ownerOf(sql)(
    Effect.andThen(
      sql`select set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true)`,
      sql.unsafe<{ readonly id: string }>(
        `select m.id from crewline_memory_vector_1 v join crewline_memory m on m.key = v.memory
         join crewline_memory_scope s on s.key = m.scope where ${condition}
         order by v.embedding <=> $1::vector limit ${wanted}`,
        [`[${vectorOf(text).join(",")}]`]
      )
    )
  )

const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (value) => [value, performance.now() - start] as const)
  })

/** Reports each filter among this many vectors. */
export const run = (report: Report, vectors: number): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const { byIndex, exact, sql } = yield* opened
    const start = performance.now()
    yield* Effect.forEach(
      Array.from({ length: Math.ceil(vectors / batchSize) }).keys(),
      (batch) =>
        byIndex.remember(Array.from({ length: batchSize }, (_, index) => entryOf(batch * batchSize + index, vectors))),
      { concurrency: 4, discard: true }
    )
    const perSecond = Math.round((1_000 * vectors) / (performance.now() - start))
    for (const [filter, asked, condition] of filters) {
      const rows: Array<number> = []
      const found: Array<number> = []
      const milliseconds: Array<number> = []
      const exactMilliseconds: Array<number> = []
      for (let index = 0; index < queries; index++) {
        const text = textOf((index * 7_919) % Math.ceil(vectors / clusterSize), `q${index}`)
        const query: Memory.Query = { ...asked, text, limit: wanted, maxTokens: 1_000 }
        const [recalled, ours] = yield* timed(byIndex.recall(query))
        exactMilliseconds.push((yield* timed(exact.recall(query)))[1])
        const ids = new Set(recalled.map(({ id }) => id))
        rows.push(ids.size)
        found.push((yield* nearest(sql, text, condition)).filter(({ id }) => ids.has(id)).length)
        milliseconds.push(ours)
      }
      report({
        bench: "memory",
        case: "vectors",
        vectors,
        dimensions,
        filter,
        rows: Math.min(...rows),
        recall: found.reduce((sum, count) => sum + count, 0) / (wanted * queries),
        milliseconds: median(milliseconds),
        exactMilliseconds: median(exactMilliseconds),
        storedPerSecond: perSecond
      })
    }
  }).pipe(Effect.scoped)
