/**
 * Pages that a step of an execution of many events touches, with statistics that are absent, stale
 * or fresh. A step is the start and the outcome of a task, as two appends. One session does it all,
 * so that a plan made while the tables were empty stays in use.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { asOwner } from "../packages/memory-pg/test/Owner.ts"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as TimedCrew from "./TimedCrew.ts"

export const statistics = ["absent", "stale", "fresh"] as const

const steps = 50
/** Events of one append while the execution grows. */
const batch = 1_000

const started = (taskId: string): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run: 1,
  attempt: 1,
  crashes: 0,
  worker: "bench"
})
const completed = (taskId: string): ExecutionEvent.Draft => ({ type: "TaskCompleted", taskId, run: 1, output: "Done." })

/** Pages of the database so far, those of this session included. */
const pagesSoFar = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`select pg_stat_force_next_flush()`
  const [row] = yield* sql<{ readonly pages: number }>`select (blks_hit + blks_read)::float8 as pages
    from pg_stat_database where datname = current_database()`
  return row!.pages
})

/** Pages and milliseconds per step. */
const measure = (events: number, known: (typeof statistics)[number]) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const log = yield* EventLog.EventLog
    const step = (task: string) => Effect.andThen(log.append("x", [started(task)]), log.append("x", [completed(task)]))
    // The server must not auto-analyze the tables.
    yield* asOwner(
      Effect.andThen(
        sql`alter table crewline_event set (autovacuum_enabled = false)`,
        sql`alter table crewline_execution set (autovacuum_enabled = false)`
      )
    )
    yield* log.start("x", { type: "ExecutionStarted", plan: TimedCrew.plan(0, "parallel") })
    for (let n = 0; n < 10; n++) yield* step(`early-${n}`)
    if (known === "stale") yield* asOwner(sql`analyze`)
    for (let n = 0; n < events; n += batch) {
      const [head, ...tail] = Array.from({ length: batch / 2 }, (_, at) => `t${n + at}`).flatMap((task) => [
        started(task),
        completed(task)
      ])
      yield* log.append("x", [head!, ...tail])
    }
    if (known === "fresh") yield* asOwner(sql`analyze`)
    const before = yield* pagesSoFar
    const from = performance.now()
    for (let n = 0; n < steps; n++) yield* step(`late-${n}`)
    const millis = performance.now() - from
    return { pagesPerStep: ((yield* pagesSoFar) - before) / steps, msPerStep: millis / steps }
  })

export const make = Effect.fnUntraced(function* (events: number, known: (typeof statistics)[number]) {
  const url = yield* PostgresServer.emptyDatabase
  const database = Database.layer({ ...PostgresServer.optionsOf(url), maxConnections: 1 } as Database.Options)
  // Without listening there is no other connection.
  const log = PgEventLog.layerWith({ hints: false })
  return yield* Effect.provide(measure(events, known), Layer.fresh(Layer.provideMerge(log, database)))
}, Effect.scoped)
