/**
 * Vectors of memories in the space of an embedder: stored after their memories, filled in for those
 * that have none, and asked for what is near.
 *
 * What an embedder has said of a text is not asked again while the tenant has a memory with that
 * text. A memory whose vector is missing, because the embedder failed or another process uses
 * another one, is found by its words, and has its vector once the space is filled.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as SqlFailure from "../SqlFailure.ts"
import * as Query from "./Query.ts"
import * as StoredMemory from "./StoredMemory.ts"

type Service = Embedder.Embedder["Service"]

/** Memories that are embedded and stored at once. */
const batchSize = 256
export interface Options {
  /** Among more vectors in the scopes that a query sees the index is asked. Default: 20,000. */
  readonly maxExact?: number | undefined
}

/** How far the filling of a space is. */
export interface Progress {
  /** `provider/model`. */
  readonly space: string
  /** Memories of all tenants that have a vector. */
  readonly filled: number
  readonly memories: number
}

export interface Spaces {
  readonly space: Embedder.Space
  /** Stores vectors of memories that are stored; by the embedder where the text is new. */
  readonly embed: (
    operation: string,
    memories: ReadonlyArray<{ readonly id: string; readonly text: string }>
  ) => Effect.Effect<void, Memory.MemoryError>
  /** What is near to a text, as far as the query sees it; `undefined`: the embedder failed. */
  readonly near: (operation: string, text: string, query: object) => Effect.Effect<Near | undefined, Memory.MemoryError>
  /** Gives a vector to all memories of all tenants that have none; can be stopped and run again. */
  readonly fill: Stream.Stream<Progress, Memory.MemoryError>
}

export interface Near {
  readonly cosines: ReadonlyMap<bigint, number>
  /** The cosines of other memories. */
  readonly of: (keys: ReadonlyArray<bigint>) => Effect.Effect<ReadonlyMap<bigint, number>, Memory.MemoryError>
}

/** As pgvector reads it. */
const textOf = (vector: Float32Array): string => `[${vector.join(",")}]`
const hasMeaning = (vector: Float32Array): boolean => vector.some((value) => value !== 0)
/** A text that the embedder knows nothing of is near to nothing: its cosine is no number. */
const cosinesOf = (rows: ReadonlyArray<{ readonly key: bigint; readonly cosine: number }>) =>
  new Map(rows.flatMap(({ cosine, key }) => (Number.isFinite(cosine) ? [[key, cosine] as const] : [])))

/** SQLSTATE of a function that does not exist. */
const undefinedFunction = "42883"

/** Of pgvector: older ones cannot filter while they scan an index. */
export const oldestExtension = "0.8"

/** Whether the database has vectors. */
export const areThere = (sql: SqlClient.SqlClient): Effect.Effect<boolean, Memory.MemoryError> =>
  sql.unsafe<{ readonly found: boolean }>("select to_regproc('crewline_memory_open_space') is not null as found").pipe(
    Effect.map(([row]) => row!.found),
    Effect.mapError(Query.failureOf("open"))
  )

/** The key of a space in the database, which makes it at first use. */
const keyOf = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  space: Embedder.Space
): Effect.fn.Return<number, Memory.MemoryError> {
  const [opened] = yield* sql
    .unsafe<{
      readonly key: number
      readonly dimensions: number
    }>("select * from crewline_memory_open_space($1, $2::int)", [space.name, space.dimensions])
    .pipe(
      Effect.mapError((error) =>
        SqlFailure.codeOf(error) === undefinedFunction
          ? failed(
              `This database cannot store vectors: install the extension pgvector ${oldestExtension} or newer.`,
              false
            )
          : Query.failureOf("open")(error)
      )
    )
  const { dimensions, key } = opened!
  if (dimensions !== space.dimensions)
    return yield* failed(
      `The space ${space.name} has vectors with ${dimensions} dimensions, but the embedder returns ${space.dimensions}: ` +
        "rename the embedder.",
      false
    )
  return key
})

/** Opens the space; fails where the database has no vectors, or vectors of another length. */
export const open = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  given: Service,
  { maxExact = 20_000 }: Options = {}
): Effect.fn.Return<Spaces, Memory.MemoryError> {
  const query = Query.make(sql)
  const { space } = given
  // What tenants store is not answered from what others have asked for.
  const { embed: ask } = Embedder.cached(given)
  const key = yield* keyOf(sql, space)

  const asked = (operation: string, texts: ReadonlyArray<string>) =>
    Effect.mapError(
      given.embed(texts),
      ({ isRetryable, message }) => new Memory.MemoryError({ operation, description: message, isRetryable })
    )

  const embed: Spaces["embed"] = Effect.fnUntraced(function* (operation, memories) {
    for (const batch of Arr.chunksOf(memories, batchSize)) {
      const rows = batch.map(({ id, text }) => ({ id, text, content: StoredMemory.hash(text) }))
      const known = new Set(
        (yield* query<{ readonly content: string }>(
          operation,
          "select c as content from crewline_memory_known_contents($1, $2::int, $3::text::jsonb) c",
          [key, rows.map(({ content }) => content)]
        )).map(({ content }) => content)
      )
      const missing = [
        ...new Map(rows.filter(({ content }) => !known.has(content)).map((row) => [row.content, row])).values()
      ]
      const vectors =
        missing.length === 0
          ? []
          : yield* asked(
              operation,
              missing.map(({ text }) => text)
            )
      const texts = new Map(missing.map(({ content }, index) => [content, textOf(vectors[index]!)]))
      yield* query(operation, "select crewline_memory_embed($1, $2::int, $3::text::jsonb)", [
        key,
        rows.map(({ content, id }) => ({ id, content, embedding: texts.get(content) ?? null }))
      ])
    }
  })

  const progress = Effect.map(
    sql.unsafe<{ readonly memories: bigint; readonly vectors: bigint }>(
      "select * from crewline_memory_filled($1::int)",
      [key]
    ),
    ([row]): Progress => ({ space: space.name, filled: Number(row!.vectors), memories: Number(row!.memories) })
  )

  /** The next memories without a vector, and how far the filling is after them. */
  const fillAfter = Effect.fnUntraced(function* (after: bigint) {
    const missing = yield* sql.unsafe<{ readonly key: bigint; readonly tenant: string; readonly id: string }>(
      "select * from crewline_memory_unembedded($1::int, $2::bigint, $3::int)",
      [key, String(after), batchSize]
    )
    for (const [tenant, rows] of Object.entries(Arr.groupBy(missing, ({ tenant }) => tenant))) {
      const texts = yield* Effect.provideService(
        query<StoredMemory.Row>("fill", "select * from crewline_memory_list($1, $2::text::jsonb, $3::int)", [
          { ids: rows.map(({ id }) => id) },
          batchSize
        ]),
        Tenant.Current,
        tenant
      )
      yield* Effect.provideService(embed("fill", texts.map(StoredMemory.entryOf)), Tenant.Current, tenant)
    }
    return missing.at(-1)?.key
  })

  return {
    space,
    embed,
    near: Effect.fnUntraced(function* (operation, text, asked) {
      const [vector] = yield* Effect.catch(ask([text]), ({ message }) =>
        Effect.as(Effect.logWarning(`Recalled by words alone: ${message}`), [])
      )
      if (vector === undefined || !hasMeaning(vector)) return undefined
      const value = textOf(vector)
      type Row = { readonly key: bigint; readonly cosine: number }
      const rows = yield* query<Row>(
        operation,
        "select * from crewline_memory_near($1, $2::text::jsonb, $3::int, $4)",
        [{ ...asked, exact: maxExact }, key, value]
      )
      return {
        cosines: cosinesOf(rows),
        of: (keys) =>
          keys.length === 0
            ? Effect.succeed(new Map())
            : Effect.map(
                query<Row>(operation, "select * from crewline_memory_cosines($1, $2::int, $3::text::jsonb, $4)", [
                  key,
                  keys.map(String),
                  value
                ]),
                cosinesOf
              )
      }
    }),
    fill: Stream.paginate(0n, (after: bigint) =>
      Effect.gen(function* () {
        const last = yield* fillAfter(after)
        if (last === undefined) yield* sql.unsafe("select crewline_memory_fill_space($1::int)", [key])
        return [[yield* progress], last === undefined ? Option.none<bigint>() : Option.some(last)] as const
      }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(Query.failureOf("fill")(error))))
    )
  }
})

const failed = (description: string, isRetryable: boolean) =>
  new Memory.MemoryError({ operation: "open", description, isRetryable })
