/**
 * The configured database: a PostgreSQL server if `DATABASE_URL` is set, otherwise one embedded in
 * this process, in the directory `CREWLINE_DATA` (default `.crewline`). Both are migrated.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Migrations from "./Migrations.ts"
import * as Pglite from "./Pglite.ts"
import * as InitialDatabase from "./Pglite/InitialDatabase.ts"
import * as Postgres from "./Postgres.ts"
import * as PostgresUrl from "./PostgresUrl.ts"
import * as RowSecurity from "./RowSecurity.ts"

export type Options = (
  | ({ readonly kind: "server" } & Pick<Postgres.Options, "url" | "maxConnections" | "unref">)
  | { readonly kind: "embedded"; readonly directory: string }
  | {
      readonly kind: "memory"
      /** A dump by PGlite's `dumpDataDir` to begin with, instead of an empty database. */
      readonly loadDataDir?: Blob | undefined
    }
) & {
  /** True: with vectors of memories, if the server has pgvector. Default: without. */
  readonly vectors?: boolean | undefined
}

/** The chosen database, for messages. */
export class Database extends Context.Service<
  Database,
  { readonly kind: Options["kind"]; readonly directory?: string }
>()("@crewline/memory-pg/Database") {}

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
    if (maxConnections < 1) return refused(`DATABASE_MAX_CONNECTIONS=${maxConnections}: expected 1 or more`)
    const text = Redacted.value(url.value)
    if (!/^postgres(ql)?:\/\/./i.test(text)) return refused(noUrl)
    const parsed = PostgresUrl.parse(text)
    return Result.isFailure(parsed)
      ? refused(`${noUrl}; ${parsed.failure}`)
      : Effect.succeed({ kind: "server", url: url.value, maxConnections })
  }
)

const refused = (message: string) => Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))

/** The value itself is not told: it may hold a password. */
const noUrl = "Invalid DATABASE_URL: expected postgres://user:password@host:5432/database"

/** Rows would be seen whatever their tenant. */
export class NotConfined extends Schema.TaggedError<NotConfined>()("NotConfined", { user: Schema.String }) {
  override get message() {
    return (
      `The database user ${this.user} bypasses row security: a connection pooler ignored the role ${RowSecurity.role}, or that ` +
      `role owns the tables. Point DATABASE_URL directly at PostgreSQL, or use a user whose connections act as the role: ` +
      `alter role <user> set role = ${RowSecurity.role}`
    )
  }
}

export type Failure = Pglite.Failure | SqlError | Migrations.MigrationError | NotConfined

interface Standing {
  readonly user: string
  /** Whether policies confine the present user. */
  readonly confined: boolean
}

const standing = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.unsafe<Standing>(`select current_user::text as "user", row_security_active('crewline_execution') as confined`)
).pipe(Effect.map(([row]) => row!))

const migrated = (vectors: boolean) =>
  vectors ? Effect.andThen(Migrations.migrate, Migrations.migrateVectors) : Effect.asVoid(Migrations.migrate)

/**
 * Settings of the connections that serve requests or run tasks. If a plan was made while a table
 * was empty, it reads the whole table, or sorts all rows of a tenant, as long as it is kept. Every
 * statement has an index in the order of its result, so other scans are disabled. `jit` is disabled
 * because a plan with a disabled scan seems expensive enough to be compiled.
 */
const scans = { enable_seqscan: "off", enable_bitmapscan: "off", jit: "off" }

/**
 * An embedded database belongs to one process, as its lock proves: any other owner of executions is
 * dead, so they can be taken over before its leases expire.
 */
const migratedAlone = Effect.fnUntraced(function* (vectors: boolean) {
  const sql = yield* SqlClient.SqlClient
  yield* migrated(vectors)
  yield* sql.unsafe("select crewline_disown(null)")
  for (const [name, value] of Object.entries({ ...scans, role: RowSecurity.role }))
    yield* sql.unsafe(`set ${name} = ${value}`)
})

const embedded = (options: Exclude<Options, { readonly kind: "server" }>) =>
  Pglite.layer({
    initial: InitialDatabase.find(Migrations.component, Migrations.hashesOf(Migrations.migrations)),
    ...(options.kind === "embedded" ? { directory: options.directory } : { loadDataDir: options.loadDataDir })
  })

/**
 * Opens the database as its owner; a new embedded one begins migrated. Provides `PgClient` too when
 * it is a server.
 */
export const layerUnmigrated = (options: Options): Layer.Layer<SqlClient.SqlClient, Pglite.Failure | SqlError> =>
  options.kind === "server" ? Postgres.layer(options) : embedded(options)

/**
 * Migrates on a separate connection. Behind a pooler, the user must have the role by default,
 * because a pooler refuses or forgets settings. No statements are prepared there, so no plan is
 * kept.
 */
const server = ({ vectors, ...options }: Postgres.Options & { readonly vectors?: boolean | undefined }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      // The migration reports a database that cannot be reached.
      const isPooled = yield* Effect.orElseSucceed(Postgres.isPooled(options), () => false)
      const { confined, user } = yield* Effect.andThen(migrated(vectors === true), standing).pipe(
        Effect.provide(Layer.fresh(Postgres.layer({ ...options, isPooled, maxConnections: 1 })))
      )
      if (isPooled && !confined) return yield* Effect.fail(new NotConfined({ user }))
      const settings = { ...scans, ...(!confined && { role: RowSecurity.role }) }
      return Postgres.layer({ ...options, isPooled, ...(!isPooled && { settings }) })
    })
  )

const confined = Layer.effectDiscard(
  Effect.flatMap(standing, ({ confined, user }) => (confined ? Effect.void : Effect.fail(new NotConfined({ user }))))
)

/**
 * Opens the database, migrated; whatever uses it acts as `RowSecurity.role`. Provides `PgClient`
 * too when it is a server.
 */
export const layer = (options: Options): Layer.Layer<Database | SqlClient.SqlClient, Failure> => {
  const chosen = Layer.succeed(Database, {
    kind: options.kind,
    ...(options.kind === "embedded" && { directory: options.directory })
  })
  const opened: Layer.Layer<SqlClient.SqlClient, Failure> =
    options.kind === "server"
      ? server(options)
      : Layer.effectDiscard(migratedAlone(options.vectors === true)).pipe(Layer.provideMerge(embedded(options)))
  return Layer.merge(confined, chosen).pipe(Layer.provideMerge(opened))
}
