import { execFileSync } from "node:child_process"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Migrations from "../../src/Migrations.ts"
import * as Pglite from "../../src/Pglite.ts"
import * as InitialDatabase from "../../src/Pglite/InitialDatabase.ts"

const hashes = Migrations.hashesOf(Migrations.migrations)

let directory = ""
beforeEach(() => {
  directory = NodeFs.mkdtempSync(NodePath.join(NodeOs.tmpdir(), "crewline-initial-"))
})
afterEach(() => NodeFs.rmSync(directory, { recursive: true }))

/** Each test starts PGlite twice. */
const timeout = 60_000

describe("InitialDatabase", { timeout }, () => {
  it("matches the installed PGlite and exactly the migrations of this version", () => {
    assert.isDefined(InitialDatabase.find(Migrations.component, hashes), "run npm run generate")
    assert.isUndefined(InitialDatabase.find(Migrations.component, [...hashes, "another"]))
    assert.isUndefined(InitialDatabase.find("another", hashes))
  })

  it("a new database starts with every table, on disk and in memory", async () => {
    const initial = InitialDatabase.find(Migrations.component, hashes)
    for (const options of [{ directory, initial }, { initial }]) {
      const applied = await Effect.runPromise(Effect.provide(Migrations.migrate, Pglite.layer(options)))
      assert.deepStrictEqual(applied, [])
    }
  })

  it("an incomplete directory of a dead process is created again, and a complete one is left alone", async () => {
    const archive = InitialDatabase.find(Migrations.component, hashes)!
    const target = NodePath.join(directory, "postgres")
    NodeFs.mkdirSync(NodePath.join(`${target}.new`, "base"), { recursive: true })
    NodeFs.writeFileSync(NodePath.join(`${target}.new`, "half"), "")
    await InitialDatabase.place(archive, target)
    assert.deepStrictEqual(NodeFs.readdirSync(directory), ["postgres"])
    assert.isFalse(NodeFs.existsSync(NodePath.join(target, "half")))
    assert.strictEqual(NodeFs.readFileSync(NodePath.join(target, "PG_VERSION"), "utf8"), "18\n")
    // PostgreSQL rejects directories that others may write to.
    assert.strictEqual(NodeFs.statSync(target).mode & 0o777, 0o700)
    NodeFs.writeFileSync(NodePath.join(target, "PG_VERSION"), "kept")
    await InitialDatabase.place(archive, target)
    assert.strictEqual(NodeFs.readFileSync(NodePath.join(target, "PG_VERSION"), "utf8"), "kept")
  })

  it.runIf(process.platform === "linux")("a new directory and an old one are opened with little memory", () => {
    const peak = () =>
      Number(
        execFileSync(process.execPath, [
          NodePath.join(import.meta.dirname, "..", "fixtures", "openDirectory.ts"),
          directory
        ])
      )
    // 200 and 195 today; with the optimizing compiler, or when the database is created from
    // scratch, more than 500.
    for (const open of ["first", "second"]) assert.isBelow(peak(), 300, open)
  })
})
