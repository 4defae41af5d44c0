import { BroadcastContract } from "@crewline/core/testing"
import * as Broadcast from "@crewline/core/Broadcast"
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Database from "../src/Database.ts"
import * as PgBroadcast from "../src/PgBroadcast.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as Postgres from "../src/Postgres.ts"
import { ownerOf } from "./Owner.ts"
import * as PostgresServer from "./PostgresServer.ts"

const plan = { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const completed = (taskId: string): ExecutionEvent.TaskCompleted => ({
  type: "TaskCompleted",
  taskId,
  run: 1,
  output: "output"
})

/**
 * Precedes PostgreSQL's own `pg_notify`: records the transaction in which it is called, and its
 * locks on the log.
 */
const witness = `
create table told (xid xid not null, locks text[] not null);
create function public.pg_notify(channel text, payload text) returns void language plpgsql security definer as $$ begin
  insert into told select pg_current_xact_id()::xid, array(
    select relation::regclass || ' ' || mode from pg_locks where pid = pg_backend_pid() and mode <> 'AccessShareLock'
      and relation in (to_regclass('crewline_execution'), to_regclass('crewline_event')));
  perform pg_catalog.pg_notify(channel, payload);
end $$`

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "PgBroadcast", () => {
  BroadcastContract.suite(
    "on a server",
    Effect.gen(function* () {
      const url = Redacted.make((yield* PostgresServer.emptyDatabase).href)
      const process_ = Layer.build(PgBroadcast.layer.pipe(Layer.provideMerge(Postgres.layer({ url }))))
      const [here, there] = [yield* process_, yield* process_]
      const sql = Context.get(here, SqlClient.SqlClient)
      return [
        Context.get(here, Broadcast.Broadcast),
        Context.get(there, Broadcast.Broadcast),
        {
          cut: Effect.asVoid(sql`select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and query ilike 'listen%'`)
        }
      ] as const
    })
  )

  /** Creates processes on one database that records notifications. */
  const watched = Effect.gen(function* () {
    const url = yield* PostgresServer.emptyDatabase
    const database = url.pathname.slice(1)
    const server = Postgres.layer({ url: Redacted.make(url.href) })
    yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
      Effect.andThen(
        sql.unsafe(`alter database ${database} set search_path = public, pg_catalog`),
        Effect.forEach(witness.split(/;(?=\ncreate)/), (statement) => sql.unsafe(statement))
      )
    ).pipe(Effect.provide(server))
    // So rarely that only a notification can have informed a follower.
    const pollMillis = 10 * 60_000
    return Layer.build(
      PgEventLog.layerWith({ pollMillis }).pipe(
        Layer.provideMerge(Database.layer(PostgresServer.optionsOf(url))),
        Layer.fresh
      )
    )
  })

  it.live("a process alone sends no notifications until another one starts", () =>
    Effect.gen(function* () {
      const process_ = yield* watched
      const here = yield* process_
      const [log, sql] = [Context.get(here, EventLog.EventLog), Context.get(here, SqlClient.SqlClient)]
      const told = Effect.map(
        ownerOf(sql)(sql<{ readonly n: number }>`select count(*)::int as n from told`),
        ([row]) => row!.n
      )
      // It has announced itself, and received no reply.
      while ((yield* told) === 0) yield* Effect.sleep(5)
      yield* log.start("x", { type: "ExecutionStarted", plan })
      for (let n = 0; n < 20; n++) yield* log.append("x", [completed(`${n}`)])
      assert.strictEqual(yield* told, 1)

      const there = yield* process_
      const follower = yield* Effect.forkChild(Stream.runCollect(Context.get(there, EventLog.EventLog).follow("x")))
      for (let n = 20; n < 40; n++) yield* log.append("x", [completed(`${n}`)])
      yield* log.append("x", [{ type: "ExecutionEnded", status: "completed", usage }])
      assert.strictEqual((yield* Fiber.join(follower)).length, 42)
      assert.isAbove(yield* told, 1)
    }).pipe(Effect.scoped, Effect.timeout("15 seconds"))
  )

  // All transactions that notify commit one after another, holding all their locks meanwhile.
  it.live("notifications are sent neither in the transaction of an append nor under its locks", () =>
    Effect.gen(function* () {
      const process_ = yield* watched
      const [here, there] = [yield* process_, yield* process_]
      const [log, sql] = [Context.get(here, EventLog.EventLog), Context.get(here, SqlClient.SqlClient)]
      yield* log.start("x", { type: "ExecutionStarted", plan })
      const follower = yield* Effect.forkChild(Stream.runCollect(Context.get(there, EventLog.EventLog).follow("x")))
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => `${n}`),
        (n) => log.append("x", [completed(n)]),
        {
          concurrency: 8
        }
      )
      yield* sql.withTransaction(log.append("x", [completed("in a transaction of the caller")]))
      yield* log.append("x", [{ type: "ExecutionEnded", status: "completed", usage }])
      assert.strictEqual((yield* Fiber.join(follower)).length, 53)

      const told = yield* ownerOf(sql)(sql<{ readonly n: number }>`select count(*)::int as n from told`)
      assert.isAbove(told[0]!.n, 0)
      assert.deepStrictEqual(
        yield* ownerOf(sql)(sql`select locks from told where locks <> '{}' or exists
          (select from crewline_event where crewline_event.xmin = told.xid)`),
        []
      )
      // The command NOTIFY calls no function.
      assert.deepStrictEqual(
        yield* sql`select proname from pg_proc
          where pronamespace = 'public'::regnamespace and proname <> 'pg_notify' and prosrc ~* 'notify'`,
        []
      )
    }).pipe(Effect.scoped, Effect.timeout("15 seconds"))
  )
})
