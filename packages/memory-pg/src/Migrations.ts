/**
 * Brings a database up to this version: forward only, each migration once, in the order of its
 * number, all in one transaction. Any number of processes may start at once: an advisory lock lets
 * one migrate while the others wait and then find nothing to do. A database that was migrated by a
 * newer version is rejected, and so is one with an applied migration that has changed since.
 *
 * Migrations are applied by the user of the connection, whatever role it acts as. Afterwards every
 * table with a tenant is under row security (`RowSecurity`). A user that may only act as the role
 * can start if another user has applied them.
 *
 * Other packages migrate their own tables with `run`, under a separate component name. Tables whose
 * names begin with `crewline_` are granted to the role; for others, the migration sets the grants.
 */
import * as NodeCrypto from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import * as Sql from "./Migrations/Sql.ts"
import * as RowSecurity from "./RowSecurity.ts"

export interface Migration {
  /** From 1, without gaps; never changed once released. */
  readonly id: number
  readonly name: string
  /** One or more statements, separated by semicolons. */
  readonly sql: string
}

/** The database could not be brought to this version. */
export class MigrationError extends Schema.TaggedError<MigrationError>()("MigrationError", {
  description: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.description
  }
}

/** The component of this package. */
export const component = "memory-pg"

/** The tables of this package. */
export const migrations: ReadonlyArray<Migration> = [
  { id: 1, name: "event-log", sql: Sql.eventLog },
  { id: 2, name: "memory", sql: Sql.memory },
  { id: 3, name: "workspace", sql: Sql.workspace }
]

/** The oldest PostgreSQL that everything here was tried on. */
const oldestServer = 15
/** An arbitrary number that is unlikely to be locked by other applications. */
const lockKey = 7_239_274_511

/** A migration that was applied. */
interface Applied {
  readonly id: number
  /** Null where it was applied before hashes were recorded. */
  readonly sha256: string | null
}

const hashOf = ({ sql }: Migration) => NodeCrypto.createHash("sha256").update(sql).digest("hex")

/** What the database records of each. */
export const hashesOf = (migrations: ReadonlyArray<Migration>): ReadonlyArray<string> => migrations.map(hashOf)

const changed = (sql: SqlClient.SqlClient, component: string, id: number) =>
  `Migration ${id} of "${component}" has changed since an unreleased version of Crewline created this database: ` +
  (sql.driver === "pglite" ? "delete its data directory, by default .crewline." : "use an empty database.")

const fail = (description: string, cause?: SqlError.SqlError) =>
  new MigrationError({ description, ...(cause !== undefined && { cause }) })

/** With the root cause: the driver's own message is "Failed to connect". */
const unusable = (cause: SqlError.SqlError) => {
  let root: Error = cause
  while (root.cause instanceof Error) root = root.cause
  // A name with several addresses: the error of each, and no message.
  const why =
    root instanceof AggregateError ? root.errors.map(({ message }: Error) => message).join("; ") : root.message
  return fail(
    `The database could not be ${cause.reason.operation === "connect" ? "opened" : "migrated"}: ${why}`,
    cause
  )
}

/** Quotes a text so that no text inside can end it. */
const quote = (text: string) => {
  let tag = "$crewline$"
  while (text.includes(tag)) tag = `$crewline_${tag.length}$`
  return `${tag}${text}${tag}`
}

/** Makes the role of connections and lets the user act as it. */
const ensureRole = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  yield* sql.unsafe(Sql.role).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "AuthorizationError",
      (cause) =>
        Effect.fail(
          fail(
            `Crewline uses the PostgreSQL role ${RowSecurity.role} to keep tenants from reading each other's rows, but ` +
              "the user of the connection may not create that role or act as it. Have an administrator run: " +
              `create role ${RowSecurity.role} nologin; grant ${RowSecurity.role} to <that user>`,
            cause
          )
        )
    )
  )
})

/**
 * Applies what of `migrations` the component has not seen yet; answers the names of those applied
 * now.
 */
export const run = Effect.fn("Migrations.run")(function* (options: {
  readonly component: string
  readonly migrations: ReadonlyArray<Migration>
}): Effect.fn.Return<ReadonlyArray<string>, MigrationError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  const newest = options.migrations.at(-1)?.id ?? 0

  const migrate = Effect.gen(function* () {
    yield* sql.unsafe(`select set_config('role', 'none', true), pg_advisory_xact_lock(${lockKey})`)
    const [server] = yield* sql.unsafe<{ readonly major: number }>(
      "select current_setting('server_version_num')::int / 10000 as major"
    )
    if (server!.major < oldestServer) {
      return yield* fail(`The database is PostgreSQL ${server!.major}; Crewline needs ${oldestServer} or newer.`)
    }
    yield* ensureRole(sql)
    // Not `if not exists` alone: for that a user must be allowed to create tables.
    const [found] = yield* sql.unsafe<{ readonly records: string | null }>(
      "select to_regclass('crewline_migration')::text as records"
    )
    if (found!.records === null) yield* sql.unsafe(Sql.migrationRecords)
    const records = yield* sql.unsafe<Applied>(Sql.migrationsApplied, [options.component])
    const last = records.at(-1)?.id ?? 0
    for (const { id, sha256 } of records) {
      const migration = options.migrations[id - 1]
      if (migration !== undefined && hashOf(migration) !== sha256)
        return yield* fail(changed(sql, options.component, id))
    }
    if (last > newest) {
      return yield* fail(
        `The database has migration ${last} of "${options.component}", but this version knows only ${newest}: ` +
          "it was migrated by a newer version. Run that version, or use another database."
      )
    }
    const applied: Array<string> = []
    for (const migration of options.migrations) {
      if (migration.id <= last) continue
      // A driver sends one statement at a time; a block executes any number of them.
      yield* sql
        .unsafe(`do ${quote(`begin execute ${quote(migration.sql)}; end`)}`)
        .pipe(
          Effect.mapError((cause) =>
            fail(
              `Migration ${migration.id} (${migration.name}) of "${options.component}" failed; nothing was changed.`,
              cause
            )
          )
        )
      yield* sql`insert into crewline_migration (component, id, name, sha256)
        values (${options.component}, ${migration.id}::int, ${migration.name}, ${hashOf(migration)})`
      applied.push(migration.name)
    }
    yield* sql.unsafe(Sql.confine)
    return applied
  })

  return yield* sql.withTransaction(migrate).pipe(Effect.catchTag("SqlError", (cause) => Effect.fail(unusable(cause))))
})

/** Applies this package's migrations, and notices that the database was restored from a dump. */
export const migrate: Effect.Effect<ReadonlyArray<string>, MigrationError, SqlClient.SqlClient> = Effect.tap(
  run({ component, migrations }),
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.mapError(sql`select crewline_end_feed_key()`, unusable))
)

/** Applies this package's migrations before what is provided with it is built. */
export const layer: Layer.Layer<never, MigrationError, SqlClient.SqlClient> = Layer.effectDiscard(migrate)

/** The component for vectors of memories, which requires the extension pgvector. */
const vectorsComponent = "memory-spaces"
const vectorMigrations: ReadonlyArray<Migration> = [{ id: 1, name: "memory-spaces", sql: Sql.memorySpaces }]

/**
 * Applies the migrations for recall by meaning, after the others; false: the database server has no
 * pgvector 0.8 or newer. If the extension does not exist yet, the database user must be allowed to
 * create it.
 */
export const migrateVectors: Effect.Effect<boolean, MigrationError | SqlError.SqlError, SqlClient.SqlClient> =
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [found] = yield* sql.unsafe<{ readonly version: string }>(
      "select coalesce(installed_version, default_version) as version from pg_available_extensions where name = 'vector'"
    )
    // Before 0.8, an index scan could not continue until enough rows passed the filter.
    if (found === undefined || /^0\.[0-7](\.|$)/.test(found.version)) return false
    yield* Effect.mapError(run({ component: vectorsComponent, migrations: vectorMigrations }), (error) =>
      SqlError.isSqlError(error.cause) && error.cause.reason._tag === "AuthorizationError"
        ? fail(
            "The user of the connection may not create the extension pgvector, which recall by meaning needs. Have an " +
              "administrator run in this database: create extension vector",
            error.cause
          )
        : error
    )
    return true
  })
