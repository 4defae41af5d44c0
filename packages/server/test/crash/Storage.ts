/**
 * Where a server keeps its log: a PGlite directory, or a separate database on a PostgreSQL server.
 * Removed by `dispose`.
 */
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import * as PostgresServer from "../../../memory-pg/test/PostgresServer.ts"
import * as ServerProcess from "./ServerProcess.ts"

export interface Storage {
  /** The settings for servers that use it. */
  readonly env: Readonly<Record<string, string>>
  /** The directory for files of tools and output files. */
  readonly workspace: string
  /**
   * The time by the clock of the log after everything that dead servers sent has been processed:
   * events of theirs have an `at` up to it, events of later servers a greater one.
   */
  readonly settled: () => Promise<number>
  readonly dispose: () => Promise<void>
}

/** How long a PostgreSQL execution waits for a dead owner in these tests. */
export const leaseMillis = 600

const directories = async () => {
  const root = await mkdtemp(join(tmpdir(), "crewline-crash-"))
  const workspace = join(root, "workspace")
  await mkdir(workspace)
  return {
    root,
    workspace,
    env: { CREWLINE_DATA: join(root, "data"), CREWLINE_WORKSPACE: workspace, CREWLINE_LEASE: `${leaseMillis} millis` },
    remove: () => rm(root, { recursive: true, force: true })
  }
}

/** A migrated database in a directory; creating one takes seconds, copying it does not. */
let template: Promise<string> | undefined
const migrated = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), "crewline-crash-template-"))
  const data = join(directory, "data")
  try {
    await promisify(execFile)(process.execPath, [ServerProcess.command, "migrate", "--data", data])
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  return data
}

/** Removes files shared by the storages of this process. */
export const disposeShared = async (): Promise<void> => {
  const data = await template?.catch(() => undefined)
  if (data !== undefined) await rm(dirname(data), { recursive: true, force: true })
}

/**
 * The database embedded in the server. With the long lease, an execution that waits for a dead
 * owner does not continue.
 */
export const embedded = async (): Promise<Storage> => {
  const data = await (template ??= migrated())
  const { env, remove, workspace } = await directories()
  await cp(data, env.CREWLINE_DATA, { recursive: true })
  return {
    env: { ...env, CREWLINE_LEASE: "10 minutes" },
    workspace,
    // The log was in the process that died.
    settled: async () => Date.now(),
    dispose: remove
  }
}

const serverUrl = PostgresServer.serverUrl.href

const query = <A extends object>(url: string, sql: string): Promise<ReadonlyArray<A>> =>
  Effect.flatMap(SqlClient.SqlClient, (client) => client.unsafe<A>(sql)).pipe(
    Effect.provide(Postgres.layer({ url: Redacted.make(url), maxConnections: 1, applicationName: "crewline-test" })),
    Effect.runPromise
  )

/** Why no PostgreSQL server is available to the tests; `undefined` if one is. */
export const postgresMissing = PostgresServer.missing

/** A new database on the PostgreSQL server. */
export const postgres = async (): Promise<Storage> => {
  const { env, remove, workspace } = await directories()
  const name = `crewline_crash_${process.pid}_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8)}`
  await query(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    env: { ...env, DATABASE_URL: url.href },
    workspace,
    settled: async () => {
      for (let tries = 0; tries < 500; tries++) {
        // A statement continues briefly after its client was killed.
        const [row] = await query<{ readonly others: number; readonly now: number }>(
          serverUrl,
          `select count(*)::int as others, floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now
             from pg_stat_activity where datname = '${name}'`
        )
        if (row!.others === 0) return row!.now
        await sleep(10)
      }
      throw new Error("PostgreSQL still has connections of a dead server.")
    },
    dispose: async () => {
      await query(serverUrl, `drop database if exists ${name} with (force)`)
      await remove()
    }
  }
}
