/** The users of PostgreSQL that Crewline can work as, and the errors for others. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as Postgres from "../src/Postgres.ts"
import * as RowSecurity from "../src/RowSecurity.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const { administer } = PostgresServer

/** A user of the server. */
const userWith = (attributes: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = `crewline_test_user_${process.pid}_${Math.random().toString(36).slice(2)}`
      return Effect.as(administer(`create role ${name} login ${attributes}`), name)
    }),
    (name) => administer(`drop role ${name}`)
  )

const as = (url: URL, user: string) => {
  const own = new URL(url)
  own.username = user
  return own
}

const open = (url: URL) => Layer.build(Layer.fresh(Database.layer(PostgresServer.optionsOf(url))))

const onServer = (url: URL, text: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(text)).pipe(
    Effect.provide(Layer.fresh(Postgres.layer({ url: Redacted.make(url.href), maxConnections: 1 })))
  )

describe.skipIf(missing !== undefined)(missing ?? "Row security", () => {
  it.live("an owner that is not a superuser must be a member of the role, and gets that error", () =>
    Effect.gen(function* () {
      const user = yield* userWith("")
      const url = yield* PostgresServer.emptyDatabase
      yield* onServer(url, `grant create on schema public to ${user}`)
      const refused = yield* Effect.flip(Effect.scoped(open(as(url, user))))
      assert.include(refused.message, `grant ${RowSecurity.role} to <that user>`)
      yield* administer(`grant ${RowSecurity.role} to ${user}`)
      yield* Effect.scoped(open(as(url, user)))
      yield* Effect.scoped(open(as(url, user)))
      yield* onServer(url, `reassign owned by ${user} to current_user`)
      yield* onServer(url, `drop owned by ${user}`)
    }).pipe(Effect.scoped)
  )

  it.live("an administrator of roles joins the role automatically", () =>
    Effect.gen(function* () {
      const user = yield* userWith("createrole")
      const url = yield* PostgresServer.emptyDatabase
      yield* onServer(url, `grant create on schema public to ${user}`)
      yield* Effect.scoped(open(as(url, user)))
      yield* onServer(url, `reassign owned by ${user} to current_user`)
      yield* onServer(url, `drop owned by ${user}`)
    }).pipe(Effect.scoped)
  )

  it.live("a user that may only act as the role is confined, whatever role its connection uses", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const user = yield* PostgresServer.user
      yield* Effect.scoped(open(url))
      yield* onServer(
        url,
        "insert into crewline_gone (tenant, id, key, ended_at, gone_at) values ('t', 'x', 1, now(), now())"
      )
      const text = "select count(*)::int as n from crewline_gone"
      assert.deepStrictEqual(yield* onServer(url, text), [{ n: 1 }])
      const confined = (setting: string) =>
        Effect.flatMap(SqlClient.SqlClient, (sql) =>
          sql.withTransaction(Effect.andThen(sql.unsafe(setting), sql.unsafe(text)))
        ).pipe(
          Effect.provide(Layer.fresh(Postgres.layer({ url: Redacted.make(as(url, user).href), maxConnections: 1 })))
        )
      for (const setting of ["reset role", "set role none", "set local crewline.tenant = 'other'"])
        assert.deepStrictEqual(yield* confined(setting), [{ n: 0 }], setting)
      for (const setting of ["set role postgres", "set session authorization postgres", "set row_security = off"])
        assert.strictEqual((yield* Effect.exit(confined(setting)))._tag, "Failure", setting)
    }).pipe(Effect.scoped)
  )

  it.live("a database that would bypass row security is refused", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      yield* Effect.scoped(open(url))
      yield* onServer(url, `alter table crewline_execution owner to ${RowSecurity.role}`)
      const refused = yield* Effect.flip(Effect.scoped(open(url)))
      assert.strictEqual(refused._tag, "NotConfined")
      assert.include(refused.message, `alter role <user> set role = ${RowSecurity.role}`)
    }).pipe(Effect.scoped)
  )
})
