import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as DirectoryList from "../src/DirectoryList.ts"
import * as FileEdit from "../src/FileEdit.ts"
import * as FileSearch from "../src/FileSearch.ts"
import * as FileWrite from "../src/FileWrite.ts"
import * as World from "./World.ts"

let world: World.World

beforeAll(() => {
  world = World.make({
    "notes.md": "# Notes\n\nOtters swim.\nSeals swim too.\n",
    "data/a.csv": "id,name\n1,otter\n",
    "data/deep/b.csv": "id,name\n2,seal\n",
    "image.png": new Uint8Array([0x89, 0, 1])
  })
})
afterAll(() => world.remove())

const stored = (path: string) => readFileSync(join(world.workspace, path), "utf8")

describe("file_write", () => {
  const tool = FileWrite.make()

  it("writes a file, can be repeated, and replaces different content only with overwrite", async () => {
    expect(await world.call(tool, { path: "out/report.md", content: "# Ä\n" })).toBe("Wrote 5 bytes to out/report.md.")
    expect(await world.call(tool, { path: "out/report.md", content: "# Ä\n" })).toMatch(/^Wrote/)
    expect(await world.call(tool, { path: "out/report.md", content: "new" })).toMatch(
      /^ToolRetry: "out\/report\.md" already exists with different content\. Set overwrite/
    )
    expect(stored("out/report.md")).toBe("# Ä\n")
    await world.call(tool, { path: "out/report.md", content: "new", overwrite: true })
    expect(stored("out/report.md")).toBe("new")
  })

  it("accepts the arguments of CrewAI's FileWriter, without listing them in its schema", async () => {
    await world.call(tool, { filename: "a.txt", directory: "./out", content: "x", overwrite: true })
    expect(stored("out/a.txt")).toBe("x")
    expect(await world.call(tool, { filename: "a.txt", directory: "../out", content: "x" })).toMatch(/path-refused/)
    expect(JSON.stringify(tool.parameters)).not.toContain("directory")
  })

  it("refuses directories and unpaired surrogates", async () => {
    expect(await world.call(tool, { path: "out", content: "x" })).toMatch(
      /^ToolRetry path-refused: "out" is a directory/
    )
    expect(await world.call(tool, { path: ".", content: "x" })).toMatch(/path-refused/)
    expect(await world.call(tool, { path: "b.txt", content: "\ud800" })).toMatch(/not valid Unicode/)
  })
})

describe("file_edit", () => {
  const tool = FileEdit.make()

  it("replaces a text that occurs once, or every occurrence", async () => {
    expect(await world.call(tool, { path: "notes.md", old: "Otters swim.", new: "Otters dive $& $1." })).toBe(
      "Replaced 1 occurrence in notes.md."
    )
    expect(stored("notes.md")).toContain("Otters dive $& $1.")
    expect(await world.call(tool, { file_path: "notes.md", old_string: "s", new_string: "z" })).toMatch(
      /contains the text 5 times|contains the text \d+ times/
    )
    expect(await world.call(tool, { path: "notes.md", old: "swim", new: "sleep", all: true })).toMatch(/^Replaced 1/)
  })

  it("explains why nothing was replaced", async () => {
    expect(await world.call(tool, { path: "notes.md", old: "Whales", new: "x" })).toMatch(/Read the file first/)
    expect(await world.call(tool, { path: "notes.md", old: "#  Notes", new: "x" })).toMatch(/does not contain/)
    expect(await world.call(tool, { path: "nots.md", old: "a", new: "b" })).toMatch(/Did you mean "notes\.md"/)
    expect(tool).toMatchObject({ idempotent: false, kind: "write" })
  })
})

describe("directory_list", () => {
  const tool = DirectoryList.make()

  it("lists files with sizes, and directories with their contents", async () => {
    const all = await world.call(tool, {})
    expect(all).toContain("data/  2 files")
    expect(all).toContain("image.png  3 B")
    expect(await world.call(tool, { directory: "data" })).toBe("a.csv  16 B\ndeep/  1 file")
    expect(await world.call(tool, { path: "data", recursive: true })).toBe("a.csv  16 B\ndeep/b.csv  15 B")
    expect(await world.call(tool, { path: "dta" })).toMatch(/Did you mean "data\/"/)
    expect(await world.call(tool, { path: ".." })).toMatch(/path-refused/)
  })
})

describe("file_search", () => {
  const tool = FileSearch.make()

  it("finds lines by text or pattern, below a directory or in a file", async () => {
    expect(await world.call(tool, { query: "OTTER", path: "data" })).toBe("data/a.csv:2: 1,otter")
    expect(await world.call(tool, { query: "^\\d,(otter|seal)$", regex: true })).toBe(
      "data/a.csv:2: 1,otter\ndata/deep/b.csv:2: 2,seal"
    )
    expect(await world.call(tool, { search_query: "seal", csv: "data/deep/b.csv" })).toBe("data/deep/b.csv:2: 2,seal")
    expect(await world.call(tool, { query: "whale", path: "data" })).toBe('No line of 2 files matches "whale".')
  })

  it("refuses patterns that cannot be matched in linear time, and suggests a smaller search", async () => {
    expect(await world.call(tool, { query: "(a)\\1", regex: true })).toMatch(/^ToolRetry: The pattern .*backreference/)
    world.write({ "many.txt": "same line\n".repeat(200) })
    expect(await world.call(tool, { query: "same line" })).toMatch(/\[There are more/)
  })
})
