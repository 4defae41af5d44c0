import { spawn } from "node:child_process"
import { once } from "node:events"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import { asOwner } from "./Owner.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as Pglite from "../src/Pglite.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => NodeFs.mkdtempSync(NodePath.join(NodeOs.tmpdir(), "crewline-pglite-"))),
  (directory) => Effect.sync(() => NodeFs.rmSync(directory, { recursive: true, force: true }))
)

it("a failure has a reason, also if the thrown value has no text", () => {
  const { message } = new Pglite.PgliteFailed({
    directory: null,
    cause: Object.assign(Object.create(null), { errno: 44 })
  })
  assert.include(message, "in memory failed to start")
  assert.include(message, "44")
})

layer(Pglite.layer(), { excludeTestServices: true, timeout: "1 minute" })("Pglite in memory", (it) => {
  it.effect("concurrent transactions do not mix, and statements outside wait for them", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`create table counter (n int not null)`
      yield* sql`insert into counter values (0)`
      const increment = sql.withTransaction(
        Effect.gen(function* () {
          const [row] = yield* sql<{ readonly n: number }>`select n from counter`
          yield* Effect.sleep(1)
          yield* sql`update counter set n = ${row!.n + 1}`
        })
      )
      yield* Effect.all([...Array.from({ length: 20 }, () => increment), sql`select pg_sleep(0)`], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(yield* sql`select n from counter`, [{ n: 20 }])
    })
  )

  it.effect("a failed or interrupted transaction leaves no changes, and frees the session", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`create table thing (id int primary key)`
      const failed = yield* Effect.exit(
        sql.withTransaction(Effect.andThen(sql`insert into thing values (1)`, Effect.fail("no")))
      )
      assert.isTrue(Exit.isFailure(failed))
      const fiber = yield* Effect.forkChild(
        sql.withTransaction(Effect.andThen(sql`insert into thing values (2)`, Effect.never))
      )
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(fiber)
      yield* sql.withTransaction(
        Effect.andThen(
          sql`insert into thing values (3)`,
          Effect.ignore(sql.withTransaction(Effect.andThen(sql`insert into thing values (4)`, Effect.fail("inner"))))
        )
      )
      assert.deepStrictEqual(yield* sql`select id from thing`, [{ id: 3 }])
    })
  )

  it.effect("has the same interface as the driver of a server", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [row] = yield* sql<{ readonly big: bigint; readonly at: Date; readonly tags: ReadonlyArray<string> }>`
        select 9007199254740993::int8 as big, '2026-11-22T12:00:00.123Z'::timestamptz as at, '["a"]'::text::jsonb as tags`
      assert.strictEqual(row!.big, 9007199254740993n)
      assert.strictEqual(row!.at.toISOString(), "2026-11-22T12:00:00.123Z")
      assert.deepStrictEqual(row!.tags, ["a"])
      yield* sql`create table once (id int constraint once_only primary key)`
      yield* sql`insert into once values (1)`
      const unique = yield* Effect.flip(sql`insert into once values (1)`)
      assert.deepInclude(unique.reason, { _tag: "UniqueViolation", constraint: "once_only" })
      assert.strictEqual((yield* Effect.flip(sql`select nonsense`)).reason._tag, "SqlSyntaxError")
      yield* sql`create extension vector`
      assert.deepStrictEqual(yield* sql`select '[1,2]'::vector <-> '[1,3]'::vector as distance`, [{ distance: 1 }])
    })
  )
})

describe("Pglite in a directory", () => {
  it.live("keeps its data, and is refused while it is open", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const open = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
        Effect.provide(effect, Layer.fresh(Database.layer({ kind: "embedded", directory })))
      yield* open(
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* asOwner(sql`create table note as select 'kept' as text`)
          const second = yield* Effect.flip(open(SqlClient.SqlClient))
          assert.strictEqual(second._tag, "DirectoryInUse")
          // The message must not suggest killing the process that prints it.
          assert.include(second.message, "already open in this process")
          assert.notInclude(second.message, "kill")
        })
      )
      const rows = yield* open(Effect.flatMap(SqlClient.SqlClient, (sql) => asOwner(sql`select text from note`)))
      assert.deepStrictEqual(rows, [{ text: "kept" }])
    }).pipe(Effect.scoped)
  )

  it.live(
    "loses no acknowledged append when the process is killed",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        let acknowledged = 1
        for (const millis of [0, 35, 180]) {
          const seen = yield* Effect.promise(async () => {
            const child = spawn(
              process.execPath,
              [NodePath.join(import.meta.dirname, "fixtures", "appendForEver.ts"), directory],
              { stdio: ["ignore", "pipe", "inherit"] }
            )
            let said = ""
            child.stdout.on("data", (data: Buffer) => (said += data.toString()))
            await once(child.stdout, "data")
            await new Promise((done) => setTimeout(done, millis))
            child.kill("SIGKILL")
            await once(child, "close")
            return said
          })
          // The last line may be incomplete.
          acknowledged = Math.max(acknowledged, ...seen.split("\n").slice(0, -1).map(Number))
          const events = yield* Effect.flatMap(EventLog.EventLog, (log) => log.read("x")).pipe(
            Effect.provide(
              PgEventLog.layer.pipe(Layer.provide(Layer.fresh(Database.layer({ kind: "embedded", directory }))))
            )
          )
          assert.isAtLeast(events.length, acknowledged)
          assert.strictEqual(events.length % 3, 1, "appends are whole")
          assert.deepStrictEqual(
            events.map(({ seq }) => seq),
            events.map((_, index) => index + 1)
          )
        }
        assert.isAbove(acknowledged, 10)
      }).pipe(Effect.scoped),
    60_000
  )
})
