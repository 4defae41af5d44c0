/**
 * The database that the configuration names: a PostgreSQL server when `DATABASE_URL` is set, else one embedded in this process, in
 * the directory `CREWLINE_DATA` (default `.crewline`). Both come migrated.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Migrations from "./Migrations.ts"
import * as Pglite from "./Pglite.ts"
import * as InitialDatabase from "./Pglite/InitialDatabase.ts"
import * as Postgres from "./Postgres.ts"

export type Options =
  | { readonly kind: "server"; readonly url: Redacted.Redacted; readonly maxConnections?: number | undefined }
  | { readonly kind: "embedded"; readonly directory: string }
  | {
      readonly kind: "memory"
      /** A dump by PGlite's `dumpDataDir` to begin with, instead of an empty database. */
      readonly loadDataDir?: Blob | undefined
    }

/** What was chosen, for those who tell people about it. */
export class Database extends Context.Service<
  Database,
  { readonly kind: Options["kind"]; readonly directory?: string }
>()("@crewline/memory-pg/Database") {}

export type Failure = Pglite.Failure | SqlError | Migrations.MigrationError

/** Reads `DATABASE_URL`, `DATABASE_MAX_CONNECTIONS` and `CREWLINE_DATA`. */
export const config: Config.Config<Options> = Config.mapEffect(
  Config.all({
    url: Config.option(Config.Redacted("DATABASE_URL")),
    maxConnections: Config.withDefault(Config.Int("DATABASE_MAX_CONNECTIONS"), 10),
    directory: Config.withDefault(Config.NonEmptyString("CREWLINE_DATA"), ".crewline")
  }),
  ({ directory, maxConnections, url }): Effect.Effect<Options, Config.ConfigError> => {
    // Set but empty is how many environments say that there is none.
    if (Option.isNone(url) || Redacted.value(url.value) === "") return Effect.succeed({ kind: "embedded", directory })
    const text = Redacted.value(url.value)
    return /^postgres(ql)?:\/\/./i.test(text) && URL.canParse(text)
      ? Effect.succeed({ kind: "server", url: url.value, maxConnections })
      : Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: noUrl })))
  }
)

/** The value itself is not told: it may hold a password. */
const noUrl = "DATABASE_URL is no PostgreSQL URL: write postgres://user:password@host:5432/database, or unset it"

/**
 * An embedded database belongs to one process, which its lock proves: whoever else owns executions is dead, and its leases need not
 * run out before they are taken up.
 */
const disownDead = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.unsafe(
    "update crewline_execution set owner = null, lease_until = null where ended_at is null and owner is not null"
  )
)

const migratedAlone = Layer.effectDiscard(Effect.andThen(Migrations.migrate, disownDead))

/** Opens the database as it is; a new embedded one begins migrated. Provides `PgClient` too when it is a server. */
export const layerUnmigrated = (options: Options): Layer.Layer<SqlClient.SqlClient, Pglite.Failure | SqlError> =>
  options.kind === "server"
    ? Postgres.layer(options)
    : Pglite.layer({
        initial: InitialDatabase.find(Migrations.component, Migrations.hashesOf(Migrations.migrations)),
        ...(options.kind === "embedded" ? { directory: options.directory } : { loadDataDir: options.loadDataDir })
      })

/** Opens the database and migrates it. Provides `PgClient` too when it is a server. */
export const layer = (options: Options): Layer.Layer<Database | SqlClient.SqlClient, Failure> => {
  const chosen = Layer.succeed(Database, {
    kind: options.kind,
    ...(options.kind === "embedded" && { directory: options.directory })
  })
  const migrated = options.kind === "server" ? Migrations.layer : migratedAlone
  return Layer.mergeAll(migrated, chosen).pipe(Layer.provideMerge(layerUnmigrated(options)))
}
