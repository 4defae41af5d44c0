/**
 * The real PostgreSQL server for integration tests: `TEST_DATABASE_URL`, otherwise the default port
 * of this machine. Each layer gets a separate database, which is dropped afterwards.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as Postgres from "../src/Postgres.ts"
import * as RowSecurity from "../src/RowSecurity.ts"

export const serverUrl = new URL(process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres")

const admin = Postgres.layer({ url: Redacted.make(serverUrl.href), maxConnections: 1 })

/** Why no server is available, or undefined. */
export const missing: string | undefined = await Effect.runPromise(
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1`).pipe(
    Effect.provide(admin),
    Effect.timeout("5 seconds"),
    Effect.match({
      onFailure: (error) => `no PostgreSQL at ${serverUrl.host}: ${error.message}`,
      onSuccess: () => undefined
    })
  )
)

/** Runs SQL on the server itself. */
export const administer = (text: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(text)).pipe(Effect.provide(admin), Effect.orDie)

/** Why there are no vectors on the server, or undefined. */
export const missingVectors: string | undefined =
  missing ??
  ((await Effect.runPromise(administer("select from pg_available_extensions where name = 'vector'"))).length === 0
    ? "no pgvector: npm run services -- pgvector"
    : undefined)

/** The URL of a new, empty database that is dropped with the scope. */
export const emptyDatabase = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `crewline_test_${process.pid}_${Math.random().toString(36).slice(2)}`
    return Effect.as(administer(`create database ${name}`), name)
  }),
  (name) => administer(`drop database if exists ${name} with (force)`)
).pipe(
  Effect.map((name) => {
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    return url
  })
)

/** A user that may only act as the role of Crewline, and does so from the start. */
export const user = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `crewline_test_user_${process.pid}_${Math.random().toString(36).slice(2)}`
    const make = [
      `create role ${name} login`,
      `grant ${RowSecurity.role} to ${name}`,
      `alter role ${name} set role = ${RowSecurity.role}`
    ]
    return Effect.as(
      Effect.forEach(make, (text) => administer(text)),
      name
    )
  }),
  (name) => administer(`drop role ${name}`)
)

export const optionsOf = (url: URL): Database.Options => ({ kind: "server", url: Redacted.make(url.href) })

/** The URL of a new database for such a user; migrated by the owner, which this user may not. */
export const confined = Effect.fnUntraced(function* (options: { readonly vectors?: boolean } = {}) {
  const name = yield* user
  const url = yield* emptyDatabase
  yield* Effect.provide(Effect.void, Layer.fresh(Database.layer({ ...optionsOf(url), ...options })))
  url.username = name
  return url
})

/** A new database, migrated. */
export const layer: Layer.Layer<SqlClient.SqlClient | Database.Database, Database.Failure> = Layer.unwrap(
  Effect.map(emptyDatabase, (url) => Database.layer(optionsOf(url)))
)
