/** A pool of one connection: the log does not listen, and everything else works. */
import * as EventLog from "@crewline/core/EventLog"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as PostgresServer from "./PostgresServer.ts"

describe.skipIf(PostgresServer.missing !== undefined)("a pool of one connection", () => {
  it.live("executes statements of many callers while the log is open", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const database = Database.layer({ kind: "server", url: Redacted.make(url.href), maxConnections: 1 })
      const program = Effect.gen(function* () {
        yield* EventLog.EventLog
        const sql = yield* SqlClient.SqlClient
        // The listener of a larger pool has its connection by now.
        yield* Effect.sleep(200)
        return yield* Effect.forEach([1, 2, 3, 4], (n) => sql<{ n: number }>`select ${n}::int as n`, {
          concurrency: "unbounded"
        })
      })
      const rows = yield* program.pipe(
        Effect.provide(PgEventLog.layer.pipe(Layer.provideMerge(database))),
        Effect.timeout("15 seconds")
      )
      assert.deepStrictEqual(
        rows.map(([row]) => row?.n),
        [1, 2, 3, 4]
      )
    }).pipe(Effect.scoped)
  )
})
