/**
 * The database as its owner sees it: rows of every tenant. The code under test acts as a role that
 * sees those of one.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** Runs statements in a transaction of the connection's user, whatever role it acts as. */
export const asOwner = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R | SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.withTransaction(Effect.andThen(sql`select set_config('role', 'none', true)`, effect))
  )

/** Statements of the owner over this client. */
export const ownerOf =
  (sql: SqlClient.SqlClient) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, Exclude<R, SqlClient.SqlClient>> =>
    Effect.provideService(asOwner(effect), SqlClient.SqlClient, sql)
