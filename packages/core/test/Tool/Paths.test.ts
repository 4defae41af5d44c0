import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Tool from "../../src/Tool.ts"

const parameters = {
  type: "object",
  properties: { path: { type: "string" }, files: { type: "array", items: { type: "string" } } }
} as const
const tool = (paths: ReadonlyArray<string>) =>
  Tool.make({ name: "read", description: "Reads.", parameters, paths, execute: () => "done" })
const resolved = (args: Schema.JsonObject) => Result.getOrThrow(Tool.resolveArguments(tool(["path", "files"]), args))

describe("arguments that are paths", () => {
  it.each(["secret/a", "./secret//a", "secret\\a", ".\\secret/./a/", "secret/a\\"])("are normalised: %s", (path) => {
    assert.deepStrictEqual(resolved({ path, files: ["b", path] }), { path: "secret/a", files: ["b", "secret/a"] })
  })

  it("are normalised to the composed form of Unicode", () => {
    assert.deepStrictEqual(resolved({ path: "u\u0308" }), { path: "\u00fc" })
  })

  it.each(["../a", "a/../b", "/etc/passwd", "\\\\host\\a", "C:\\a", "https://example.com//a", "", ".", "./"])(
    "stay unchanged if they leave the workspace or name it: %j",
    (path) => {
      const args = { path }
      assert.strictEqual(resolved(args), args)
    }
  )

  it("must be parameters", () => {
    assert.throws(() => tool(["file"]), 'The tool "read" lists "file" in paths, but has no parameter of that name.')
  })
})
