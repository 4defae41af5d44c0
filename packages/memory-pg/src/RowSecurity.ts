/**
 * Row security: what serves requests or runs tasks acts as the role `crewline_app`, which owns
 * nothing and can bypass nothing. It sees the rows of one tenant, the one that the statement names,
 * and no row where it names none.
 *
 * A statement names its tenant itself, so that confining it costs no other one: the functions of
 * the event log do, and statements on tables say `rowsOf` or `insertOf`. What works for all tenants
 * are functions of the owner, in files `all-tenants.sql` below `Migrations/Sql` here.
 */
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Statement from "effect/sql/Statement"

/** As which connections act; the migrations make it. */
export const role = "crewline_app"

/** Names the tenant of a statement, as the value of the column of a new row. */
export const named = (sql: SqlClient.SqlClient, tenant: string): Statement.Fragment =>
  sql`set_config('crewline.tenant', ${tenant}, true)`

/**
 * The condition of a statement on rows of this tenant, first in its `where`. The policies read the
 * setting when the first row is looked for; a subquery without a column is evaluated before.
 * `tenant = (select set_config(…))` is not, with a plan that is used again.
 */
export const rowsOf = (sql: SqlClient.SqlClient, tenant: string): Statement.Fragment =>
  sql`(select ${named(sql, tenant)}) is not null and tenant = ${tenant}`

/** Columns and values of new rows of this tenant: `insert into some_table ${insertOf(…)}`. */
export const insertOf = (
  sql: SqlClient.SqlClient,
  tenant: string,
  rows: ReadonlyArray<{ readonly [column: string]: string | null }>
): Statement.Fragment => {
  const columns = Object.keys(rows[0] ?? {})
  const values = rows.map(
    (row) => sql`(${named(sql, tenant)}, ${sql.csv(columns.map((column) => sql`${row[column] ?? null}`))})`
  )
  return sql`(tenant, ${sql.csv(columns.map((column) => sql`${sql(column)}`))}) values ${sql.csv(values)}`
}
