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
import * as PgConnection from "@effect/sql-pg/PgConnection"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as SqlClient from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as FirstReachable from "./Postgres/FirstReachable.ts"
import * as TlsOffer from "./Postgres/TlsOffer.ts"
import * as PostgresUrl from "./PostgresUrl.ts"

export interface Options {
  /** `postgres://user:password@host:port/database`. */
  readonly url: Redacted.Redacted
  /** Connections at most, one of them for notifications; default 10. */
  readonly maxConnections?: number | undefined
  /** The name of the connections on the server; default: that of the URL, otherwise `crewline`. */
  readonly applicationName?: string | undefined
  /** Initial settings of connections, such as the role. Poolers refuse or forget them. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /**
   * A pooler can use another session for each transaction: no statements are prepared, and no
   * channel is listened to.
   */
  readonly isPooled?: boolean | undefined
  /** Connections do not keep the process alive once they are open. Default: they do. */
  readonly unref?: boolean | undefined
}

/** An event may carry an output of many megabytes; the driver's own limit is 16. */
const maxMessageBytes = 256 * 1024 * 1024

/** Connects to the server of the URL. */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError> =>
  Layer.unwrap(
    Effect.map(configOf(options), (config) =>
      PgClient.layer({
        ...config,
        maxConnections: options.maxConnections ?? 10,
        // By the next statement, the session in which a statement was prepared may serve another
        // client.
        prepare: options.isPooled !== true
      })
    )
  )

/**
 * Whether the connection uses a pooler that can use another session for each transaction. Such a
 * pooler does not report the real process number of the session. A URL can set it explicitly
 * (`pgbouncer=true`, `pgbouncer=false`).
 */
export const isPooled = (options: Options): Effect.Effect<boolean, SqlError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const parsed = yield* read(options)
      if (parsed.isPooled !== undefined) return parsed.isPooled
      const connection = yield* PgConnection.make(yield* configOf(options))
      const [[pid] = []] = yield* connection.queryValues("select pg_backend_pid()", [], false)
      return pid !== connection.processId
    })
  )

const read = ({ url }: Options): Effect.Effect<PostgresUrl.Connection, SqlError> => {
  const parsed = PostgresUrl.parse(Redacted.value(url))
  return Result.isFailure(parsed) ? Effect.fail(invalid(parsed.failure)) : Effect.succeed(parsed.success)
}

const configOf = (options: Options): Effect.Effect<PgConnection.Config, SqlError> =>
  Effect.gen(function* () {
    const connection = yield* read(options)
    const { targets, tls } = connection
    const encrypts = tls !== false && (!tls.isOptional || (yield* TlsOffer.ask(targets)))
    const { connectTimeoutSeconds: seconds } = connection
    const config: PgConnection.Config = {
      ssl: encrypts ? tls.options : false,
      ...(connection.username !== undefined && { username: connection.username }),
      ...(connection.password !== undefined && { password: Redacted.make(connection.password) }),
      ...(connection.database !== undefined && { database: connection.database }),
      ...(connection.options !== undefined && { startupOptions: connection.options }),
      ...(seconds !== undefined && { connectTimeout: seconds === 0 ? Duration.infinity : Duration.seconds(seconds) }),
      applicationName: options.applicationName ?? connection.applicationName ?? "crewline",
      maxMessageSize: maxMessageBytes,
      ...(options.settings !== undefined && { startupParameters: options.settings })
    }
    const accepts = connection.isWritable ? (target: PostgresUrl.Target) => isWritable(config, target) : undefined
    return { ...config, ...placeOf(targets[0]), ...streamOf(targets, { unref: options.unref === true, accepts }) }
  })

const placeOf = ({ host, path, port }: PostgresUrl.Target): Pick<PgConnection.Config, "host" | "port" | "path"> => ({
  host,
  port,
  ...(path !== undefined && { path })
})

/** Queries the server on a separate connection, because a standby may have become the primary. */
const isWritable = (config: PgConnection.Config, target: PostgresUrl.Target): Promise<boolean> =>
  PgConnection.make({ ...config, ...placeOf(target) }).pipe(
    Effect.flatMap((connection) => connection.queryValues("show transaction_read_only", [], false)),
    Effect.scoped,
    Effect.match({ onFailure: () => false, onSuccess: (rows) => rows[0]?.[0] === "off" }),
    Effect.runPromise
  )

/** The driver's own stream is to one host, and keeps the process alive. */
const streamOf = (
  targets: PostgresUrl.Connection["targets"],
  { accepts, unref }: Required<FirstReachable.Options>
): { readonly stream?: () => Duplex } => {
  const [first, ...others] = targets
  if (others.length > 0 || accepts !== undefined) {
    return { stream: () => new FirstReachable.FirstReachable(targets, { unref, accepts }) }
  }
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
