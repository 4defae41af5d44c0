/**
 * Behind a pooler in transaction mode: sessions change from one transaction to the next, so that
 * nothing may be kept in one (prepared statements, LISTEN, roles, locks).
 */
import * as EventLog from "@crewline/core/EventLog"
import { EventLogContract } from "@crewline/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as Postgres from "../src/Postgres.ts"
import * as PgBouncer from "./PgBouncer.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PgBouncer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** A migrated database, and its URL through the pooler as a user that acts as the role. */
const pooled = Effect.gen(function* () {
  const url = yield* PostgresServer.emptyDatabase
  yield* Effect.void.pipe(Effect.provide(Layer.fresh(Database.layer(PostgresServer.optionsOf(url)))))
  return { url, through: yield* PgBouncer.through(url, yield* PostgresServer.user) }
})

const layer = Layer.unwrap(
  Effect.map(pooled, ({ through }) =>
    PgEventLog.layer.pipe(Layer.provide(Database.layer(PostgresServer.optionsOf(through))))
  )
)

describe.skipIf(missing !== undefined)(missing ?? "behind a pooler in transaction mode", () => {
  // A minute of it; the other tests have what a pooler changes.
  if (process.env["POOLER_CONTRACT"] !== undefined) EventLogContract.suite("PgEventLog behind a pooler", layer)

  it.live(
    "no statement is missed in a transaction, no role is lost, and the pooler is noticed",
    () =>
      Effect.gen(function* () {
        const { through, url } = yield* pooled
        const options = { url: Redacted.make(through.href), maxConnections: 8 }
        assert.isTrue(yield* Postgres.isPooled(options))
        assert.isFalse(yield* Postgres.isPooled({ url: Redacted.make(url.href) }))
        const said = new URL(through)
        said.searchParams.set("pgbouncer", "false")
        assert.isFalse(yield* Postgres.isPooled({ url: Redacted.make(said.href) }))
        const rows = yield* Effect.gen(function* () {
          yield* EventLog.EventLog
          const sql = yield* SqlClient.SqlClient
          const one = (n: number) =>
            sql.withTransaction(
              Effect.andThen(
                sql`select 1`,
                sql<{ n: number; confined: boolean }>`
                select ${n}::int as n, row_security_active('crewline_execution') as confined`
              )
            )
          return yield* Effect.forEach(
            Array.from({ length: 60 }, (_, index) => index),
            one,
            { concurrency: 8 }
          )
        }).pipe(
          Effect.provide(PgEventLog.layer.pipe(Layer.provideMerge(Database.layer({ kind: "server", ...options }))))
        )
        assert.deepStrictEqual(
          rows.flat().map(({ confined, n }) => (confined ? n : -1)),
          Array.from({ length: 60 }, (_, index) => index)
        )
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "an owner, who would not be confined there, is refused and told what to do",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        const through = yield* PgBouncer.through(url, url.username)
        const error = yield* Effect.flip(
          Effect.void.pipe(Effect.provide(Database.layer(PostgresServer.optionsOf(through))))
        )
        assert.strictEqual(error._tag, "NotConfined")
        assert.include(error.message, "alter role")
        // It has migrated all the same, any number of processes at once.
        const again = Effect.flip(
          Effect.void.pipe(Effect.provide(Layer.fresh(Database.layer(PostgresServer.optionsOf(through)))))
        )
        const tags = yield* Effect.forEach([1, 2, 3, 4], () => Effect.map(again, ({ _tag }) => _tag), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([...new Set(tags)], ["NotConfined"])
      }).pipe(Effect.scoped),
    60_000
  )
})
