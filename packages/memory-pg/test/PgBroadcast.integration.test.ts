import { BroadcastContract } from "@crewline/core/testing"
import * as Broadcast from "@crewline/core/Broadcast"
import { describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as PgBroadcast from "../src/PgBroadcast.ts"
import * as Postgres from "../src/Postgres.ts"
import * as PostgresServer from "./PostgresServer.ts"

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
})
