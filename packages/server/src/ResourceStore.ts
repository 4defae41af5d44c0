/**
 * Resources that clients create, read, replace and delete: crews, agents, providers. One table
 * each, of the same shape.
 *
 * - Every operation is one SQL statement, confined to `Tenant.Current`. Concurrent reads of a
 *   resource share one that begins after all of them.
 * - Each change raises `version` by one; a change that expects another version than the stored one
 *   fails and changes nothing.
 * - Ids sort by creation time; lists go from the newest to the oldest.
 * - `body` is stored as text, unchanged: `jsonb` would reorder keys, and the order of tasks is
 *   significant.
 * - Lists read a summary that is stored beside the body, and no body: one may have megabytes.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Flights from "@crewline/core/Flights"
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as SqlFailure from "@crewline/memory-pg/SqlFailure"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** This tenant has no resource with this id. */
export class UnknownResource extends Schema.TaggedError<UnknownResource>()("UnknownResource", { id: Schema.String }) {
  override get message() {
    return `There is no resource with the id ${this.id}.`
  }
}

/** The resource is at another version than the change expects. */
export class OtherVersion extends Schema.TaggedError<OtherVersion>()("OtherVersion", {
  id: Schema.String,
  /** The stored version. */
  version: Schema.Int
}) {
  override get message() {
    return `${this.id} is now at version ${this.version}.`
  }
}

/** Another resource of this kind has the name, and names are unique here. */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", { name: Schema.String }) {
  override get message() {
    return `The name ${this.name} is taken.`
  }
}

export const Reason = Schema.Union([UnknownResource, OtherVersion, NameTaken, EventLog.Unavailable])

/** The one error of stores: which operation, and why. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.String,
  reason: Reason
}) {
  override get message() {
    return `${this.operation}: ${this.reason.message}`
  }
}

/** Converts failed statements to errors of the store. */
export const storageFailed = (operation: string, error: SqlError): StoreError =>
  new StoreError({
    operation,
    reason: new EventLog.Unavailable({
      description: SqlFailure.describe(error),
      isRetryable: SqlFailure.isRetryable(error),
      cause: error
    })
  })

/** What a store needs cannot be read now. */
export const unavailable = (operation: string, description: string): StoreError =>
  new StoreError({ operation, reason: new EventLog.Unavailable({ description, isRetryable: true }) })

interface Heading {
  readonly id: string
  /** From 1, raised by every change. */
  readonly version: number
  /** ISO 8601 in UTC, by the clock of the database. */
  readonly createdAt: string
  readonly updatedAt: string
  /** Stored next to the body, and not part of any response. */
  readonly extra: Extra
}

/** A stored resource. */
export interface Stored<Body> extends Heading {
  readonly body: Body
  /** Of the body as JSON, in characters. */
  readonly size: number
}

/** A stored resource in a list. */
export interface Listed<Summary> extends Heading {
  readonly summary: Summary
}

/** Values of the store's extra columns. */
export type Extra = Readonly<Record<string, string | null>>

export interface ListOptions {
  readonly limit: number
  /** Only resources older than the one with this id, whether that still exists or not. */
  readonly before?: string | undefined
  /** Only resources with this name. */
  readonly name?: string | undefined
}

export interface ResourceStore<Body, Summary> {
  /** `extra` receives the new id. */
  readonly create: (body: Body, extra?: (id: string) => Extra) => Effect.Effect<Stored<Body>, StoreError>
  /** `known`, where the resource is still at that version: its body is not read again. */
  readonly get: (id: string, known?: Stored<Body>) => Effect.Effect<Stored<Body>, StoreError>
  /** The newest of this name. */
  readonly find: (name: string) => Effect.Effect<Stored<Body> | undefined, StoreError>
  readonly list: (options: ListOptions) => Effect.Effect<ReadonlyArray<Listed<Summary>>, StoreError>
  /**
   * Replaces the stored body with `body` if it is at version `expected` (or at any version without
   * it). Absent extra columns stay.
   */
  readonly replace: (
    id: string,
    body: Body,
    expected?: number,
    extra?: Extra
  ) => Effect.Effect<Stored<Body>, StoreError>
  readonly remove: (id: string, expected?: number) => Effect.Effect<void, StoreError>
}

export interface Options<Body, Summary> {
  /** For the names of operations in errors and traces. */
  readonly name: string
  readonly table: "crewline_crew" | "crewline_agent" | "crewline_llm_provider" | "crewline_secret" | "crewline_tool_api"
  /** Of the ids: `crew` makes `crew_…`. */
  readonly prefix: string
  /** The column by which resources are found, besides their id. */
  readonly nameOf: (body: Body) => string
  /** The summary of a body in lists: JSON of bounded size. */
  readonly summarize: (body: Body) => Summary
  /** Columns of text that this table has besides those of every other; they may be null. */
  readonly extra?: ReadonlyArray<string>
}

interface HeadingRow {
  readonly id: string
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
  readonly [extra: string]: unknown
}

interface Row extends HeadingRow {
  readonly body: string
}

interface ListedRow extends HeadingRow {
  readonly summary: string
}

/** Characters of a text in a summary. */
const maxText = 300

/** A text of a resource for its summary. */
export const shorten = (text: string): string =>
  // Half a surrogate pair would be left at the end.
  text.length <= maxText ? text : `${text.slice(0, maxText - 1).replace(/[\uD800-\uDBFF]$/, "")}…`

/** Resources as rows, and rows as resources. */
const rowsOf = <Body, Summary>({ extra: extraColumns = [], nameOf, summarize }: Options<Body, Summary>) => {
  const headingOf = (row: HeadingRow): Heading => ({
    id: row.id,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    extra: Object.fromEntries(
      extraColumns.map((column) => {
        const value = row[column]
        return [column, typeof value === "string" ? value : null]
      })
    )
  })

  // Bodies and summaries are written by this store alone, from a body that was parsed at the edge.
  const stored = (row: Row): Stored<Body> => ({
    ...headingOf(row),
    body: JSON.parse(row.body),
    size: row.body.length
  })
  const listed = (row: ListedRow): Listed<Summary> => ({ ...headingOf(row), summary: JSON.parse(row.summary) })
  const written = (body: Body) => ({
    name: nameOf(body),
    body: JSON.stringify(body),
    summary: JSON.stringify(summarize(body))
  })
  return { stored, listed, written }
}

/** A store over one table of the server's migrations. */
export const make = Effect.fnUntraced(function* <Body, Summary>(options: Options<Body, Summary>) {
  const sql = yield* SqlClient.SqlClient
  const { name, nameOf, prefix, table, extra: extraColumns = [] } = options
  const heading = sql.literal(
    `id, version, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created_at, ` +
      `to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as updated_at` +
      extraColumns.map((column) => `, ${column}`).join("")
  )
  const columns = sql`${heading}, body`

  const { listed, stored, written } = rowsOf(options)

  const fail = (operation: string, reason: typeof Reason.Type) =>
    Effect.fail(new StoreError({ operation: `${name}.${operation}`, reason }))

  const storage =
    (operation: string, body?: Body) =>
    <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, StoreError> =>
      Effect.catch(effect, (error) =>
        error.reason._tag === "UniqueViolation" && body !== undefined
          ? fail(operation, new NameTaken({ name: nameOf(body) }))
          : Effect.fail(storageFailed(`${name}.${operation}`, error))
      )

  /** Why an update of one row matched no row. */
  const missed = Effect.fnUntraced(function* (operation: string, tenant: string, id: string) {
    const rows = yield* sql<{
      readonly version: number
    }>`select version from ${sql(table)} where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id}`.pipe(
      storage(operation)
    )
    const row = rows[0]
    return yield* fail(
      operation,
      row === undefined ? new UnknownResource({ id }) : new OtherVersion({ id, version: row.version })
    )
  })

  const create = Effect.fn(`${name}.create`)(function* (body: Body, extra?: (id: string) => Extra) {
    const tenant = yield* Tenant.Current
    const id = `${prefix}_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`
    const rows = yield* sql<Row>`
      insert into ${sql(table)}
      ${RowSecurity.insertOf(sql, tenant, [{ id, ...written(body), ...extra?.(id) }])}
      returning ${columns}`.pipe(storage("create", body))
    return stored(rows[0]!)
  })

  const select = Effect.fnUntraced(function* (tenant: string, id: string, known?: Stored<Body>) {
    const [row] = yield* (
      known === undefined
        ? sql<Row>`select ${columns} from ${sql(table)} where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id}`
        : // A body is never empty.
          sql<Row>`
            select ${heading}, case when version = ${known.version} then '' else body end as body
            from ${sql(table)} where ${RowSecurity.rowsOf(sql, tenant)} and id = ${id}`
    ).pipe(storage("get"))
    if (row === undefined) return yield* fail("get", new UnknownResource({ id }))
    return known !== undefined && row.body === "" ? known : stored(row)
  })

  // Concurrent requests for one resource, such as starts of a crew, share a statement.
  const share = Flights.makeFresh<Stored<Body>, StoreError>()
  const get = Effect.fn(`${name}.get`)(function* (id: string, known?: Stored<Body>) {
    const tenant = yield* Tenant.Current
    return yield* share(JSON.stringify([tenant, id]), select(tenant, id, known))
  })

  const find = Effect.fn(`${name}.find`)(function* (named: string) {
    const tenant = yield* Tenant.Current
    const [row] = yield* sql<Row>`
      select ${columns} from ${sql(table)}
      where ${RowSecurity.rowsOf(sql, tenant)} and tenant collate "POSIX" = ${tenant} and name = ${named}
      order by greatest(id, '') desc limit 1`.pipe(storage("find"))
    return row === undefined ? undefined : stored(row)
  })

  const list = Effect.fn(`${name}.list`)(function* (page: ListOptions) {
    const tenant = yield* Tenant.Current
    const conditions = [RowSecurity.rowsOf(sql, tenant)]
    // Each uses the expressions of its index (Migrations/Sql/bounded.sql).
    if (page.name === undefined) conditions.push(sql`tenant collate "C" = ${tenant}`)
    else conditions.push(sql`tenant collate "POSIX" = ${tenant}`, sql`name = ${page.name}`)
    const order = sql.literal(page.name === undefined ? 'id collate "POSIX"' : "greatest(id, '')")
    if (page.before !== undefined) conditions.push(sql`${order} < ${page.before}`)
    const rows = yield* sql<ListedRow>`
      select ${heading}, summary from ${sql(table)} where ${sql.and(conditions)}
      order by ${order} desc limit ${page.limit}`.pipe(storage("list"))
    return rows.map(listed)
  })

  const replace = Effect.fn(`${name}.replace`)(function* (id: string, body: Body, expected?: number, extra?: Extra) {
    const tenant = yield* Tenant.Current
    const conditions = [RowSecurity.rowsOf(sql, tenant), sql`id = ${id}`]
    if (expected !== undefined) conditions.push(sql`version = ${expected}`)
    const rows = yield* sql<Row>`
      update ${sql(table)}
      set ${sql.update({ ...written(body), ...extra })}, version = version + 1, updated_at = now()
      where ${sql.and(conditions)}
      returning ${columns}`.pipe(storage("replace", body))
    const row = rows[0]
    return row === undefined ? yield* missed("replace", tenant, id) : stored(row)
  })

  const remove = Effect.fn(`${name}.remove`)(function* (id: string, expected?: number) {
    const tenant = yield* Tenant.Current
    const conditions = [RowSecurity.rowsOf(sql, tenant), sql`id = ${id}`]
    if (expected !== undefined) conditions.push(sql`version = ${expected}`)
    const rows = yield* sql<{
      readonly id: string
    }>`delete from ${sql(table)} where ${sql.and(conditions)} returning id`.pipe(storage("remove"))
    if (rows.length === 0) return yield* missed("remove", tenant, id)
  })

  const store: ResourceStore<Body, Summary> = { create, find, get, list, replace, remove }
  return store
})
