/**
 * Vectors of memories in the space of an embedder: stores them after their memories, adds missing
 * ones, and finds the nearest.
 *
 * A text is not embedded again while the tenant has a memory with that text. A memory without a
 * vector, because the embedder failed or another process uses a different one, is found by its
 * words until the space is filled.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Stream from "effect/Stream"
import * as SqlFailure from "../SqlFailure.ts"
import * as Filling from "./Filling.ts"
import * as Query from "./Query.ts"
import * as StoredMemory from "./StoredMemory.ts"

type Service = Embedder.Embedder["Service"]

export interface Options {
  /** Among more vectors in the scopes that a query sees the index is asked. Default: 20,000. */
  readonly maxExact?: number | undefined
  /**
   * The embedder that serves the current tenant, of the same space; `undefined`: none, and its
   * memories are recalled by words. Default: the one of the space serves all tenants.
   */
  readonly embedderOf?: Effect.Effect<Service | undefined, Embedder.EmbedderError> | undefined
}

export type Progress = Filling.Progress

/** A space as it is listed. */
export interface Listed {
  /** `provider/model`. */
  readonly name: string
  readonly dimensions: number
  /** Memories of all tenants that have a vector. */
  readonly vectors: number
  /** Whether all memories had one at some time. */
  readonly isFilled: boolean
}

export interface Spaces {
  readonly space: Embedder.Space
  /** Whether an embedder serves the current tenant. */
  readonly isServed: (operation: string) => Effect.Effect<boolean, Memory.MemoryError>
  /** Stores vectors of stored memories; calls the embedder only for new texts. */
  readonly embed: (
    operation: string,
    memories: ReadonlyArray<{ readonly id: string; readonly text: string }>
  ) => Effect.Effect<void, Memory.MemoryError>
  /** The visible memories nearest to a text; `undefined`: the embedder failed. */
  readonly near: (operation: string, text: string, query: object) => Effect.Effect<Near | undefined, Memory.MemoryError>
  /** Adds the missing vectors of all memories of all tenants; can be stopped and run again. */
  readonly fill: Stream.Stream<Progress, Memory.MemoryError>
}

export interface Near {
  readonly cosines: ReadonlyMap<bigint, number>
  /** The cosines of other memories. */
  readonly of: (keys: ReadonlyArray<bigint>) => Effect.Effect<ReadonlyMap<bigint, number>, Memory.MemoryError>
}

/** The format of pgvector. */
const textOf = (vector: Float32Array): string => `[${vector.join(",")}]`
const hasMeaning = (vector: Float32Array): boolean => vector.some((value) => value !== 0)
/** A text without a meaningful vector is near to nothing: its cosine is NaN. */
const cosinesOf = (rows: ReadonlyArray<{ readonly key: bigint; readonly cosine: number }>) =>
  new Map(rows.flatMap(({ cosine, key }) => (Number.isFinite(cosine) ? [[key, cosine] as const] : [])))

/** SQLSTATE of a function that does not exist. */
const undefinedFunction = "42883"

/** The oldest supported version of pgvector: earlier ones cannot filter during an index scan. */
export const oldestExtension = "0.8"

/** Whether the database supports vectors. */
export const areThere = (sql: SqlClient.SqlClient): Effect.Effect<boolean, Memory.MemoryError> =>
  sql.unsafe<{ readonly found: boolean }>("select to_regproc('crewline_memory_open_space') is not null as found").pipe(
    Effect.map(([row]) => row!.found),
    Effect.mapError(Query.failureOf("open"))
  )

/** All spaces of the database, in the order in which they were made. */
export const list = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient
): Effect.fn.Return<ReadonlyArray<Listed>, Memory.MemoryError> {
  if (!(yield* areThere(sql))) return []
  const rows = yield* Effect.mapError(
    sql.unsafe<{
      readonly name: string
      readonly dimensions: number
      readonly filled: boolean
      readonly vectors: bigint
    }>("select * from crewline_memory_spaces()"),
    Query.failureOf("list")
  )
  return rows.map(({ filled, vectors, ...space }) => ({ ...space, vectors: Number(vectors), isFilled: filled }))
})

/** Deletes a space with its vectors; false if no space has this name. */
export const drop = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  name: string
): Effect.fn.Return<boolean, Memory.MemoryError> {
  if (!(yield* areThere(sql))) return false
  const [row] = yield* Effect.mapError(
    sql.unsafe<{ readonly dropped: boolean }>("select crewline_memory_drop_space($1) as dropped", [name]),
    Query.failureOf("drop")
  )
  return row!.dropped
})

/** The key of a space in the database, which creates the space at first use. */
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

/** A cache of what was asked for last, for each embedder: tenants may have their own. */
const caching = () => {
  const caches = new WeakMap<Service, Service>()
  return (embedder: Service): Service => {
    const known = caches.get(embedder) ?? Embedder.cached(embedder)
    caches.set(embedder, known)
    return known
  }
}

/**
 * Opens the space; fails if the database does not support vectors, or if the space has vectors of
 * another length.
 */
export const open = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  given: Service,
  { embedderOf = Effect.succeed(given), maxExact = 20_000 }: Options = {}
): Effect.fn.Return<Spaces, Memory.MemoryError> {
  const query = Query.make(sql)
  const { space } = given
  // Vectors of one tenant are never taken from requests of another.
  const cached = caching()
  const key = yield* keyOf(sql, space)

  const embedBy = Effect.fnUntraced(function* (
    embedder: Service,
    operation: string,
    memories: ReadonlyArray<{ readonly id: string; readonly text: string }>
  ) {
    for (const batch of Arr.chunksOf(memories, Filling.batchSize)) {
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
          : yield* Effect.mapError(embedder.embed(missing.map(({ text }) => text)), Filling.failureOf(operation))
      const texts = new Map(missing.map(({ content }, index) => [content, textOf(vectors[index]!)]))
      yield* query(operation, "select crewline_memory_embed($1, $2::int, $3::text::jsonb)", [
        key,
        rows.map(({ content, id }) => ({ id, content, embedding: texts.get(content) ?? null }))
      ])
    }
  })

  return {
    space,
    isServed: (operation) =>
      Effect.map(Effect.mapError(embedderOf, Filling.failureOf(operation)), (embedder) => embedder !== undefined),
    embed: Effect.fnUntraced(function* (operation, memories) {
      if (memories.length === 0) return
      const embedder = yield* Effect.mapError(embedderOf, Filling.failureOf(operation))
      if (embedder !== undefined) yield* embedBy(embedder, operation, memories)
    }),
    near: Effect.fnUntraced(function* (operation, text, asked) {
      const [vector] = yield* Effect.flatMap(embedderOf, (embedder) =>
        embedder === undefined ? Effect.succeed([]) : cached(embedder).embed([text])
      ).pipe(Effect.catch(({ message }) => Effect.as(Effect.logWarning(`Recalled by words alone: ${message}`), [])))
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
    fill: Filling.make({ sql, key, given, embedderOf, embed: embedBy })
  }
})

const failed = (description: string, isRetryable: boolean) =>
  new Memory.MemoryError({ operation: "open", description, isRetryable })
