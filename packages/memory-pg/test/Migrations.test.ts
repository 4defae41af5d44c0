import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import { assert, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as Migrations from "../src/Migrations.ts"
import * as Pglite from "../src/Pglite.ts"
import * as EarlierDatabase from "./EarlierDatabase.ts"

const first = {
  id: 1,
  name: "first",
  sql: "create table one (n int); insert into one values (1); create index on one (n)"
}
const second = {
  id: 2,
  name: "second",
  sql: "insert into one values (2); do $$ begin insert into one values (3); end $$"
}

layer(Pglite.layer(), { excludeTestServices: true, timeout: "1 minute" })("Migrations", (it) => {
  it.effect("apply each once, in order, also if many start together", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const run = (migrations: ReadonlyArray<Migrations.Migration>) => Migrations.run({ component: "test", migrations })
      assert.deepStrictEqual(yield* run([first]), ["first"])
      const applied = yield* Effect.all(
        Array.from({ length: 5 }, () => run([first, second])),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(applied.flat(), ["second"])
      assert.deepStrictEqual(yield* sql`select n from one order by n`, [{ n: 1 }, { n: 2 }, { n: 3 }])
      assert.deepStrictEqual(yield* Migrations.run({ component: "another", migrations: [] }), [])
    })
  )

  it.effect("a failing one changes nothing and is named", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const broken = [
        { id: 1, name: "good", sql: "create table good (n int)" },
        { id: 2, name: "bad", sql: "create table half (n int); select nonsense" }
      ]
      const error = yield* Effect.flip(Migrations.run({ component: "broken", migrations: broken }))
      assert.include(error.message, "Migration 2 (bad)")
      assert.deepStrictEqual(yield* sql`select to_regclass('good')::text as a, to_regclass('half')::text as b`, [
        { a: null, b: null }
      ])
    })
  )

  it.effect("a database migrated by a newer version is refused", () =>
    Effect.gen(function* () {
      yield* Migrations.run({
        component: "newer",
        migrations: [
          { id: 1, name: "a", sql: "select 1" },
          { id: 2, name: "b", sql: "select 1" }
        ]
      })
      const error = yield* Effect.flip(
        Migrations.run({ component: "newer", migrations: [{ id: 1, name: "a", sql: "select 1" }] })
      )
      assert.include(error.message, "newer version")
    })
  )

  it.effect("one that has changed since it was applied is refused, except for comments", () =>
    Effect.gen(function* () {
      const run = (text: string) =>
        Migrations.run({ component: "changed", migrations: [{ id: 1, name: "a", sql: text }] })
      yield* run("select 1")
      assert.deepStrictEqual(yield* run("select 1"), [])
      assert.include((yield* Effect.flip(run("select 2"))).message, 'Migration 1 of "changed" has changed')
      assert.notMatch(Migrations.migrations[0]!.sql, /^ *--/m)
    })
  )

  it.effect("those of this package run on an empty database, and again", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Migrations.migrate).length, Migrations.migrations.length)
      assert.deepStrictEqual(yield* Migrations.migrate, [])
    })
  )
})

it.live(
  "a data directory from before migrations were merged is refused with advice",
  () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => NodeFs.mkdtempSync(NodePath.join(NodeOs.tmpdir(), "crewline-migrations-"))),
        (path) => Effect.sync(() => NodeFs.rmSync(path, { recursive: true, force: true }))
      )
      yield* EarlierDatabase.make.pipe(Effect.provide(Pglite.layer({ directory })))
      const refused = yield* Effect.flip(
        Effect.provide(Database.Database, Layer.fresh(Database.layer({ kind: "embedded", directory })))
      )
      assert.strictEqual(
        refused.message,
        'Migration 1 of "memory-pg" has changed since an unreleased version of Crewline created this database: ' +
          "delete its data directory, by default .crewline."
      )
    }).pipe(Effect.scoped),
  60_000
)
