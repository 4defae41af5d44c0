/**
 * PostgreSQL for Crewline, on a server or embedded in the process.
 */
export * as Database from "./Database.ts"
export * as Migrations from "./Migrations.ts"
export * as PgBroadcast from "./PgBroadcast.ts"
export * as PgEventLog from "./PgEventLog.ts"
export * as PgMemory from "./PgMemory.ts"
export * as PgWorkspace from "./PgWorkspace.ts"
export * as Pglite from "./Pglite.ts"
export * as Postgres from "./Postgres.ts"
export * as ProcessIdentity from "./ProcessIdentity.ts"
export * as SqlFailure from "./SqlFailure.ts"
