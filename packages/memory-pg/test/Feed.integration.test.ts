/**
 * The order of the feed among real transactions: those that are held open, those that wait for each
 * other, those of other processes.
 */
import { assert, describe, it } from "@effect/vitest"
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Feed from "@crewline/core/Feed"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Latch from "effect/Latch"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const started: ExecutionEvent.ExecutionStarted = {
  type: "ExecutionStarted",
  plan: { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} }
}
const signal = (n: number): ExecutionEvent.Draft => ({ type: "SignalReceived", signal: `s${n}`, value: n })

/**
 * A process of its own, as far as the database can tell; counts the pages of feeds that it reads.
 */
const process_ = Effect.fnUntraced(function* (url: URL, options: PgEventLog.Options) {
  const sql = Context.get(
    yield* Layer.build(Layer.fresh(Database.layer(PostgresServer.optionsOf(url)))),
    SqlClient.SqlClient
  )
  const reads = { count: 0 }
  const counting = new Proxy(sql, {
    get: (target, name) => {
      if (name !== "unsafe") return Reflect.get(target, name)
      return (text: string, params?: ReadonlyArray<unknown>) => {
        if (text.includes("crewline_feed(")) reads.count++
        return target.unsafe(text, params)
      }
    }
  })
  const log = yield* Effect.provideService(PgEventLog.make(options), SqlClient.SqlClient, counting)
  return { log, sql, reads }
})

const nameOf = ({ event: { executionId, seq } }: Feed.Fed) => `${executionId} ${seq}`
const readAll = (log: EventLog.EventLog["Service"]) =>
  Effect.map(log.readFeed({ limit: 1_000 }), (page) => page.map(nameOf))

/** Follows in a fiber of its own. */
const follow = Effect.fnUntraced(function* (log: EventLog.EventLog["Service"], after?: string) {
  const seen: Array<string> = []
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(log.feed(after === undefined ? {} : { after }), (fed) =>
      Effect.sync(() => {
        seen.push(nameOf(fed))
      })
    )
  )
  return { seen, fiber }
})

const until = (isTrue: () => boolean) => Effect.sleep(5).pipe(Effect.repeat({ until: isTrue }))

/** Transactions of others on the same server delay feeds. */
const minute = 60_000

/** So rarely that only a notification can be what told a reader. */
const hardlyEver = 600_000

describe.skipIf(missing !== undefined)(missing ?? "The feed on PostgreSQL", () => {
  it.live("its cursors are the same on every server, after a rollback too, and hold in no other database", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const [first, second] = [yield* process_(url, {}), yield* process_(url, {})]
      yield* first.log.start("x", started)
      const rolledBack = first.sql.withTransaction(Effect.andThen(readAll(first.log), Effect.fail("rolled back")))
      assert.strictEqual(yield* Effect.flip(rolledBack), "rolled back")
      const [pages, others] = yield* Effect.all([first.log.readFeed(), second.log.readFeed()], { concurrency: 2 })
      assert.deepStrictEqual(pages, others)
      const [{ cursor: after }] = [...pages] as [Feed.Fed]
      assert.deepStrictEqual(yield* (yield* process_(url, {})).log.readFeed({ after }), [])
      const elsewhere = yield* process_(yield* PostgresServer.emptyDatabase, {})
      for (let n = 0; n < 3; n++) yield* elsewhere.log.start(`x${n}`, started)
      const refused = yield* Effect.flip(elsewhere.log.readFeed({ after }))
      assert.strictEqual(refused.reason._tag, "InvalidCursor")
    }).pipe(Effect.scoped)
  )

  it.live(
    "waits for a transaction that is held open, and has what it has written in its place",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        const [first, second] = [yield* process_(url, { pollMillis: 30 }), yield* process_(url, { pollMillis: 30 })]
        yield* first.log.start("held", started)
        yield* first.log.start("free", started)
        const before = ["held 1", "free 1"]
        const reader = yield* follow(second.log)
        const [opened, goOn] = [yield* Deferred.make<void>(), yield* Latch.make()]
        const holding = yield* Effect.forkScoped(
          first.sql.withTransaction(
            Effect.gen(function* () {
              yield* first.log.append("held", [signal(1)])
              yield* Deferred.succeed(opened, undefined)
              yield* goOn.await
            })
          )
        )
        yield* Deferred.await(opened)
        yield* second.log.append("free", [signal(1)])
        yield* second.log.append("free", [signal(2)])
        // What is committed is not given while something before it may still come.
        yield* Effect.sleep(200)
        assert.deepStrictEqual(yield* readAll(second.log), before)
        assert.deepStrictEqual(reader.seen, before)
        yield* goOn.open
        yield* Fiber.join(holding)
        const whole = [...before, "held 2", "free 2", "free 3"]
        yield* until(() => reader.seen.length >= whole.length)
        assert.deepStrictEqual(reader.seen, whole)
        assert.deepStrictEqual(yield* readAll(first.log), whole)
      }).pipe(Effect.scoped),
    minute
  )

  it.live(
    "accepts its cursors while an append that began before them is about to take its place",
    () =>
      Effect.gen(function* () {
        const { log, sql } = yield* process_(yield* PostgresServer.emptyDatabase, { pollMillis: 30 })
        yield* log.start("x", started)
        const { last_value: given } = (yield* sql<{ last_value: string }>`
          select last_value from crewline_place_sequence`)[0]!
        yield* log.append("x", [signal(1)])
        const after = (yield* log.readFeed()).at(-1)!.cursor
        const [opened, goOn] = [yield* Deferred.make<void>(), yield* Latch.make()]
        const late = yield* Effect.forkScoped(
          sql.withTransaction(
            Effect.gen(function* () {
              // What crewline_place() publishes, had it read the sequence before the last append.
              yield* sql`select pg_advisory_xact_lock_shared(1668440420, ${Number(given)}::int)`
              yield* Deferred.succeed(opened, undefined)
              yield* goOn.await
              yield* log.append("x", [signal(2)])
            })
          )
        )
        yield* Deferred.await(opened)
        assert.deepStrictEqual(yield* log.readFeed({ after }), [])
        const reader = yield* follow(log, after)
        yield* Effect.sleep(100)
        yield* goOn.open
        yield* Fiber.join(late)
        yield* until(() => reader.seen.length > 0)
        assert.deepStrictEqual(reader.seen, ["x 3"])
      }).pipe(Effect.scoped),
    minute
  )

  it.live(
    "is in the order of seq where an older transaction got the lock of the execution later",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        const { log, sql } = yield* process_(url, { pollMillis: 30 })
        yield* log.start("x", started)
        const [opened, goOn] = [yield* Deferred.make<void>(), yield* Latch.make()]
        const older = yield* Effect.forkScoped(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`select crewline_place()`
              yield* Deferred.succeed(opened, undefined)
              yield* goOn.await
              yield* log.append("x", [signal(2)])
            })
          )
        )
        yield* Deferred.await(opened)
        yield* log.append("x", [signal(1)])
        yield* goOn.open
        yield* Fiber.join(older)
        assert.deepStrictEqual(yield* readAll(log), ["x 1", "x 2", "x 3"])
      }).pipe(Effect.scoped),
    minute
  )

  it.live(
    "goes on in the middle of an append, and of a transaction of many",
    () =>
      Effect.gen(function* () {
        const { log, sql } = yield* process_(yield* PostgresServer.emptyDatabase, {})
        for (const id of ["a", "b"]) yield* log.start(id, started)
        yield* sql.withTransaction(
          Effect.gen(function* () {
            for (let n = 0; n < 200; n++) yield* log.append(n % 2 === 0 ? "a" : "b", [signal(n)])
            yield* log.append("a", [signal(200), signal(201), signal(202)])
          })
        )
        const whole = yield* log.readFeed({ limit: 1_000 })
        assert.strictEqual(whole.length, 205)
        for (const limit of [1, 3, 128]) {
          const seen: Array<Feed.Fed> = []
          for (;;) {
            const after = seen.at(-1)?.cursor
            const page = yield* log.readFeed({ limit, ...(after !== undefined && { after }) })
            if (page.length === 0) break
            seen.push(...page)
          }
          assert.deepStrictEqual(seen, whole)
        }
      }).pipe(Effect.scoped),
    minute
  )

  it.live(
    "is told by the other process of what is new, and read once for all who are up to date",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        const options = { pollMillis: hardlyEver }
        const [writer, reader] = [yield* process_(url, options), yield* process_(url, options)]
        yield* writer.log.start("x", started)
        const followers = yield* Effect.forEach(Array.from({ length: 50 }), () => follow(reader.log), {
          concurrency: "unbounded"
        })
        yield* until(() => followers.every(({ seen }) => seen.length === 1))
        yield* Effect.sleep(100)
        reader.reads.count = 0
        yield* Effect.sleep(200)
        assert.strictEqual(reader.reads.count, 0)
        yield* writer.log.append("x", [signal(1), signal(2)])
        yield* until(() => followers.every(({ seen }) => seen.length === 3))
        assert.isAtMost(reader.reads.count, 3)
        // The last one to leave takes the reader with it.
        for (const { fiber } of followers) yield* Fiber.interrupt(fiber)
        yield* Effect.sleep(50)
        reader.reads.count = 0
        yield* writer.log.append("x", [signal(3)])
        yield* Effect.sleep(100)
        assert.strictEqual(reader.reads.count, 0)
      }).pipe(Effect.scoped),
    minute
  )
})
