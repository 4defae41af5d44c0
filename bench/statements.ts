/**
 * PostgreSQL statements per execution, started over HTTP one at a time with the crew in the body:
 * of one task, of five in a chain, and of five whose outputs are followed by rows of the outbox;
 * with the queue in process, and over Redis with the server as its only worker. It is the
 * difference between many executions and few, each on a separate server, divided by their number,
 * so that starting and stopping the server is not included. Transactions are counted, and every
 * statement is one.
 *
 * `npm run -s bench -- statements --json [--executions 200]`. Needs PostgreSQL at
 * `TEST_DATABASE_URL`, default 127.0.0.1:5432, and `redis-server`.
 */
import * as FakeProvider from "@crewline/fake-provider/Process"
import * as Database from "@crewline/memory-pg/Database"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"
import * as Client from "./Client.ts"
import * as InlineCrew from "./InlineCrew.ts"
import type { Options, Report } from "./run.ts"
import * as ServeProcess from "./ServeProcess.ts"

export const options = { executions: 200 }

/** The fewer executions. */
const few = 20

const cases: ReadonlyArray<{ readonly name: string; readonly tasks: number; readonly memory?: boolean }> = [
  { name: "one task", tasks: 1 },
  { name: "chain of five", tasks: 5 },
  { name: "chain of five that is remembered", tasks: 5, memory: true }
]

/**
 * Transactions of the database so far. No other client may be connected: sessions report theirs
 * when they end.
 */
const transactions = (url: URL) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ readonly n: number }>`select xact_commit::int as n from pg_stat_database
      where datname = current_database()`
    return row!.n
  }).pipe(Effect.provide(Layer.fresh(Database.layerUnmigrated(PostgresServer.optionsOf(url)))))

interface Site {
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * Runs this many executions on a new server, one after the other; returns the total number of
 * transactions.
 */
const measure = (
  url: URL,
  { directory, env }: Site,
  { memory = false, tasks }: (typeof cases)[number],
  executions: number
) =>
  Effect.gen(function* () {
    const before = yield* transactions(url)
    // The number of polls for the end, whose statements belong to the benchmark.
    let looks = 0
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => ServeProcess.start({ directory, env: { ...env, DATABASE_URL: url.href } })),
        (started) => Effect.promise(started.stop)
      )
      const client = Client.make(server.url)
      const crew = InlineCrew.make("chain", tasks, { isChain: true, memory })
      for (let n = 0; n < executions; n++) {
        yield* Effect.promise(() => client.post("/api/v1/executions", { crew }))
        for (let left = 1; left > 0; looks++) {
          yield* Effect.sleep(5)
          const [row] = yield* sql<{ readonly n: number }>`select count(*)::int as n from crewline_execution
            where ended_at is null`
          left = row!.n
        }
      }
      client.close()
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Database.layerUnmigrated(PostgresServer.optionsOf(url)))))
    return (yield* transactions(url)) - before - looks
  })

const main = Effect.fnUntraced(function* (report: Report, { executions }: typeof options) {
  if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "crewline-bench-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const provider = yield* Effect.acquireRelease(
    Effect.promise(() => FakeProvider.start()),
    (started) => Effect.sync(started.stop)
  )
  const env = { OPENAI_API_KEY: "none", OPENAI_BASE_URL: provider.baseURL }
  for (const queue of RedisProcess.missing === undefined ? (["local", "redis"] as const) : (["local"] as const)) {
    const more: Record<string, string> = { CREWLINE_QUEUE: queue }
    if (queue === "redis") more["REDIS_URL"] = `redis://127.0.0.1:${(yield* RedisProcess.make()).port}`
    for (const each of cases) {
      const url = yield* PostgresServer.emptyDatabase
      yield* Effect.provide(Effect.void, Layer.fresh(Database.layer(PostgresServer.optionsOf(url))))
      const site = { directory, env: { ...env, ...more } }
      const least = yield* measure(url, site, each, few)
      const most = yield* measure(url, site, each, few + executions)
      const statements = (most - least) / executions
      report({ bench: "statements", case: each.name, queue, executions, statements: Number(statements.toFixed(2)) })
    }
  }
})

export const run = (report: Report, given: Options): Promise<void> =>
  Effect.runPromise(Effect.scoped(main(report, { ...options, ...given })))
