/**
 * Row security on every table with a tenant, found in the catalogue: a new table is tried without a
 * change here. What connections act as sees nothing without a tenant and of another one, on an
 * embedded database and on PostgreSQL.
 */
import * as Database from "@crewline/memory-pg/Database"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ownerOf } from "../../memory-pg/test/Owner.ts"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as Migrations from "../src/Migrations.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped in part: ${missing}`)

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
  /** The definition of a check on it. */
  readonly check: string | null
}

/** The columns that a new row must give, of every table with a tenant. */
const requiredColumns = `
select c.relname as "table", a.attname as name, format_type(a.atttypid, null) as type,
  (select pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and k.conkey = array[a.attnum])
    as "check"
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant')
  and a.attnotnull and not a.atthasdef and a.attidentity = ''
order by 1, 2`

/** Some value for a column, another one for each tenant. */
const valueOf = ({ check, name, table, type }: Column, tenant: string): string => {
  const n = tenant.length
  if (name === "tenant") return `'${tenant}'`
  // The first that the check allows.
  if (type === "text") return /'(?:[^']|'')*'/.exec(check ?? "")?.[0] ?? `'${name} of ${tenant}'`
  if (/^(integer|bigint|smallint|numeric|double precision)$/.test(type)) return String(n)
  if (type.startsWith("timestamp")) return "now()"
  if (type === "boolean") return "true"
  if (type.startsWith("json") || type.endsWith("[]")) return "'{}'"
  if (type === "bytea") return "'\\x00'"
  throw new Error(`Say here what a ${type} may be: ${table}.${name} needs a value.`)
}

const securedFunctions = /create function (crewline_\w+)\((?:(?!create function)[^])*?security definer/g
const files = [
  "../../memory-pg/src/Migrations/Sql/event-log/all-tenants.sql",
  "../../memory-pg/src/Migrations/Sql/memory/all-tenants.sql",
  "../../memory-pg/src/Migrations/Sql/workspace.sql",
  "../src/Migrations/Sql/all-tenants.sql"
]
const named = files.flatMap((file) =>
  Array.from(readFileSync(new URL(file, import.meta.url), "utf8").matchAll(securedFunctions), ([, name]) => name!)
)

const declare = (options: Effect.Effect<Database.Options, unknown, Scope.Scope>) => {
  const scope = Scope.makeUnsafe()
  let sql: SqlClient.SqlClient
  let tables: ReadonlyArray<string>
  /** The insertion of a row of a tenant. */
  let insertion: (table: string, tenant: string) => string

  const run = <A extends object>(text: string) => Effect.runPromise(sql.unsafe<A>(text))
  const asOwner = <A extends object>(text: string) => Effect.runPromise(ownerOf(sql)(sql.unsafe<A>(text)))
  /** In the transaction of a tenant, which is rolled back. */
  const as = async (tenant: string, text: string): Promise<ReadonlyArray<object> | "refused"> => {
    let rows: ReadonlyArray<object> | "refused" = "refused"
    const transaction = Effect.gen(function* () {
      yield* sql`select set_config('crewline.tenant', ${tenant}, true)`
      rows = yield* sql.unsafe(text)
      return yield* Effect.fail("rolled back")
    })
    await Effect.runPromise(Effect.ignore(sql.withTransaction(transaction)))
    return rows
  }

  beforeAll(async () => {
    const database = Effect.map(Scope.provide(options, scope), Database.layer)
    const layer = Migrations.layer.pipe(Layer.provideMerge(Layer.unwrap(database)))
    sql = Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), SqlClient.SqlClient)
    const columns = await asOwner<Column>(requiredColumns)
    tables = [...new Set(columns.map(({ table }) => table))]
    insertion = (table, tenant) => {
      const own = columns.filter((column) => column.table === table)
      return `insert into ${table} (${own.map(({ name }) => name).join()}) values (${own.map((column) => valueOf(column, tenant)).join()})`
    }
    for (const table of tables) for (const tenant of ["acme", "globex"]) await asOwner(insertion(table, tenant))
  }, 60_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  it("connections act as a role that can bypass nothing and owns nothing", async () => {
    expect(await run("select current_user::text as name")).toEqual([{ name: RowSecurity.role }])
    expect(
      await asOwner(`select rolsuper or rolbypassrls or rolcreaterole or rolcanlogin as "any", (
          select count(*)::int from pg_class where relowner = r.oid
        ) as owned, (select count(*)::int from pg_auth_members where member = r.oid) as roles
        from pg_roles r where rolname = '${RowSecurity.role}'`)
    ).toEqual([{ any: false, owned: 0, roles: 0 }])
  })

  it("every table with a tenant has the policy, and no other", async () => {
    expect(tables.length).toBeGreaterThan(13)
    const secured = await run(`select c.relname as name from pg_class c
      where c.relname = any (string_to_array('${tables.join()}', ',')) and row_security_active(c.oid) order by 1`)
    expect(secured).toEqual(tables.map((name) => ({ name })))
    const policies = await asOwner<{ readonly tablename: string; readonly policy: string }>(
      `select tablename, concat_ws(' ', permissive, roles, cmd, qual, with_check) as policy from pg_policies order by 1`
    )
    expect(policies.map(({ tablename }) => tablename)).toEqual(tables)
    expect(new Set(policies.map(({ policy }) => policy.replaceAll(/\s+/g, " ")))).toEqual(
      new Set([
        "PERMISSIVE {public} ALL (tenant = ( SELECT current_setting('crewline.tenant'::text, true) AS current_setting))"
      ])
    )
  })

  it("the key of the feed's cursors is given to a server, and is in no table that its statements can read", async () => {
    const [made] = await run<{ readonly key: string }>("select key from crewline_feed_keys('first')")
    expect(await run("select key from crewline_feed_keys('second')")).toEqual([made])
    for (const text of ["select * from crewline_feed_key", "update crewline_feed_key set key = 'x'"])
      expect(await as("acme", text), text).toBe("refused")
    expect(await asOwner("select key from crewline_feed_key")).toEqual([made])
  })

  it("without a tenant nothing is read, changed or stored", async () => {
    for (const table of tables) {
      expect(await asOwner(`select count(*)::int as n from ${table}`), table).toEqual([{ n: 2 }])
      expect(await run(`select * from ${table}`), table).toEqual([])
      for (const change of [`update ${table} set tenant = tenant returning 1`, `delete from ${table} returning 1`])
        expect(await run(change).catch(() => []), change).toEqual([])
      expect(await run(insertion(table, "thief")).catch(() => "refused"), table).toBe("refused")
    }
  })

  it("a tenant sees its own rows, and can neither change nor make those of another", async () => {
    for (const table of tables) {
      expect(await as("acme", `select tenant from ${table}`), table).toEqual([{ tenant: "acme" }])
      const changed = `update ${table} set tenant = tenant where tenant <> 'acme' returning 1`
      expect([[], "refused"], table).toContainEqual(await as("acme", changed))
      expect([[], "refused"], table).toContainEqual(
        await as("acme", `delete from ${table} where tenant <> 'acme' returning 1`)
      )
      expect(await as("acme", `update ${table} set tenant = 'globex'`), table).toBe("refused")
      expect(await as("acme", insertion(table, "thief")), table).toBe("refused")
      const [own] = await run<{ readonly stores: boolean }>(
        `select has_table_privilege('${table}', 'insert') as stores`
      )
      expect(await as("thief", insertion(table, "thief")), table).toEqual(own!.stores ? [] : "refused")
    }
  })

  it("what works for all tenants are the functions of these files, which no other role may call", async () => {
    const found = await asOwner<{ readonly name: string; readonly callers: string }>(
      `select p.proname as name, array_to_string(p.proacl, ' ') as callers from pg_proc p
        where p.prosecdef and p.pronamespace = 'public'::regnamespace order by 1`
    )
    expect(found.map(({ name }) => name)).toEqual(named.toSorted())
    expect(
      found.filter(({ callers }) => !callers.includes(`${RowSecurity.role}=X/`) || /(^| )=X/.test(callers))
    ).toEqual([])
  })

  it("a caller's temporary table does not stand in for one of the owner, where a trigger would run as the owner", async () => {
    const trap = Effect.gen(function* () {
      yield* sql.unsafe("create temporary table crewline_key (prefix text)")
      return yield* sql.unsafe("select crewline_has_keys() as found")
    })
    // Failing rolls back.
    const found = await Effect.runPromise(Effect.exit(sql.withTransaction(Effect.flatMap(trap, Effect.fail))))
    expect(found).toEqual(Exit.fail([{ found: true }]))
    const paths = await asOwner<{ readonly name: string; readonly path: string | null }>(
      `select p.proname as name, (select c from unnest(p.proconfig) c where c like 'search_path=%') as path
        from pg_proc p where p.prosecdef and p.pronamespace = 'public'::regnamespace order by 1`
    )
    expect(paths).toEqual(named.toSorted().map((name) => ({ name, path: "search_path=public, pg_temp" })))
  })
}

describe("an embedded database", () => {
  declare(Effect.succeed({ kind: "memory" }))
})
describe.skipIf(missing !== undefined)("PostgreSQL", () => {
  declare(Effect.map(PostgresServer.emptyDatabase, PostgresServer.optionsOf))
})
