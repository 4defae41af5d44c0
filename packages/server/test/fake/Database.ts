/** The PostgreSQL server for tests, and waiting for conditions. */
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { setTimeout as sleep } from "node:timers/promises"
import * as PostgresServer from "../../../memory-pg/test/PostgresServer.ts"

export { missing } from "../../../memory-pg/test/PostgresServer.ts"

/** The address of one of its databases. */
export const urlOf = (name: string): string => {
  const url = new URL(PostgresServer.serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Runs a statement on a separate connection. */
export const sqlOn = (url: string, statement: string) =>
  Effect.runPromise(
    Effect.flatMap(SqlClient.SqlClient, (client) => client.unsafe(statement)).pipe(
      Effect.provide(Postgres.layer({ url: Redacted.make(url) }))
    )
  )

export const sql = (statement: string) => sqlOn(PostgresServer.serverUrl.href, statement)

/** Checks ten times a second; fails if the condition does not hold in time. */
export const until = async (what: string, holds: () => Promise<boolean>, seconds = 30): Promise<void> => {
  for (const end = performance.now() + seconds * 1_000; !(await holds()); await sleep(100)) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
  }
}
