/**
 * The memory in PostgreSQL, on a server or embedded: `Memory` over any `SqlClient` whose database
 * is migrated. Nothing else is required: it recalls by words, and returns the same results as the
 * in-process memory (`Memory.layerLocal`), because both rank with the same module.
 *
 * - Durable on return: when `remember` returns, its entries are committed. A call is stored
 *   completely or not at all, and calls that arrive while a statement is running share the next
 *   statement.
 * - Writes to one scope are serialized across processes; writes to different scopes do not wait for
 *   each other. A fixed lock order prevents deadlock.
 * - Every query is confined to `Tenant.Current`, and by row security to the tenant that its
 *   statement names. The word index is queried only by equality, because other operators cannot use
 *   an index with row security.
 * - A query reads the rows of its terms in the visible scopes, at most 20,000, except for a single
 *   term with more rows. Memories of other scopes and tenants do not affect its cost.
 * - Forgotten memories are deleted from every table. Their keys are kept as hashes, so that
 *   repeating a call does not store an erased memory again.
 *
 * Inside a transaction of the same `SqlClient`, operations join it.
 *
 * @see Migrations/Sql/memory.sql for the tables, and the folder beside it for the functions
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Finder from "./PgMemory/Finder.ts"
import * as Knowing from "./PgMemory/Knowing.ts"
import * as Lister from "./PgMemory/Lister.ts"
import * as Query from "./PgMemory/Query.ts"
import * as Spaces from "./PgMemory/Spaces.ts"
import * as StoredMemory from "./PgMemory/StoredMemory.ts"
import * as Writer from "./PgMemory/Writer.ts"

/** The interval between checks for memories without a vector. */
const fillPause = "1 minute"

/** Makes the memory over the current `SqlClient`; its writers run until the scope closes. */
export const make = (
  spaces?: Spaces.Spaces
): Effect.Effect<Memory.Memory["Service"], never, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const query = Query.make(sql)
    const rerank = yield* Memory.Reranking.make
    const find = Finder.make(query, spaces)
    const lister = Lister.make(query)
    const writer = yield* Writer.make(sql, query)
    return Memory.Memory.of({
      ...(spaces === undefined ? writer : embedding(writer, spaces)),
      ...lister,
      ...Knowing.make(query, spaces),
      recall: Effect.fnUntraced(function* (asked) {
        yield* Memory.Checking.query("recall", asked)
        const { ranked } = yield* find("recall", asked)
        const recalled = Memory.Ranking.select(yield* rerank(asked.text, ranked), asked).map((each) =>
          Memory.Explaining.recalledOf(StoredMemory.entryOf(each.memory), each, asked)
        )
        const { execution } = asked.scope
        if (execution !== undefined && asked.readOnly !== true && recalled.length > 0)
          yield* query("recall", "select crewline_memory_note_quotes($1, $2, $3::text::jsonb)", [
            execution.toWellFormed(),
            recalled.map(({ id }) => id)
          ])
        return recalled
      }),
      explain: Effect.fnUntraced(function* (asked, id) {
        yield* Memory.Checking.query("explain", asked)
        const { key } = yield* lister.row("explain", id)
        const { ranked, terms } = yield* find("explain", asked, [String(key)])
        return Memory.Explaining.explanationOf(id, {
          ranked: yield* rerank(asked.text, ranked),
          terms: terms.get(key) ?? [],
          isSeen: terms.has(key)
        })
      })
    })
  })

/** Vectors are stored after their memories; a missing vector is added later. */
const embedding = ({ import: importAll, remember }: Writer.Writer, spaces: Spaces.Spaces): Writer.Writer => {
  const embed = (operation: string, memories: ReadonlyArray<{ readonly id: string; readonly text: string }>) =>
    Effect.catch(spaces.embed(operation, memories), ({ message }) =>
      Effect.logWarning(`Stored without vectors, which are filled in later: ${message}`)
    )
  return {
    remember: (entries) =>
      Effect.tap(remember(entries), (receipts) =>
        embed(
          "remember",
          receipts.flatMap((receipt, index) =>
            receipt._tag === "Stored" ? [{ id: receipt.id, text: entries[index]!.text.toWellFormed() }] : []
          )
        )
      ),
    import: (exported) =>
      Effect.tap(importAll(exported), () =>
        embed(
          "import",
          exported.map(({ entry: { id, text } }) => ({ id, text }))
        )
      )
  }
}

/** The memory over a migrated database; recalls by words. */
export const layer: Layer.Layer<Memory.Memory, never, SqlClient.SqlClient> = Layer.effect(Memory.Memory, make())

export type VectorOptions = Spaces.Options

/**
 * The memory over a database with `Migrations.migrateVectors`; recalls by words and by meaning.
 * While the layer is running, it adds the vectors of memories that were stored without the
 * embedder.
 */
export const layerEmbedded = (
  options: VectorOptions = {}
): Layer.Layer<Memory.Memory, Memory.MemoryError, SqlClient.SqlClient | Embedder.Embedder> =>
  Layer.effect(
    Memory.Memory,
    Effect.gen(function* () {
      const embedder = yield* Embedder.Embedder
      if (!embedder.space.isSemantic) return yield* make()
      const spaces = yield* Spaces.open(yield* SqlClient.SqlClient, embedder, options)
      yield* Stream.runDrain(spaces.fill).pipe(
        Effect.catchCause((cause) => Effect.logWarning("Failed to add missing vectors of memories; will retry", cause)),
        Effect.repeat(Schedule.spaced(fillPause)),
        Effect.forkScoped
      )
      return yield* make(spaces)
    })
  )

/**
 * The memory with this embedder, if the database supports vectors; otherwise it recalls by words,
 * and logs a warning. `undefined`: recalls by words.
 */
export const layerWith = (
  embedder: Embedder.Embedder["Service"] | undefined,
  options: VectorOptions = {}
): Layer.Layer<Memory.Memory, Memory.MemoryError, SqlClient.SqlClient> => {
  if (embedder === undefined) return layer
  const { isSemantic, name } = embedder.space
  return Layer.unwrap(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      if (!isSemantic || (yield* Spaces.areThere(sql)))
        return Layer.provide(layerEmbedded(options), Layer.succeed(Embedder.Embedder, embedder))
      yield* Effect.logWarning(
        `Memory recalls by words only, because the database cannot store the vectors of ${name}. Install the ` +
          `extension pgvector ${Spaces.oldestExtension} or newer, and restart.`
      )
      return layer
    })
  )
}

const tenantPage = 100

/** Tenants that have or had memories, in order; for operations on each of them, such as `purge`. */
export const tenants: Stream.Stream<string, Memory.MemoryError, SqlClient.SqlClient> = Stream.unwrap(
  Effect.map(SqlClient.SqlClient, (sql) =>
    Stream.paginate("", (after: string) =>
      sql
        .unsafe<{ readonly tenant: string }>("select * from crewline_memory_tenants($1, $2::int)", [after, tenantPage])
        .pipe(
          Effect.mapError(Query.failureOf("purge")),
          Effect.map((rows) => {
            const names = rows.map(({ tenant }) => tenant)
            return [names, names.length < tenantPage ? Option.none() : Option.some(names.at(-1)!)] as const
          })
        )
    )
  )
)

/** The progress of a change of the embedder. */
export type Progress = Spaces.Progress

/**
 * Changes the embedder: fills its space with vectors of all memories of all tenants, while other
 * processes keep using their space. It can be stopped and run again at any time, and continues with
 * the missing vectors. When it has completed, start processes with the new embedder.
 */
export const migrate = (
  embedder: Embedder.Embedder["Service"],
  options: Pick<VectorOptions, "embedderOf"> = {}
): Stream.Stream<Progress, Memory.MemoryError, SqlClient.SqlClient> =>
  Stream.unwrap(
    Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.map(Spaces.open(sql, embedder, options), ({ fill }) => fill))
  )

/** The spaces in the database, in the order of their creation. */
export const spaces: Effect.Effect<ReadonlyArray<Space>, Memory.MemoryError, SqlClient.SqlClient> = Effect.flatMap(
  SqlClient.SqlClient,
  Spaces.list
)

export type Space = Spaces.Listed

/**
 * Deletes the space of an embedder with its vectors; false: no space has this name. Processes that
 * still use it recall by words.
 */
export const dropSpace = (name: string): Effect.Effect<boolean, Memory.MemoryError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Spaces.drop(sql, name))
