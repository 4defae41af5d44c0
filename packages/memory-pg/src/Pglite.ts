/**
 * PostgreSQL embedded in this process: PGlite, in a directory or in memory. Provides Effect's
 * `SqlClient`.
 *
 * PGlite has one session. Statements and transactions use it exclusively, in order of arrival, so
 * concurrent transactions are safe and never interleave; a statement outside a transaction waits
 * for its end. Statements are never cut off: an interrupted statement is finished and its result
 * discarded. Written data survives `kill -9` of the process, but not a crash of the machine: PGlite
 * never calls fsync. Use a server if a power failure must not lose data.
 *
 * A directory supports one process at a time (`DirectoryInUse` otherwise): two would silently lose
 * each other's writes.
 */
import * as NodeFs from "node:fs"
import * as NodePath from "node:path"
import * as FileFailure from "@crewline/core/FileFailure"
import type { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import * as BaselineCompiler from "./Pglite/BaselineCompiler.ts"
import * as DirectoryLock from "./Pglite/DirectoryLock.ts"
import * as InitialDatabase from "./Pglite/InitialDatabase.ts"
import * as QuietTimers from "./Pglite/QuietTimers.ts"

export interface Options {
  /**
   * The data directory, created when missing; absent: the database lives in memory and is gone with
   * the layer.
   */
  readonly directory?: string | undefined
  /**
   * A dump by PGlite's `dumpDataDir` to begin with, for a new directory or a database in memory.
   */
  readonly loadDataDir?: Blob | undefined
  /**
   * The path of a dump (a tar, compressed by zstd) that a new database begins with; absent: PGlite
   * makes an empty one.
   */
  readonly initial?: string | undefined
}

/** The embedded database does not start. */
export class PgliteFailed extends Schema.TaggedError<PgliteFailed>()("PgliteFailed", {
  directory: Schema.NullOr(Schema.String),
  cause: Schema.Defect()
}) {
  override get message() {
    const where = this.directory === null ? "in memory" : `in ${this.directory}`
    const why = FileFailure.isFileFailure(this.cause)
      ? FileFailure.describe(this.cause)
      : this.cause instanceof Error
        ? this.cause.message
        : Formatter.format(this.cause)
    return `The embedded database ${where} failed to start: ${why}`
  }
}

export type Failure = PgliteFailed | DirectoryLock.DirectoryInUse | DirectoryLock.DirectoryUnusable

const compiler = Statement.makeCompiler({
  dialect: "pg",
  placeholder: (index) => `$${index}`,
  onIdentifier: Statement.defaultEscape('"'),
  onRecordUpdate: (placeholders, alias, columns, values, returning) => [
    `(values ${placeholders}) AS ${alias}${columns}${returning ? ` RETURNING ${returning[0]}` : ""}`,
    returning ? values.flat().concat(returning[1]) : values.flat()
  ],
  onCustom: () => ["", []]
})

/** What went wrong by SQLSTATE, in the classes that Effect's own drivers use. */
const toSqlError = (operation: string) => (cause: unknown) => {
  const { code = "", constraint } = cause as { readonly code?: string; readonly constraint?: string }
  const properties = { cause, message: cause instanceof Error ? cause.message : Formatter.format(cause), operation }
  const reason =
    code === "23505"
      ? new SqlError.UniqueViolation({ ...properties, constraint: constraint ?? "unknown" })
      : code.startsWith("23")
        ? new SqlError.ConstraintError(properties)
        : code === "42501"
          ? new SqlError.AuthorizationError(properties)
          : code.startsWith("42")
            ? new SqlError.SqlSyntaxError(properties)
            : code === "40001"
              ? new SqlError.SerializationError(properties)
              : code === "40P01"
                ? new SqlError.DeadlockError(properties)
                : new SqlError.UnknownError(properties)
  return new SqlError.SqlError({ reason })
}

type Row = Record<string, unknown>

const makeConnection = (db: PGlite): SqlConnection.Connection => {
  const query = <A>(sql: string, params: ReadonlyArray<unknown>, rowMode: "object" | "array" = "object") =>
    Effect.uninterruptible(
      Effect.tryPromise({ try: () => db.query<A>(sql, [...params], { rowMode }), catch: toSqlError("execute") })
    )
  const rows = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(query<Row>(sql, params), (result) => result.rows)
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(query<ReadonlyArray<unknown>>(sql, params, "array"), (result) => result.rows)
  return {
    execute: (sql, params, transform) =>
      Effect.map(rows(sql, params), (found) => (transform === undefined ? found : transform(found))),
    executeRaw: (sql, params) => query(sql, params),
    executeStream: (sql, params, transform) =>
      Stream.unwrap(
        Effect.map(rows(sql, params), (found) =>
          Stream.fromIterable(transform === undefined ? found : transform(found))
        )
      ),
    executeValues: values,
    executeValuesUnprepared: values,
    executeUnprepared: (sql, params, transform) =>
      Effect.map(rows(sql, params), (found) => (transform === undefined ? found : transform(found)))
  }
}

/**
 * A `SqlClient` over an open PGlite. Private: declarations that name PGlite's types need its own,
 * which do not compile.
 */
const fromPglite = (db: PGlite): Effect.Effect<SqlClient.SqlClient, never, Reactivity.Reactivity> =>
  Effect.suspend(() => {
    const connection = makeConnection(db)
    const session = Semaphore.makeUnsafe(1)
    const acquirer = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(session.take(1)), () =>
        Effect.as(
          Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, session.release(1))),
          connection
        )
      )
    )
    return SqlClient.make({
      acquirer,
      transactionAcquirer: acquirer,
      borrower: (use) => session.withPermit(use(connection)),
      compiler,
      driver: "pglite",
      spanAttributes: [["db.system.name", "postgresql"]],
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
    })
  })

/**
 * PGlite's own default is 160 MB: as much as the rest of the process, for data that the system
 * caches anyway.
 */
const sharedBuffers = "16MB"

const dataDirectoryOf = (directory: string) => NodePath.join(directory, "postgres")

/** Whether a database is in this directory. */
export const exists = (directory: string): boolean => NodeFs.existsSync(dataDirectoryOf(directory))

const start = ({ directory, initial, loadDataDir }: Options): Promise<PGlite> =>
  BaselineCompiler.use(async () => {
    // Megabytes of WebAssembly: loaded only when used.
    const [{ PGlite }, { vector }] = await Promise.all([
      import("@electric-sql/pglite"),
      import("@electric-sql/pglite-pgvector")
    ])
    const dataDir = directory === undefined ? undefined : dataDirectoryOf(directory)
    let dump = loadDataDir
    if (initial !== undefined && dump === undefined) {
      if (dataDir === undefined) dump = await InitialDatabase.load(initial)
      else await InitialDatabase.place(initial, dataDir)
    }
    const db = await PGlite.create({
      ...(dataDir !== undefined && { dataDir }),
      ...(dump !== undefined && { loadDataDir: dump }),
      extensions: { vector },
      startParams: [...PGlite.defaultStartParams, "-c", `shared_buffers=${sharedBuffers}`],
      // As Effect's driver for a server does it.
      parsers: { 20: BigInt }
    })
    return QuietTimers.use(db)
  })

const open = (options: Options) =>
  Effect.gen(function* () {
    if (options.directory !== undefined) yield* DirectoryLock.acquire(options.directory)
    return yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => start(options),
        catch: (cause) => new PgliteFailed({ directory: options.directory ?? null, cause })
      }),
      (db) => Effect.promise(() => db.close())
    )
  })

/** Opens the database and closes it with the layer. */
export const layer = (options: Options = {}): Layer.Layer<SqlClient.SqlClient, Failure> =>
  Layer.effect(SqlClient.SqlClient, Effect.flatMap(open(options), fromPglite)).pipe(Layer.provide(Reactivity.layer))
