import * as NodeServices from "@effect/platform-node/NodeServices"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FileFailure from "../src/FileFailure.ts"

const directory = mkdtempSync(join(tmpdir(), "crewline-file-failure-"))
writeFileSync(join(directory, "file"), "")
symlinkSync("loop", join(directory, "loop"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const thrownBy = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe("FileFailure", () => {
  it.effect.each([
    ["none", "the file does not exist"],
    ["file/inside", "a parent of the path is a file, not a directory"],
    ["", "it is a directory, not a file"],
    ["n".repeat(300), "the name is too long"],
    ["loop", "the path has too many symbolic links"]
  ])("explains why %j cannot be read, for every source of the error", ([path = "", words = ""]) =>
    Effect.gen(function* () {
      const file = join(directory, path)
      const files = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(files.readFile(file))
      assert.strictEqual(FileFailure.describe(error), words)
      const thrown = thrownBy(() => readFileSync(file))
      assert.strictEqual(FileFailure.describe(thrown), words)
      assert.strictEqual(FileFailure.describe(new Error("around", { cause: thrown })), words)
      assert.isTrue(FileFailure.isFileFailure(thrown))
      assert.isFalse(FileFailure.isUnwritable(thrown))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("shows the code of an unknown error, if it has one", () => {
    assert.strictEqual(
      FileFailure.describe(Object.assign(new Error("x"), { code: "EXDEV" })),
      "the file system failed (EXDEV)"
    )
    for (const error of [new Error("x"), undefined, "x"]) {
      assert.strictEqual(FileFailure.describe(error), "the file system failed")
      assert.isFalse(FileFailure.isFileFailure(error))
    }
    for (const code of ["EACCES", "EPERM", "EROFS"]) assert.isTrue(FileFailure.isUnwritable({ code }))
  })
})
