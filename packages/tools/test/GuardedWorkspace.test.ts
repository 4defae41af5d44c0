/** The workspaces of executions in a directory of this machine. */
import { WorkspaceContract } from "@crewline/core/testing"
import * as Workspace from "@crewline/core/Workspace"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as GuardedDirectory from "../src/GuardedDirectory.ts"

const maxTotalBytes = 1024 * 1024

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "crewline-workspace-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

WorkspaceContract.suite(
  "GuardedDirectory, a directory for each execution",
  Layer.unwrap(
    Effect.map(directory, (path) => GuardedDirectory.layer({ directory: path, perExecution: true, maxTotalBytes }))
  ),
  { maxTotalBytes }
)

it.effect("executions of one application share a directory unless each has its own", () =>
  Effect.gen(function* () {
    const path = yield* directory
    const workspace = yield* Effect.provide(Workspace.Workspace, GuardedDirectory.layer({ directory: path }))
    yield* workspace.of("one").write("a.txt", "x")
    assert.strictEqual((yield* workspace.of("two").list()).length, 1)
    yield* workspace.forget("one")
    assert.deepStrictEqual(readdirSync(path), ["a.txt"])
  }).pipe(Effect.scoped)
)
