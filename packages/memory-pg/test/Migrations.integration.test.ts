import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Database from "../src/Database.ts"
import * as Postgres from "../src/Postgres.ts"
import * as EarlierDatabase from "./EarlierDatabase.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "Migrations", () => {
  it.live("an unknown database is named", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      url.pathname = `${url.pathname}_none`
      const refused = yield* Effect.flip(
        Effect.provide(Database.Database, Database.layer(PostgresServer.optionsOf(url)))
      )
      assert.include(refused.message, `database "${url.pathname.slice(1)}" does not exist`)
    }).pipe(Effect.scoped, Effect.timeout("30 seconds"))
  )

  it.live("a database from before migrations were merged is refused with advice", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      yield* EarlierDatabase.make.pipe(Effect.provide(Postgres.layer({ url: Redacted.make(url.href) })))
      const refused = yield* Effect.flip(
        Effect.provide(Database.Database, Database.layer(PostgresServer.optionsOf(url)))
      )
      assert.include(refused.message, "use an empty database")
    }).pipe(Effect.scoped, Effect.timeout("30 seconds"))
  )
})
