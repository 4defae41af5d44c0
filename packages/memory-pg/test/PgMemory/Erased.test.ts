import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Database from "../../src/Database.ts"
import * as PgMemory from "../../src/PgMemory.ts"
import * as Erased from "../Erased.ts"

it.live(
  "erasure leaves nothing in any table of memory",
  () =>
    Erased.check([]).pipe(Effect.provide(PgMemory.layer.pipe(Layer.provideMerge(Database.layer({ kind: "memory" }))))),
  120_000
)
