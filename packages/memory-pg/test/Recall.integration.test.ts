import { describe } from "@effect/vitest"
import { RecallContract } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as PgMemory from "../src/PgMemory.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const storage = Layer.merge(PgEventLog.layer, PgMemory.layer)

describe.skipIf(missing !== undefined)(missing ?? "PostgreSQL", () => {
  RecallContract.suite("Recall on a server", storage.pipe(Layer.provide(PostgresServer.layer)))

  RecallContract.suite(
    "Recall as a user that may do nothing but act as the role",
    storage.pipe(
      Layer.provide(
        Layer.unwrap(Effect.map(PostgresServer.confined(), (url) => Database.layer(PostgresServer.optionsOf(url))))
      )
    )
  )
})
