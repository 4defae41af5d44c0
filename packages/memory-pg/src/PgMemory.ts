/**
 * The memory in PostgreSQL, on a server or embedded: `Memory` over any `SqlClient` whose database
 * is migrated. Nothing else is needed: it recalls by words, and finds what the memory in process
 * finds (`Memory.layerLocal`), because both rank by the same module.
 *
 * - Durable on return: what `remember` answered is committed. A call is stored whole or not at all,
 *   and calls that arrive while a statement is running share the next one.
 * - Writers of one scope are one after the other, whatever the number of processes; those of
 *   different scopes do not wait for each other. Scopes are locked in one order: no deadlock.
 * - Every query is confined to `Tenant.Current`, and by row security to the tenant that its
 *   statement names. The index of words is looked up by equality alone: other operators could use
 *   no index under row security.
 * - A query reads rows of its terms in the scopes that it sees, at most 20,000 of them but for a
 *   term that has more; what other scopes and tenants hold costs it nothing.
 * - What is forgotten is deleted from every table. Keys stay, as hashes: what was erased is not
 *   remembered again by a repetition.
 *
 * Inside a transaction of the same `SqlClient`, operations join it.
 *
 * @see Migrations/Sql/memory.sql for the tables, and the folder beside it for the functions
 */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Finder from "./PgMemory/Finder.ts"
import * as Knowing from "./PgMemory/Knowing.ts"
import * as Lister from "./PgMemory/Lister.ts"
import * as Query from "./PgMemory/Query.ts"
import * as StoredMemory from "./PgMemory/StoredMemory.ts"
import * as Writer from "./PgMemory/Writer.ts"

/** Makes the memory over the current `SqlClient`; its writers live as long as the scope. */
export const make: Effect.Effect<Memory.Memory["Service"], never, SqlClient.SqlClient | Scope.Scope> = Effect.gen(
  function* () {
    const sql = yield* SqlClient.SqlClient
    const query = Query.make(sql)
    const rerank = yield* Memory.Reranking.make
    const find = Finder.make(query)
    const lister = Lister.make(query)
    return Memory.Memory.of({
      ...(yield* Writer.make(sql, query)),
      ...lister,
      ...Knowing.make(query),
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
  }
)

/** The memory over a migrated database, by words. */
export const layer: Layer.Layer<Memory.Memory, never, SqlClient.SqlClient> = Layer.effect(Memory.Memory, make)
