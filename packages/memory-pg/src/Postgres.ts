/**
 * A PostgreSQL server by URL, with a pool. Provides Effect's `SqlClient`, and `PgClient` for LISTEN
 * and NOTIFY.
 *
 * Connections are opened as they are needed; a lost one is replaced at its next use, and the
 * statement that was under way fails as retryable. The URL may carry a password: it is `Redacted`,
 * and no error of this file repeats it.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

export interface Options {
  /** `postgres://user:password@host:port/database`. */
  readonly url: Redacted.Redacted
  /** Connections at most, one of them for notifications; default 10. */
  readonly maxConnections?: number | undefined
  /** What the server lists the connections as; default `crewline`. */
  readonly applicationName?: string | undefined
  /** The role that connections act as; default: the user's own. */
  readonly role?: string | undefined
}

/** An event may carry an output of many megabytes; the driver's own limit is 16. */
const maxMessageBytes = 256 * 1024 * 1024

/** Connects to the server of the URL. */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError> =>
  PgClient.layer({
    url: options.url,
    maxConnections: options.maxConnections ?? 10,
    applicationName: options.applicationName ?? "crewline",
    maxMessageSize: maxMessageBytes,
    ...(options.role !== undefined && { startupParameters: { role: options.role } })
  })

/** Reads `DATABASE_URL` and, when set, `DATABASE_MAX_CONNECTIONS`. */
export const layerConfig: Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError | Config.ConfigError> =
  Layer.unwrap(
    Effect.map(
      Config.all({
        url: Config.Redacted("DATABASE_URL"),
        maxConnections: Config.withDefault(Config.Int("DATABASE_MAX_CONNECTIONS"), 10)
      }),
      layer
    )
  )
