/**
 * CPU of processes on this machine, in microseconds, as Linux's scheduler counts it: of a process
 * with all its threads, and of the sessions of a database. Background work of PostgreSQL
 * (checkpoints, writing its log) serves all databases and is excluded.
 */
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"

/** Of a process that has ended: zero. */
export const ofProcess = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
      const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")
      return sum + Number(nanoseconds) / 1_000
    }, 0)
  } catch {
    return 0
  }
}

interface Session {
  readonly pid: number
}

/**
 * Of every session that the database has now, by pid. Needs a PostgreSQL server on this machine.
 */
export const ofSessions = async (databaseUrl: string): Promise<ReadonlyMap<number, number>> => {
  const name = new URL(databaseUrl).pathname.slice(1)
  const sessions = await Effect.runPromise(
    PostgresServer.administer(`select pid from pg_stat_activity where datname = '${name}'`)
  )
  return new Map(
    sessions.map((session) => {
      const { pid } = session as Session
      return [pid, ofProcess(pid)]
    })
  )
}

/** CPU used by the sessions of a database since; sessions that ended meanwhile are omitted. */
export const since = async (databaseUrl: string, before: ReadonlyMap<number, number>): Promise<number> => {
  const after = await ofSessions(databaseUrl)
  return [...after].reduce((sum, [pid, micros]) => sum + micros - (before.get(pid) ?? 0), 0)
}
