import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as Migrations from "../src/Migrations.ts"
import * as Pglite from "../src/Pglite.ts"

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
  it.effect("apply each once, in order, also when many start together", () =>
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

  it.effect("a failing one changes nothing and says which it was", () =>
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

  it.effect("a database that a newer version migrated is refused", () =>
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

  it.effect("this package's run on an empty database, and again", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Migrations.migrate).length, Migrations.migrations.length)
      assert.deepStrictEqual(yield* Migrations.migrate, [])
    })
  )
})
