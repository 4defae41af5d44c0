import { PGlite } from "@electric-sql/pglite"
import { vector } from "@electric-sql/pglite-pgvector"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as EmptyDatabase from "./EmptyDatabase.ts"
import { asOwner } from "./Owner.ts"

const choose = (env: Record<string, string>) =>
  Effect.provideService(Database.config, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

describe("Database", () => {
  it.effect("is a server if there is a URL, otherwise embedded in a directory", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* choose({}), { kind: "embedded", directory: ".crewline" })
      assert.deepStrictEqual(yield* choose({ CREWLINE_DATA: "/data" }), { kind: "embedded", directory: "/data" })
      assert.deepStrictEqual(yield* choose({ DATABASE_URL: "" }), { kind: "embedded", directory: ".crewline" })
      const url = "postgres://user:secret@host/database"
      const server = yield* choose({ DATABASE_URL: url, CREWLINE_DATA: "/data" })
      assert.strictEqual(server.kind, "server")
      if (server.kind !== "server") return
      assert.strictEqual(Redacted.value(server.url), url)
      assert.strictEqual(server.maxConnections, 10)
      assert.notInclude(JSON.stringify(server), "secret")
    })
  )

  it.effect("an invalid URL is reported by the name of its variable, without its value", () =>
    Effect.gen(function* () {
      for (const url of ["garbage", "mysql://user:secret@host/database", "postgres://", "postgres://[secret"]) {
        const error = yield* Effect.flip(choose({ DATABASE_URL: url }))
        assert.include(error.cause.message, "Invalid DATABASE_URL")
        assert.notInclude(error.cause.message, "secret")
      }
    })
  )

  it.effect("a pool has at least one connection, and an unsupported URL is refused with a reason", () =>
    Effect.gen(function* () {
      const url = "postgres://user:secret@host/database"
      for (const most of ["0", "-1", "-10"]) {
        const error = yield* Effect.flip(choose({ DATABASE_URL: url, DATABASE_MAX_CONNECTIONS: most }))
        assert.include(error.cause.message, `DATABASE_MAX_CONNECTIONS=${most}: expected 1 or more`)
      }
      for (const most of ["1.5", "many"])
        yield* Effect.flip(choose({ DATABASE_URL: url, DATABASE_MAX_CONNECTIONS: most }))
      const one = yield* choose({ DATABASE_URL: url, DATABASE_MAX_CONNECTIONS: "1" })
      assert.strictEqual(one.kind === "server" ? one.maxConnections : 0, 1)
      const error = yield* Effect.flip(choose({ DATABASE_URL: `${url}?sslmode=secure` }))
      assert.include(error.cause.message, "sslmode=secure is invalid")
      assert.notInclude(error.cause.message, "secret")
    })
  )

  it.live("an unreachable server fails without disclosing the password", () =>
    Effect.gen(function* () {
      // A name may have several addresses: their errors are then combined in one without a message.
      for (const host of ["127.0.0.1", "localhost"]) {
        const layer = Database.layer({
          kind: "server",
          url: Redacted.make(`postgres://user:secret@${host}:1/database`)
        })
        const error = yield* Effect.flip(Effect.provide(Database.Database, layer))
        assert.include(error.message, "The database could not be opened: connect ECONNREFUSED 127.0.0.1:1")
        assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "secret")
      }
    })
  )

  it.live("a database in memory starts from the dump, migrated", () =>
    Effect.gen(function* () {
      const loadDataDir = yield* Effect.promise(async () => {
        const database = await PGlite.create({ extensions: { vector }, loadDataDir: await EmptyDatabase.dump() })
        await database.exec("create table kept as select 'it' as what")
        const dump = await database.dumpDataDir("none")
        await database.close()
        return dump
      })
      const rows = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        asOwner(sql`select what, (select count(*) from crewline_execution)::int as executions from kept`)
      )
      assert.deepStrictEqual(yield* Effect.provide(rows, Database.layer({ kind: "memory", loadDataDir })), [
        { what: "it", executions: 0 }
      ])
    })
  )
})
