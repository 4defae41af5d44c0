/**
 * Files of the workspace as tables of a database in memory. The files are read first; then the
 * database is locked: SQL cannot read or write files, load extensions or change settings. It runs
 * in a process that is killed if a query takes too long or uses too much memory.
 *
 * The database is DuckDB, an optional dependency (`@duckdb/node-api`) that is loaded on first use.
 */
import { type ToolContext, type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import * as Query from "./Data/Query.ts"
import * as FileAccess from "./FileAccess.ts"

export interface Options {
  /** Time limit of loading and of each query, in milliseconds. Default: 20,000. */
  readonly timeoutMillis?: number
  /** Memory limit of the database, in MiB. Default: 256. */
  readonly maxMemory?: number
}

export interface Database {
  readonly tables: ReadonlyArray<Query.Table>
  /** At most `limit` rows. */
  readonly query: (sql: string, limit: number) => Effect.Effect<Query.Rows, ToolError>
}

/** Reads the files into tables named after them, and uses the database. */
export const using = <A>(
  context: ToolContext,
  paths: ReadonlyArray<string>,
  { maxMemory = 256, timeoutMillis = 20_000 }: Options,
  use: (database: Database) => Effect.Effect<A, ToolError>
): Effect.Effect<A, ToolError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const tables = yield* name(paths)
      const url = yield* locate
      const connection = yield* Effect.acquireRelease(
        Effect.sync(() => new Query.Connection(url, { timeoutMillis, maxMemory })),
        (opened) => Effect.sync(() => opened.close())
      )
      yield* connection.ready
      yield* Effect.scoped(fill(connection, context, tables))
      for (const lock of locks) yield* connection.rows(lock, 0)
      return yield* use({ tables, query: (sql, limit) => connection.rows(sql, limit) })
    })
  )

/** Reads copies, so that a file cannot be swapped between the check of its path and the read. */
const fill = Effect.fnUntraced(function* (
  connection: Query.Connection,
  context: ToolContext,
  tables: ReadonlyArray<Query.Table>
) {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "crewline-data-"))),
    (made) => Effect.promise(() => rm(made, { recursive: true, force: true }))
  )
  for (const [index, table] of tables.entries()) {
    const copy = join(directory, String(index))
    const bytes = yield* FileAccess.read(context, table.path)
    yield* Effect.promise(() => writeFile(copy, bytes, { mode: 0o600 }))
    yield* Effect.mapError(connection.rows(Query.loading(table, copy), 0), (error) => unreadable(table, copy, error))
  }
})

/** The last setting makes the others final. */
const locks = [
  "set temp_directory = ''",
  "set enable_external_access = false",
  "set allow_community_extensions = false",
  "set lock_configuration = true"
]

const locate: Effect.Effect<string, ToolFailed> = Effect.try({
  try: () => pathToFileURL(createRequire(import.meta.url).resolve("@duckdb/node-api")).href,
  catch: (cause) => {
    const message =
      "Data tools require the package @duckdb/node-api, which is not installed: npm install @duckdb/node-api"
    return new ToolFailed({ message, code: "not-configured", cause })
  }
})

/** `data/sales 2024.csv` is the table `sales_2024`. */
const name = (paths: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Query.Table>, ToolRetry> => {
  const tables: Array<Query.Table> = []
  for (const path of paths) {
    if (Query.formatOf(path) === undefined) {
      const message = `"${path}" is not a table: expected a .csv, .tsv, .json, .jsonl, .ndjson or .parquet file.`
      return Effect.fail(new ToolRetry({ message }))
    }
    const stem = path.replace(/^.*[/\\]/, "").replace(/\.[^.]*$/, "")
    const plain = stem.replace(/\W+/g, "_").replace(/^(?=\d|$)/, "_")
    const taken = tables.filter((table) => table.name.replace(/_\d+$/, "") === plain).length
    tables.push({ path, name: taken === 0 ? plain : `${plain}_${taken + 1}` })
  }
  return Effect.succeed(tables)
}

const unreadable = ({ path }: Query.Table, copy: string, error: ToolError): ToolError => {
  const [first = ""] = error.message.split("\n")
  const message = `"${path}" cannot be read as a table: ${first.replaceAll(copy, path)}`
  return new ToolFailed({ message, ...(error.code === undefined ? {} : { code: error.code }) })
}
