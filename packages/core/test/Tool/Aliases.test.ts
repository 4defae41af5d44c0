import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Tool from "../../src/Tool.ts"

const parameters = {
  type: "object",
  properties: { path: { type: "string" }, content: { type: "string" } }
} as const
const tool = (aliases: Parameters<typeof Tool.make>[0]["aliases"]) =>
  Tool.make({ name: "write", description: "Writes.", parameters, ...(aliases && { aliases }), execute: () => "done" })
const write = tool({ file: "path", filename: "path", text: "content", directory: { parentOf: "path" } })

const resolved = (args: Schema.JsonObject) =>
  Result.match(Tool.resolveArguments(write, args), {
    onSuccess: (own): unknown => own,
    onFailure: ({ code, message }) => `${code}: ${message}`
  })

describe("aliases of arguments", () => {
  it("are replaced by the arguments; other names and values are unchanged", () => {
    const own = { path: "a", toString: "b", content: "c" }
    assert.strictEqual(resolved(own), own)
    assert.deepStrictEqual(resolved({ text: "c", file: "a", mode: 1 }), { content: "c", path: "a", mode: 1 })
    assert.deepStrictEqual(resolved({ file: { b: 1, a: 2 }, path: { a: 2, b: 1 } }), { path: { b: 1, a: 2 } })
  })

  it("are refused if the argument is also given with a different value", () => {
    for (const args of [
      { path: "a", file: "b" },
      { file: "a", filename: "b" },
      { file: null, path: "a" }
    ])
      assert.match(String(resolved(args)), /^arguments-invalid: .* have different values\. .*"path" only\.$/)
  })

  it("can be the directory of a path", () => {
    assert.deepStrictEqual(resolved({ directory: "out", filename: "a" }), { path: "out/a" })
    for (const directory of ["", ".", "./", "/"])
      assert.deepStrictEqual(resolved({ path: "a", directory }), { path: "a" })
    for (const args of [{ directory: "out" }, { directory: 1, path: "a" }]) assert.deepStrictEqual(resolved(args), args)
  })

  it("must refer to parameters and must not be names of parameters", () => {
    assert.throws(() => tool({ content: "path" }), /"content" of the tool "write" is also the name of a parameter/)
    assert.throws(() => tool({ file: "pth" }), /refers to "pth", which is not a parameter/)
    assert.throws(() => tool({ file: { parentOf: "constructor" } }), /refers to "constructor"/)
  })
})
