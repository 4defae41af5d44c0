import { MemoryContract } from "@crewline/core/testing"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgMemory from "../src/PgMemory.ts"

MemoryContract.suite("PgMemory embedded", PgMemory.layer.pipe(Layer.provide(Database.layer({ kind: "memory" }))), {
  adverse: 1_000
})
