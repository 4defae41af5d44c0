import * as Result from "effect/Result"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { outsideWorkspace } from "../src/Crew/WorkspacePath.ts"
import * as PathGuard from "../src/PathGuard.ts"

const piece = fc.constantFrom("/", "\\", ".", "..", "a", "b.txt", "u\u0308", "C:", " ", "\0", "%2f", "\uff0f", "\ud800")
const paths = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""))

describe("PathGuard", () => {
  it("accepts relative paths, and reads both kinds of slash", () => {
    for (const path of ["a/b.txt", "a\\b.txt", "./a//b.txt", "a/./b.txt"])
      assert.deepStrictEqual(Result.getOrThrow(PathGuard.parseFile(path)), ["a", "b.txt"], path)
    for (const path of ["", ".", "./"]) assert.deepStrictEqual(Result.getOrThrow(PathGuard.parse(path)), [])
  })

  it("refuses what leads outside, or names no file", () => {
    for (const path of ["..", "../x", "a/../x", "a\\..\\x", "/x", "\\x", "C:x", "file://x", "a\0", "\ud800"])
      assert.isTrue(Result.isFailure(PathGuard.parse(path)), JSON.stringify(path))
    for (const path of ["", ".", "a/", "a\\", "a/.", "./"])
      assert.isTrue(Result.isFailure(PathGuard.parseFile(path)), JSON.stringify(path))
  })

  it("is one check: a file that is accepted has one spelling, which is accepted, and which crews accept", () => {
    fc.assert(
      fc.property(paths, (path) => {
        const file = PathGuard.parseFile(path)
        assert.strictEqual(outsideWorkspace(path) === undefined, Result.isSuccess(file))
        if (Result.isFailure(file)) return
        const spelling = PathGuard.spelling(path)!
        assert.strictEqual(file.success.join("/"), spelling)
        assert.deepStrictEqual(Result.getOrThrow(PathGuard.parseFile(spelling)), file.success)
        assert.notMatch(spelling, /(?:^|\/)\.\.?(?:\/|$)|^\/|\\/)
      }),
      { numRuns: 2_000 }
    )
  })
})
