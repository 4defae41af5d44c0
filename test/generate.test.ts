/** How files of Lua and SQL become modules, and how a stale module is noticed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as operations from "../scripts/operations.mjs"
import { generated, moduleOf } from "../scripts/generate.mjs"

const target = { folder: "Lua", extension: ".lua" }

/** The exports of the module that is generated from these files. */
const load = async (files: { readonly [path: string]: string }): Promise<{ readonly [name: string]: string }> => {
  const source = moduleOf(files, target).replaceAll(": string", "")
  return { ...(await import(`data:text/javascript,${encodeURIComponent(source)}`)) }
}

describe("moduleOf", () => {
  it("exports a string per file, as it was written", async () => {
    const text = "local a = '\\31' -- `${a}` \\\\\n"
    expect(await load({ claim: text, "event-log/append": "select 1;\n" })).toEqual({
      claim: text,
      eventLogAppend: "select 1;\n"
    })
  })

  it("inserts each part once, before what needs it, and exports none", async () => {
    const module = await load({
      step: "begin\n  -- include: shared/settle\n-- include: shared/count\n-- include: shared/withdraw\nend\n",
      "shared/count": "count\n",
      "shared/settle": "-- include: shared/withdraw\nsettle\n",
      "shared/withdraw": "-- include: shared/count\nwithdraw\n"
    })
    expect(module).toEqual({ step: "begin\ncount\nwithdraw\nsettle\nend\n" })
  })

  it("exports the numbers and characters that are marked", async () => {
    const text = "local FIRST, SEP = 16, '\\31' -- exported\n"
    expect(await load({ layout: text })).toEqual({ FIRST: 16, SEP: "\u001f", layout: text })
  })

  it.each([
    ["a part that does not exist", { a: "-- include: b\n" }, 'Lua/a.lua: includes "b", which does not exist'],
    ["a circle", { a: "-- include: b\n", b: "-- include: c\n", c: "-- include: b\n" }, "b -> c -> b"],
    ["a part that includes after its text", { a: "-- include: b\n", b: "b\n-- include: c\n", c: "c\n" }, "Lua/b.lua"],
    ["a name that is no identifier", { "1-a": "a\n" }, "Lua/1-a.lua"],
    ["two files with one name", { "a-b": "a\n", "a/b": "a\n" }, "Lua/a-b.lua: has the same constant as a/b.lua"]
  ])("refuses %s", (_, files, message) => {
    expect(() => moduleOf(files, target)).toThrow(message)
  })
})

describe("generated", () => {
  const root = mkdtempSync(join(tmpdir(), "crewline-generate-"))
  const source = join(root, target.folder)
  afterAll(() => rmSync(root, { recursive: true }))

  it("finds the files of a target, leaves comments out, and notices a module that is stale", () => {
    expect(() => generated(root, [target])).toThrow("Lua has no .lua file")
    mkdirSync(join(source, "shared"), { recursive: true })
    writeFileSync(
      join(source, "claim.lua"),
      "-- Hands out tasks.\n-- include: shared/count\n\nreturn 1 -- guard: one\n"
    )
    writeFileSync(join(source, "shared", "count.lua"), "-- Counts.\nlocal count\n")
    const [module] = generated(root, [target])
    expect(module).toMatchObject({ file: "Lua.ts", isStale: true })
    expect(module!.text).toMatch(/^\/\/ Generated/)
    expect(module!.text).toContain("`${sharedCount}return 1 -- guard: one\n`")
    writeFileSync(join(root, module!.file), module!.text)
    expect(generated(root, [target]).map(({ isStale }) => isStale)).toEqual([false])
    writeFileSync(join(source, "claim.lua"), "return 2\n")
    expect(generated(root, [target]).map(({ isStale }) => isStale)).toEqual([true])
  })
})

it("has written the operations of the API into docs/access.md", () => {
  // Stale? `npm run generate`.
  expect(readFileSync(operations.file, "utf8")).toBe(operations.pageText())
})
