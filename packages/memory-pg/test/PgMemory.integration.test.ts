import { describe } from "@effect/vitest"
import { MemoryContract } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgMemory from "../src/PgMemory.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "PostgreSQL", () => {
  MemoryContract.suite("PgMemory on a server", PgMemory.layer.pipe(Layer.provide(PostgresServer.layer)), {
    adverse: 10_000
  })

  MemoryContract.suite(
    "PgMemory as a user that may do nothing but act as the role",
    PgMemory.layer.pipe(
      Layer.provide(
        Layer.unwrap(Effect.map(PostgresServer.confined(), (url) => Database.layer(PostgresServer.optionsOf(url))))
      )
    ),
    { adverse: 300 }
  )
})
