/**
 * A PostgreSQL server by URL, with a pool. Provides Effect's `SqlClient`, and `PgClient` for LISTEN
 * and NOTIFY.
 *
 * Connections are opened as they are needed; a lost one is replaced at its next use, and the
 * statement that was under way fails as retryable. The URL may carry a password: it is `Redacted`,
 * and no error of this file repeats it.
 */
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { FirstReachable } from "./Postgres/FirstReachable.ts"
import * as TlsOffer from "./Postgres/TlsOffer.ts"
import * as PostgresUrl from "./PostgresUrl.ts"

export interface Options {
  /** `postgres://user:password@host:port/database`. */
  readonly url: Redacted.Redacted
  /** Connections at most, one of them for notifications; default 10. */
  readonly maxConnections?: number | undefined
  /** What the server lists the connections as; default `crewline`. */
  readonly applicationName?: string | undefined
  /** The role that connections act as; default: the user's own. */
  readonly role?: string | undefined
  /** Connections do not keep the process alive once they are open. Default: they do. */
  readonly unref?: boolean | undefined
}

/** An event may carry an output of many megabytes; the driver's own limit is 16. */
const maxMessageBytes = 256 * 1024 * 1024

/** Connects to the server of the URL. */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const parsed = PostgresUrl.parse(Redacted.value(options.url))
      if (Result.isFailure(parsed)) return yield* Effect.fail(invalid(parsed.failure))
      const connection = parsed.success
      const { targets, tls } = connection
      const [first] = targets
      const encrypts = tls !== false && (!tls.isOptional || (yield* TlsOffer.ask(targets)))
      const { connectTimeoutSeconds: seconds } = connection
      return PgClient.layer({
        host: first.host,
        port: first.port,
        ...(first.path !== undefined && { path: first.path }),
        ...streamOf(targets, options.unref === true),
        ssl: encrypts ? tls.options : false,
        ...(connection.username !== undefined && { username: connection.username }),
        ...(connection.password !== undefined && { password: Redacted.make(connection.password) }),
        ...(connection.database !== undefined && { database: connection.database }),
        ...(connection.options !== undefined && { startupOptions: connection.options }),
        ...(seconds !== undefined && { connectTimeout: seconds === 0 ? Duration.infinity : Duration.seconds(seconds) }),
        maxConnections: options.maxConnections ?? 10,
        applicationName: options.applicationName ?? "crewline",
        maxMessageSize: maxMessageBytes,
        ...(options.role !== undefined && { startupParameters: { role: options.role } })
      })
    })
  )

/** The driver's own stream is to one host, and keeps the process alive. */
const streamOf = (targets: PostgresUrl.Connection["targets"], unref: boolean): { readonly stream?: () => Duplex } => {
  const [first, ...others] = targets
  if (others.length > 0) return { stream: () => new FirstReachable(targets, { unref }) }
  if (!unref) return {}
  const { host, path, port } = first
  return { stream: () => (path === undefined ? connect({ host, port, noDelay: true }) : connect({ path })).unref() }
}

const invalid = (problem: string): SqlError => {
  const message = `The PostgreSQL URL is invalid: ${problem}.`
  return new SqlError({ reason: new ConnectionError({ cause: new Error(message), message, operation: "connect" }) })
}

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
