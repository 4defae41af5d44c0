/**
 * The cost of durability: executions whose tasks take no time, with the log in PostgreSQL and
 * embedded, as a chain, as tasks side by side (wide) and as a fan (one, many, one). `pagesPerStep`
 * are the pages that the database touched, per task: a step is the start and the outcome of a task.
 * Both counters come from the database's own statistics and include opening the connections.
 *
 * Then the pages of a step of an execution of 100,000 events (`DurablePages`), and the memory of
 * `crewline serve` on the embedded database, in megabytes (`ServeMemory`).
 *
 * `npm run -s bench -- durable --json [--least 10] [--most 10000] [--events 100000] [--executions
 * 1000]`; `--most 0`, `--events 0` and `--executions 0` leave a part out. Needs PostgreSQL at
 * `TEST_DATABASE_URL`, default 127.0.0.1:5432.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import type * as Plan from "@crewline/core/Plan"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as DurablePages from "./DurablePages.ts"
import type { Options, Report } from "./run.ts"
import * as ServeMemory from "./ServeMemory.ts"
import * as TimedCrew from "./TimedCrew.ts"

export const options = { least: 10, most: 10_000, events: 100_000, executions: 1_000 }

const sizes = [10, 100, 1_000, 10_000]

/** The tasks of each case: how many, and what task n depends on. */
const cases: { readonly [name: string]: (n: number, tasks: number) => ReadonlyArray<number> } = {
  chain: (n) => (n === 0 ? [] : [n - 1]),
  wide: () => [],
  fan: (n, tasks) => {
    if (n === 0) return []
    return n < tasks - 1 ? [0] : Array.from({ length: tasks - 2 }, (_, index) => index + 1)
  }
}

const planOf = (name: string, count: number): Plan.Plan => {
  const base = TimedCrew.plan(0, "parallel")
  const tasks = Array.from({ length: count }, (_, n) => ({
    ...base.tasks[0]!,
    id: `t${n}`,
    context: [],
    dependencies: cases[name]!(n, count).map((index) => `t${index}`)
  }))
  return { ...base, name, tasks }
}

interface Counters {
  readonly statements: number
  readonly pages: number
}

const counters = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`select pg_stat_force_next_flush()`
  const [row] = yield* sql<Counters>`select xact_commit::int as statements, (blks_hit + blks_read)::float8 as pages
    from pg_stat_database where datname = current_database()`
  return row!
})

/** Runs one execution, milliseconds. */
const execution = (plan: Plan.Plan) =>
  Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const from = performance.now()
    const { result } = yield* crewline.startPlan(plan)
    yield* result
    return performance.now() - from
  }).pipe(
    Effect.provide(
      Crewline.layer().pipe(Layer.provide([TimedCrew.services, PgEventLog.layer, LocalTaskQueue.layerLocal]))
    )
  )

/**
 * On a server the sessions of the execution end before its counters are read: they report when they
 * are idle for long, or end.
 */
const measure = (database: string, options: Database.Options, plan: Plan.Plan) =>
  database === "postgres"
    ? Effect.gen(function* () {
        const read = Effect.provide(counters, Layer.fresh(Database.layer(options)))
        const before = yield* read
        const millis = yield* Effect.provide(execution(plan), Layer.fresh(Database.layer(options)))
        return { before, millis, after: yield* read }
      })
    : Effect.gen(function* () {
        const before = yield* counters
        const millis = yield* execution(plan)
        return { before, millis, after: yield* counters }
      }).pipe(Effect.provide(Layer.fresh(Database.layer(options))))

/**
 * Each case at each size. The cost of a task must not grow with the execution: the last row of a
 * case shows whether it does.
 */
const shapes = Effect.fnUntraced(function* (report: Report, { least, most }: typeof options) {
  for (const database of ["postgres", "pglite"]) {
    for (const name of Object.keys(cases)) {
      const msPerTask = new Map<number, number>()
      for (const tasks of sizes.filter((size) => size >= least && size <= most)) {
        const options: Database.Options =
          database === "postgres" ? PostgresServer.optionsOf(yield* PostgresServer.emptyDatabase) : { kind: "memory" }
        const { after, before, millis } = yield* measure(database, options, planOf(name, tasks))
        msPerTask.set(tasks, millis / tasks)
        report({
          bench: "durable",
          case: name,
          database,
          tasks,
          msPerTask: millis / tasks,
          statementsPerTask: (after.statements - before.statements) / tasks,
          pagesPerStep: (after.pages - before.pages) / tasks
        })
      }
      const [many, few] = [msPerTask.get(10_000), msPerTask.get(1_000)]
      if (many === undefined || few === undefined) continue
      report({ bench: "durable", case: `${name}, per task at 10,000 over at 1,000`, database, ratio: many / few })
    }
  }
})

const main = Effect.fnUntraced(function* (report: Report, given: typeof options) {
  if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
  yield* shapes(report, given)
  const { events, executions } = given
  for (const statistics of events === 0 ? [] : DurablePages.statistics) {
    const figures = yield* DurablePages.make(events, statistics)
    report({ bench: "durable", case: `step at ${events} events`, database: "postgres", statistics, ...figures })
  }
  if (process.platform !== "linux" || executions === 0) return
  yield* Effect.promise(async () => {
    for await (const figures of ServeMemory.measure(executions)) {
      report({ bench: "durable", database: "pglite", ...figures })
    }
  })
})

export const run = (report: Report, given: Options): Promise<void> =>
  Effect.runPromise(Effect.scoped(main(report, { ...options, ...given })))
