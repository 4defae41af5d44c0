import { WorkspaceContract } from "@crewline/core/testing"
import * as Layer from "effect/Layer"
import * as Database from "../src/Database.ts"
import * as PgWorkspace from "../src/PgWorkspace.ts"

const maxTotalBytes = 3_000

WorkspaceContract.suite(
  "PgWorkspace embedded",
  PgWorkspace.layer({ maxTotalBytes }).pipe(Layer.provide(Database.layer({ kind: "memory" }))),
  { maxTotalBytes }
)
