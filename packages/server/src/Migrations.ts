/**
 * The tables of the server: what clients store. Plain SQL for PostgreSQL 15 and newer, PGlite
 * included; applied under the component name `server` by `@crewline/memory-pg/Migrations`.
 */
import * as Migrations from "@crewline/memory-pg/Migrations"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Sql from "./Migrations/Sql.ts"

/** The component of this package. */
export const component = "server"

/** Every migration of this package, in order. */
export const migrations: ReadonlyArray<Migrations.Migration> = [
  { id: 1, name: "stores", sql: Sql.stores },
  { id: 2, name: "access", sql: Sql.access },
  { id: 3, name: "audit", sql: Sql.audit },
  { id: 4, name: "secrets", sql: Sql.secrets },
  { id: 5, name: "all-tenants", sql: Sql.allTenants },
  { id: 6, name: "bounded", sql: Sql.bounded },
  { id: 7, name: "registered-tools", sql: Sql.registeredTools }
]

/** Applies this package's migrations; answers the names of those applied now. */
export const migrate: Effect.Effect<ReadonlyArray<string>, Migrations.MigrationError, SqlClient> = Migrations.run({
  component,
  migrations
})

/** Applies this package's migrations before what is provided with it is built. */
export const layer: Layer.Layer<never, Migrations.MigrationError, SqlClient> = Layer.effectDiscard(migrate)
