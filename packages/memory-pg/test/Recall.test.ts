import { RecallContract } from "@crewline/core/testing"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as PgMemory from "../src/PgMemory.ts"

RecallContract.suite(
  "Recall on an embedded database",
  Layer.merge(PgEventLog.layer, PgMemory.layer).pipe(Layer.provide(Database.layer({ kind: "memory" })))
)
