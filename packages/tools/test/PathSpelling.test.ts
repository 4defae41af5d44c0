/** Policies compare the paths of calls as text, so core and the guard must read a path alike. */
import * as PathGuard from "@crewline/core/PathGuard"
import * as Tool from "@crewline/core/Tool"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import { expect, it } from "vitest"
import * as FileRead from "../src/FileRead.ts"

const piece = FastCheck.constantFrom("/", "\\", ".", "..", "a", "secret", "u\u0308", "C:", " ", "%2f", "\uff0f")

it("normalises a path that the guard accepts to its names, joined by slashes", () => {
  const read = FileRead.make()
  FastCheck.assert(
    FastCheck.property(FastCheck.array(piece, { maxLength: 8 }), (pieces) => {
      const path = pieces.join("")
      const names = PathGuard.parse(path)
      if (Result.isFailure(names) || names.success.length === 0) return
      expect(Result.getOrThrow(Tool.resolveArguments(read, { path }))).toEqual({ path: names.success.join("/") })
    }),
    { numRuns: 2_000 }
  )
})
