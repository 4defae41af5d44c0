import { EventLogContract, OutboxContract } from "@crewline/core/testing"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"

EventLogContract.suite("PgEventLog embedded", PgEventLog.layer.pipe(Layer.provide(Database.layer({ kind: "memory" }))))

OutboxContract.suite("PgEventLog embedded", PgEventLog.layer.pipe(Layer.provide(Database.layer({ kind: "memory" }))))

EventLogContract.suite(
  "PgEventLog embedded, with every hint dropped, and outputs read back",
  PgEventLog.layerWith({ hints: false, outputsLength: 0, pollMillis: 20 }).pipe(
    Layer.provide(Database.layer({ kind: "memory" }))
  )
)
