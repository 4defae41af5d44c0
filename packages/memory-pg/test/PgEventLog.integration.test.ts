import { assert, describe, it } from "@effect/vitest"
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import { EventLogContract, OutboxContract } from "@crewline/core/testing"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import { ownerOf } from "./Owner.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const minute = 60_000

const plan = { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const started: ExecutionEvent.ExecutionStarted = { type: "ExecutionStarted", plan }
const ended: ExecutionEvent.ExecutionEnded = { type: "ExecutionEnded", status: "completed", usage }
const completed = (taskId: string, output = "output"): ExecutionEvent.TaskCompleted => ({
  type: "TaskCompleted",
  taskId,
  run: 1,
  output
})

/**
 * A separate process from the database's view: a pool and a log that share nothing with another.
 */
const process_ = (url: URL, options: PgEventLog.Options) =>
  Effect.map(
    Layer.build(PgEventLog.layerWith(options).pipe(Layer.provideMerge(Database.layer(PostgresServer.optionsOf(url))))),
    (context) => ({ log: Context.get(context, EventLog.EventLog), sql: Context.get(context, SqlClient.SqlClient) })
  )

/** So rarely that only a notification can have informed a follower. */
const hardlyEver = 10 * minute

describe.skipIf(missing !== undefined)(missing ?? "PostgreSQL", () => {
  EventLogContract.suite("PgEventLog on a server", PgEventLog.layer.pipe(Layer.provide(PostgresServer.layer)))

  OutboxContract.suite("PgEventLog on a server", PgEventLog.layer.pipe(Layer.provide(PostgresServer.layer)))

  EventLogContract.suite(
    "PgEventLog on a server, with every hint dropped, and outputs read back",
    PgEventLog.layerWith({ hints: false, outputsLength: 0, pollMillis: 30 }).pipe(Layer.provide(PostgresServer.layer))
  )

  EventLogContract.suite(
    "PgEventLog as a user that may do nothing but act as the role, and whose connections do so by themselves",
    Layer.unwrap(
      Effect.gen(function* () {
        const user = yield* PostgresServer.user
        const url = yield* PostgresServer.emptyDatabase
        // Migrated by the owner, because this user may not.
        yield* Effect.provide(Effect.void, Layer.fresh(Database.layer(PostgresServer.optionsOf(url))))
        url.username = user
        return PgEventLog.layer.pipe(Layer.provide(Database.layer(PostgresServer.optionsOf(url))))
      })
    )
  )

  it.live("pruning reads along an index, whatever the other rows", () =>
    Effect.gen(function* () {
      const { log, sql } = yield* process_(yield* PostgresServer.emptyDatabase, {})
      yield* log.start("x", started)
      yield* log.append("x", [ended])
      const asOwner = ownerOf(sql)
      yield* asOwner(sql`insert into crewline_execution
        (tenant, id, crew_name, last_seq, version, last_at, started_at, status, ended_at)
        select 'default', 'e' || n, 'crew', 1, 1, now(), now(), case when n % 2 = 0 then 'completed' else 'running' end,
          case when n % 2 = 0 then now() - n * interval '1 second' end
        from generate_series(1, 20000) n`)
      yield* asOwner(sql`analyze crewline_execution`)
      const plan = yield* asOwner(sql<{ readonly "QUERY PLAN": string }>`explain select * from crewline_execution e
        where e.ended_at is not null and e.ended_at <= clock_timestamp() - 100 * interval '1 millisecond'
        order by e.ended_at limit 100 for update skip locked`)
      assert.include(plan.map((row) => row["QUERY PLAN"]).join("\n"), "crewline_execution_ended")
      const pruned = yield* log.prune({ endedForMillis: 0, limit: 3 })
      assert.deepStrictEqual(
        pruned.map(({ executionId }) => executionId),
        ["e20000", "e19998", "e19996"]
      )
    })
  )

  it.live("a deleted execution leaves no rows, and one with a reader is skipped without waiting", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const [{ log, sql }, other] = [yield* process_(url, {}), yield* process_(url, {})]
      for (const id of ["held", "free"]) {
        yield* log.start(id, started)
        yield* log.append(id, [completed("a", "x".repeat(200_000)), ended])
      }
      const prune = other.log.prune({ endedForMillis: 0, limit: 10 })
      yield* ownerOf(sql)(
        Effect.gen(function* () {
          yield* sql`select from crewline_execution where id = 'held' for update`
          assert.deepStrictEqual(yield* prune, [{ executionId: "free", tenant: "default" }])
        })
      )
      assert.deepStrictEqual(yield* prune, [{ executionId: "held", tenant: "default" }])
      assert.deepStrictEqual(
        yield* ownerOf(sql)(sql`select (select count(*) from crewline_execution)::int as executions,
          (select count(*) from crewline_event)::int as events, (select count(*) from crewline_blob)::int as blobs,
          (select count(*) from crewline_gone)::int as gone`),
        [{ executions: 0, events: 0, blobs: 0, gone: 2 }]
      )
    })
  )

  it.live("a key whose execution is being deleted is answered with that execution or a new one", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const [{ log, sql }, other] = [yield* process_(url, {}), yield* process_(url, {})]
      const start = (id: string) => log.start(id, started, { idempotency: { key: "key", requestHash: "hash" } })
      yield* start("old")
      assert.deepInclude(yield* start("again"), { executionId: "old", existing: true })
      yield* log.append("old", [ended])
      // Holds a start that found its key taken until the execution is deleted.
      yield* ownerOf(sql)(
        Effect.andThen(
          sql.unsafe(`create function hold() returns trigger language plpgsql as $$
            begin perform pg_advisory_xact_lock_shared(7); return null; end $$`),
          sql`create trigger hold after insert on crewline_execution execute function hold()`
        )
      )
      const isHeld = sql`select from pg_locks where locktype = 'advisory' and objid = 7 and not granted
        and database = (select oid from pg_database where datname = current_database())`.pipe(
        Effect.repeat({ until: (rows) => rows.length > 0, schedule: Schedule.spaced("10 millis") })
      )
      const starting = yield* other.sql.withTransaction(
        Effect.gen(function* () {
          yield* other.sql`select pg_advisory_xact_lock(7)`
          const fiber = yield* Effect.forkScoped(start("new"))
          yield* isHeld
          yield* other.log.remove("old")
          return fiber
        })
      )
      assert.deepInclude(yield* Fiber.join(starting), { executionId: "new", existing: false })
    })
  )

  it.live("batches of starts with the same keys in different orders do not deadlock", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const logs = [(yield* process_(url, {})).log, (yield* process_(url, {})).log]
      const keys = Array.from({ length: 64 }, (_, index) => `key ${index}`)
      for (let round = 0; round < 10; round++) {
        const batch = (log: EventLog.EventLog["Service"], name: string, order: ReadonlyArray<string>) =>
          Effect.forEach(
            order,
            (key) =>
              log.start(`${round} ${name} ${key}`, started, {
                idempotency: { key: `${round} ${key}`, requestHash: "hash" }
              }),
            { concurrency: "unbounded" }
          )
        const [forwards, backwards] = yield* Effect.all(
          [batch(logs[0]!, "one", keys), batch(logs[1]!, "other", keys.toReversed())],
          { concurrency: 2 }
        )
        assert.deepStrictEqual(
          forwards.map(({ executionId }) => executionId),
          backwards!.map(({ executionId }) => executionId).toReversed()
        )
      }
    })
  )

  it.live("a follower in another process that has not seen the end is informed of the deletion", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const { log, sql } = yield* process_(url, {})
      const there = yield* process_(url, { hints: false, pollMillis: 300 })
      yield* log.start("x", started)
      const arrived = yield* Deferred.make<void>()
      const follower = yield* there.log.follow("x").pipe(
        Stream.runForEach(() => Deferred.succeed(arrived, undefined)),
        Effect.flip,
        Effect.forkChild
      )
      yield* Deferred.await(arrived)
      // In one transaction, so that no check falls between the two.
      yield* sql.withTransaction(Effect.andThen(log.append("x", [ended]), log.remove("x")))
      assert.deepStrictEqual((yield* Fiber.join(follower)).reason, new EventLog.Gone({ executionId: "x" }))
    })
  )

  it.live("another process follows by NOTIFY, deltas included", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const here = yield* process_(url, { pollMillis: hardlyEver })
      const there = yield* process_(url, { pollMillis: hardlyEver })
      yield* here.log.start("x", started)
      const begun = yield* Deferred.make<void>()
      const gotDelta = yield* Deferred.make<void>()
      const follower = yield* there.log.follow("x", { deltas: true }).pipe(
        Stream.tap((event) => Deferred.succeed(event.type === "TextDelta" ? gotDelta : begun, undefined)),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      const delta = { type: "TextDelta", executionId: "x", at: "", taskId: "a", run: 1, turn: 1 } as const
      // Until the other one listens, because deltas may be lost.
      yield* here.log
        .publish({ ...delta, offset: 0, delta: "some 🦦 text" })
        .pipe(
          Effect.andThen(Effect.sleep(50)),
          Effect.repeat({ schedule: Schedule.recurs(100), until: () => Deferred.isDoneUnsafe(gotDelta) })
        )
      yield* here.log.append("x", [completed("a")])
      yield* here.log.append("x", [ended])
      const seen = yield* Fiber.join(follower)
      assert.deepStrictEqual(
        seen.filter((event) => event.type !== "TextDelta"),
        yield* here.log.read("x")
      )
      assert.deepInclude(seen[1], { ...delta, offset: 0 })
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )

  it.live("sixteen appenders in two processes, with listeners killed repeatedly: a follower sees exactly 1 … n", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const processes = [yield* process_(url, { pollMillis: 100 }), yield* process_(url, { pollMillis: 100 })] as const
      const there = yield* process_(url, { pollMillis: 100 })
      yield* there.log.start("x", started)
      const follower = yield* Effect.forkChild(Stream.runCollect(there.log.follow("x")))
      const killer = yield* Effect.forkChild(
        ownerOf(there.sql)(there.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`).pipe(
          Effect.andThen(Effect.sleep(40)),
          Effect.forever
        )
      )
      yield* Effect.forEach(
        Array.from({ length: 16 }, (_, index) => index),
        (index) =>
          Effect.forEach(Array.from({ length: 20 }), (_, n) =>
            processes[index % 2]!.log.append("x", [completed(`${index}-${n}`)]).pipe(Effect.delay(5))
          ),
        { concurrency: "unbounded" }
      )
      yield* processes[0].log.append("x", [ended])
      const seen = yield* Fiber.join(follower)
      yield* Fiber.interrupt(killer)
      assert.deepStrictEqual<ReadonlyArray<unknown>>(seen, yield* there.log.read("x"))
      assert.deepStrictEqual(
        seen.map((event) => ("seq" in event ? event.seq : 0)),
        Array.from({ length: 322 }, (_, index) => index + 1)
      )
    }).pipe(Effect.scoped, Effect.timeout("40 seconds"))
  )

  it.live("a process whose listener was killed listens again, and reads what it missed", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const here = yield* process_(url, { pollMillis: hardlyEver })
      const there = yield* process_(url, { pollMillis: hardlyEver })
      const listeners = Effect.map(
        ownerOf(here.sql)(here.sql<{ readonly n: number }>`select count(*)::int as n from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`),
        ([row]) => row!.n
      )
      const untilListening = Effect.repeat(Effect.delay(listeners, 20), { until: (n) => n === 2 })
      yield* here.log.start("x", started)
      const follower = yield* Effect.forkChild(Stream.runCollect(there.log.follow("x")))
      yield* untilListening
      yield* ownerOf(here.sql)(here.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query ilike 'listen%'`)
      yield* here.log.append("x", [completed("missed")])
      yield* untilListening
      yield* here.log.append("x", [ended])
      assert.strictEqual((yield* Fiber.join(follower)).length, 3)
    }).pipe(Effect.scoped, Effect.timeout("15 seconds"))
  )

  it.live("connections killed during appends: failures are retryable, and a retry is stored once", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const { log } = yield* process_(url, { pollMillis: 100 })
      const killer = yield* process_(url, { hints: false })
      yield* log.start("x", started)
      let failures = 0
      let stored = 1
      const kill = Effect.gen(function* () {
        const before = stored
        yield* ownerOf(killer.sql)(killer.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`)
        // On a busy machine a new connection may take longer than any pause: some work must
        // complete between two kills.
        while (stored === before) yield* Effect.sleep(30)
      })
      const killing = yield* Effect.forkChild(Effect.forever(kill))
      const append = Effect.fnUntraced(function* (index: number) {
        // At least twenty each, and until one was killed.
        for (let n = 0; n < 20 || failures === 0; n++) {
          yield* log.append("x", [completed(`${index}-${n}`)], { nonce: `${index}-${n}` }).pipe(
            Effect.delay(2),
            Effect.tapError(() => Effect.sync(() => failures++)),
            Effect.retry({ while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable, times: 50 })
          )
          stored++
        }
      })
      yield* Effect.forEach(Array.from({ length: 8 }).keys(), append, { concurrency: "unbounded" })
      yield* Fiber.interrupt(killing)
      const events = yield* log.read("x").pipe(Effect.retry({ times: 10 }))
      assert.deepStrictEqual(
        events.map(({ seq }) => seq),
        Array.from({ length: stored }, (_, index) => index + 1)
      )
    }).pipe(Effect.scoped, Effect.timeout("40 seconds"))
  )

  it.live("an open transaction leaves no gap that a follower could skip, and blocks no other execution", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const here = yield* process_(url, { pollMillis: 20 })
      const there = yield* process_(url, { pollMillis: 20 })
      yield* here.log.start("x", started)
      yield* here.log.start("y", started)
      const follower = yield* Effect.forkChild(Stream.runCollect(there.log.follow("x")))
      const held = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const holding = yield* Effect.forkChild(
        here.sql.withTransaction(
          Effect.gen(function* () {
            yield* here.log.append("x", [completed("held")])
            yield* Deferred.succeed(held, undefined)
            yield* Deferred.await(release)
          })
        )
      )
      yield* Deferred.await(held)
      const waiting = yield* Effect.forkChild(there.log.append("x", [completed("waiting")]))
      yield* there.log.append("y", [completed("free")])
      yield* Effect.sleep(100)
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual((yield* there.log.read("x")).length, 1)
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(holding)
      yield* Fiber.join(waiting)
      yield* here.log.append("x", [ended])
      assert.deepStrictEqual(
        (yield* Fiber.join(follower)).map((event) => ("taskId" in event ? event.taskId : event.type)),
        ["ExecutionStarted", "held", "waiting", "ExecutionEnded"]
      )
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )

  it.live("two processes share the executions to run", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const here = yield* process_(url, {})
      const there = yield* process_(url, {})
      const ids = Array.from({ length: 40 }, (_, index) => `x${index}`)
      yield* Effect.forEach(ids, (id) => here.log.start(id, started))
      const adopt = (log: EventLog.EventLog["Service"], owner: string) =>
        Effect.map(
          Effect.forEach(Array.from({ length: 4 }), () => log.adopt({ owner, leaseMillis: minute, limit: 20 })),
          (rounds) => rounds.at(-1)!.map(({ executionId }) => executionId)
        )
      const [mine, theirs] = yield* Effect.all([adopt(here.log, "here"), adopt(there.log, "there")], { concurrency: 2 })
      assert.strictEqual(new Set([...mine, ...theirs]).size, 40)
      assert.strictEqual(mine.length, 20)
    }).pipe(Effect.scoped)
  )
})
