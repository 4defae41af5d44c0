/**
 * A database for each server under test. Copying a migrated database of PostgreSQL uses 20 ms of
 * CPU; starting PGlite in memory uses 1.4 s and is left to machines without PostgreSQL.
 */
import * as Database from "@crewline/memory-pg/Database"
import * as Migrations from "@crewline/server/Migrations"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as PostgresServer from "../../../memory-pg/test/PostgresServer.ts"

export interface Fresh {
  readonly options: Database.Options
  readonly drop: () => Promise<void>
}

/** The files of a run share it; `globalSetup.ts` names and drops it. */
const template = process.env["CREWLINE_TEST_TEMPLATE"] ?? `crewline_test_template_${process.pid}`

const optionsOf = (name: string): Database.Options => {
  const url = new URL(PostgresServer.serverUrl)
  url.pathname = `/${name}`
  return PostgresServer.optionsOf(url)
}

/** Made under another name, so that nobody copies it half migrated. */
const makeTemplate = (sql: SqlClient.SqlClient) =>
  Effect.gen(function* () {
    const [existing] = yield* sql`select 1 from pg_database where datname = ${template}`
    if (existing !== undefined) return
    const unfinished = `${template}_unfinished`
    yield* sql.unsafe(`create database ${unfinished}`)
    yield* Effect.void.pipe(Effect.provide(Migrations.layer.pipe(Layer.provide(Database.layer(optionsOf(unfinished))))))
    yield* sql.unsafe(`alter database ${unfinished} rename to ${template}`)
  })

/** Two files may begin at the same moment: the second waits for the first. */
const ensureTemplate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.acquireUseRelease(
    sql`select pg_advisory_lock(hashtext(${template}))`,
    () => makeTemplate(sql),
    () => sql`select pg_advisory_unlock(hashtext(${template}))`
  )
}).pipe(
  Effect.provide(Postgres.layer({ url: Redacted.make(PostgresServer.serverUrl.href), maxConnections: 1 })),
  Effect.scoped
)

let ensured: Promise<void> | undefined

const copy = async (): Promise<Fresh> => {
  await (ensured ??= Effect.runPromise(ensureTemplate))
  const name = `crewline_test_${process.pid}_${Math.random().toString(36).slice(2)}`
  await Effect.runPromise(PostgresServer.administer(`create database ${name} template ${template}`))
  return {
    options: optionsOf(name),
    drop: async () => {
      await Effect.runPromise(PostgresServer.administer(`drop database ${name} with (force)`))
    }
  }
}

export const fresh = (): Promise<Fresh> =>
  PostgresServer.missing === undefined
    ? copy()
    : Promise.resolve({ options: { kind: "memory" }, drop: () => Promise.resolve() })
