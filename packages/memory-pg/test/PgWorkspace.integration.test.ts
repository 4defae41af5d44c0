import { WorkspaceContract } from "@crewline/core/testing"
import * as Layer from "effect/Layer"
import { describe } from "vitest"
import * as PgWorkspace from "../src/PgWorkspace.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const maxTotalBytes = 3_000

describe.skipIf(missing !== undefined)(missing ?? "PgWorkspace", () => {
  WorkspaceContract.suite(
    "on a server",
    PgWorkspace.layer({ maxTotalBytes }).pipe(Layer.provide(PostgresServer.layer)),
    { maxTotalBytes }
  )
})
