/**
 * The files of executions in PostgreSQL, on a server or embedded: tasks on one machine can read the
 * files that tasks on another machine write, without a shared mount.
 *
 * - A write is one transaction: the file is replaced completely or not at all, and concurrent
 *   writes cannot exceed the size limit of an execution.
 * - Everything is confined to `Tenant.Current`, and by row security to the tenant that a statement
 *   names.
 * - Files are deleted with their execution. Files of an execution that was not started are deleted
 *   after an hour.
 * - Files that an execution does not have are read from `base`, which is never written to.
 */
import * as PathGuard from "@crewline/core/PathGuard"
import * as Tenant from "@crewline/core/Tenant"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as RowSecurity from "./RowSecurity.ts"
import * as SqlFailure from "./SqlFailure.ts"

export interface Options {
  /** The maximum total size of the files of one execution, in bytes. Default: 256 MiB. */
  readonly maxTotalBytes?: number
  /** Files that every execution can read. Default: none. */
  readonly base?: Workspace.Files
}

const defaultMaxTotalBytes = 256 * 1024 * 1024

/** How long files are kept if their execution was not started, in seconds. */
const orphanSeconds = 3_600

/** An arbitrary number that is unlikely to be used for locks of other applications. */
const lockSpace = 7_239_274

/** The longest path that always fits into the index, in bytes. */
const maxPathBytes = 1_024

/** Makes the workspace over the current `SqlClient`. */
export const make = Effect.fnUntraced(function* ({
  base,
  maxTotalBytes = defaultMaxTotalBytes
}: Options = {}): Effect.fn.Return<Workspace.Workspace["Service"], never, SqlClient.SqlClient | Scope.Scope> {
  const sql = yield* SqlClient.SqlClient
  const prune = Effect.ignore(sql`select crewline_prune_files(${orphanSeconds}::float8)`)
  yield* Effect.forkScoped(Effect.repeat(prune, Schedule.spaced("1 hour")))
  return {
    of: (execution) => filesOf({ sql, execution, base, maxTotalBytes }),
    forget: Effect.fn("PgWorkspace.forget")(function* (executionId) {
      const tenant = yield* Tenant.Current
      yield* storage(
        executionId,
        sql`delete from crewline_file where ${RowSecurity.rowsOf(sql, tenant)} and execution = ${executionId}`
      )
    })
  }
})

/** The workspace over the current `SqlClient`. */
export const layer = (options: Options = {}): Layer.Layer<Workspace.Workspace, never, SqlClient.SqlClient> =>
  Layer.effect(Workspace.Workspace, make(options))

const storage = <A>(path: string, effect: Effect.Effect<A, SqlError>): Effect.Effect<A, Workspace.WorkspaceError> =>
  Effect.mapError(
    effect,
    (error) => new Workspace.WorkspaceError({ path, description: SqlFailure.describe(error), code: "unavailable" })
  )

interface Row {
  readonly path: string
  readonly size: number
  readonly modified_at: string
}

/** The files of one execution. */
interface Place {
  readonly sql: SqlClient.SqlClient
  readonly execution: string
  readonly base: Workspace.Files | undefined
  readonly maxTotalBytes: number
}

/** Many tasks have no files, so that this must cost little. */
const filesOf = (place: Place): Workspace.Files => ({
  read: (path) => read(place, path),
  write: (path, content) => write(place, path, content),
  list: (folder) => list(place, folder),
  remove: (path) => remove(place, path)
})

/** Rows of the execution. */
const rowsOf = ({ execution, sql }: Place, tenant: string) =>
  sql`${RowSecurity.rowsOf(sql, tenant)} and execution = ${execution}`

const write = Effect.fn("PgWorkspace.write")(function* (place: Place, given: string, content: string | Uint8Array) {
  const path = yield* normal(given)
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  if (bytes.length > Workspace.maxBytes) return yield* Workspace.tooLarge(path, bytes.length)
  const tenant = yield* Tenant.Current
  const { sql } = place
  const size = bytes.length
  // Serializes the writers of an execution, because each must count the files of the others.
  const key = JSON.stringify([tenant, place.execution])
  const stored = yield* storage(
    path,
    sql.withTransaction(
      Effect.andThen(
        sql`select pg_advisory_xact_lock(${lockSpace}, hashtext(${key}))`,
        sql`
          insert into crewline_file as f (tenant, execution, path, size, content)
          select ${RowSecurity.named(sql, tenant)}, ${place.execution}, ${path}, ${size}::bigint, ${bytes}::bytea
          where ${size}::bigint <= ${place.maxTotalBytes}::bigint - coalesce((
            select sum(o.size) from crewline_file o where ${rowsOf(place, tenant)} and o.path <> ${path}
          ), 0)
          on conflict (tenant, execution, path)
            do update set size = excluded.size, content = excluded.content, modified_at = now()
          returning 1 as stored`
      )
    )
  )
  if (stored.length === 0) return yield* Workspace.quotaExceeded(path, place.maxTotalBytes)
})

const read = Effect.fn("PgWorkspace.read")(function* (place: Place, given: string) {
  const path = yield* normal(given)
  const tenant = yield* Tenant.Current
  const [row] = yield* storage(
    path,
    place.sql<{
      readonly content: Uint8Array
    }>`select content from crewline_file where ${rowsOf(place, tenant)} and path = ${path}`
  )
  if (row !== undefined) return new Uint8Array(row.content)
  return yield* place.base === undefined ? absent(path) : place.base.read(path)
})

const list = Effect.fn("PgWorkspace.list")(function* (place: Place, folder = "") {
  const within = yield* normal(folder, PathGuard.parse)
  const tenant = yield* Tenant.Current
  const rows = yield* storage(
    within,
    place.sql<Row>`
      select path, size::float8 as size, to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as modified_at
      from crewline_file where ${rowsOf(place, tenant)} and (${within} = '' or starts_with(path, ${`${within}/`}))
      order by path`
  )
  const own = rows.map(({ modified_at: modifiedAt, path, size }) => ({ path, size: Number(size), modifiedAt }))
  if (place.base === undefined) return own
  const known = new Set(own.map(({ path }) => path))
  const others = (yield* place.base.list(within)).filter(({ path }) => !known.has(path))
  return [...own, ...others].toSorted((a, b) => (a.path < b.path ? -1 : 1))
})

const remove = Effect.fn("PgWorkspace.remove")(function* (place: Place, given: string) {
  const path = yield* normal(given)
  const tenant = yield* Tenant.Current
  const gone = yield* storage(
    path,
    place.sql`delete from crewline_file where ${rowsOf(place, tenant)} and path = ${path} returning 1 as gone`
  )
  if (gone.length === 0) return yield* absent(path)
})

const absent = (path: string) =>
  Effect.fail(new Workspace.WorkspaceError({ path, description: "does not exist in the workspace", code: "not-found" }))

/** The path of a file as it is stored, or of a folder. */
const normal = (
  path: string,
  parse: typeof PathGuard.parse = PathGuard.parseFile
): Effect.Effect<string, Workspace.WorkspaceError> =>
  Result.match(parse(path), {
    onFailure: (problem) => refused(path, problem),
    onSuccess: (names) => {
      const found = names.join("/")
      return new TextEncoder().encode(found).length > maxPathBytes
        ? refused(path, `has a path longer than ${maxPathBytes} bytes`)
        : Effect.succeed(found)
    }
  })

const refused = (path: string, description: string) =>
  Effect.fail(new Workspace.WorkspaceError({ path, description, code: "path-refused" }))
