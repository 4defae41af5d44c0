import * as fc from "fast-check"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as FileRead from "../src/FileRead.ts"
import * as World from "./World.ts"

let world: World.World
const tool = FileRead.make()
const short = FileRead.make({ maxCharacters: 100 })
const read = (path: string, rest: { readonly [name: string]: number } = {}) => world.call(tool, { path, ...rest })
const readShort = (path: string, rest: { readonly [name: string]: number } = {}) => world.call(short, { path, ...rest })
const lines = Array.from({ length: 30 }, (_, n) => `line ${n + 1} ä🦦`)

beforeAll(() => {
  world = World.make({
    "otters.md": "# Otters\n\nThey swim.\n",
    "data/counts.csv": "year;count\r\n1998;2114\r\n2008;2760",
    "data/deep/note.txt": "deep",
    "long.txt": `${lines.join("\n")}\n`,
    "one-line.json": "x".repeat(150),
    "empty.txt": "",
    "image.png": new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]),
    "latin1.txt": new Uint8Array([0x47, 0xfc, 0x6e]),
    ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`many/file-${100 + n}.txt`, "x"]))
  })
})
afterAll(() => world.remove())

describe("file_read", () => {
  it("reads text, with arguments of either name", async () => {
    const text = "# Otters\n\nThey swim."
    expect(await read("otters.md")).toBe(text)
    expect(await read("./data/./../otters.md".replace("/./..", "/.."))).toMatch(/path-refused/)
    expect(await read("data\\counts.csv")).toBe("year;count\n1998;2114\n2008;2760")
    expect(await world.call(tool, { file_path: "otters.md", start_line: 3, line_count: 1 })).toBe(
      "They swim.\n\n[Lines 3 to 3 of 3.]"
    )
    expect(await world.call(tool, { path: "otters.md", file_path: "other.md" })).toMatch(/arguments-invalid/)
    expect(tool).toMatchObject({ idempotent: true, kind: "read", source: "built-in" })
  })

  it("returns long files in parts and states how to continue", async () => {
    const first = await readShort("long.txt")
    expect(first).toMatch(/\[Lines 1 to \d+ of 30\. To continue, set startLine to (\d+)\.\]$/)
    expect(first.length).toBeLessThan(170)
    // Following the hints reads all of it, once.
    const seen: Array<string> = []
    for (let start: number | undefined = 1; start !== undefined;) {
      const [content = "", hint = ""] = (await readShort("long.txt", { startLine: start })).split("\n\n[")
      seen.push(...content.split("\n"))
      const more = /startLine to (\d+)/.exec(hint)
      start = more === null ? undefined : Number(more[1])
    }
    expect(seen).toEqual(lines)
    expect(await read("long.txt", { startLine: 29, lineCount: 1 })).toBe(
      "line 29 ä🦦\n\n[Lines 29 to 29 of 30. To continue, set startLine to 30.]"
    )
    expect(await read("long.txt", { startLine: 31 })).toBe(
      'ToolRetry: "long.txt" has 30 lines; line 31 is past the end.'
    )
  })

  it("cuts a line that is too long, and knows an empty file", async () => {
    expect(await readShort("one-line.json")).toBe(`${"x".repeat(100)}… (50 more characters of this line omitted)`)
    expect(await read("empty.txt")).toBe("(The file is empty.)")
  })

  it("names what may have been meant, and lists directories", async () => {
    expect(await read("oters.md")).toMatch(
      /^ToolRetry: There is no file "oters\.md"\. Did you mean "otters\.md"\? The workspace contains: data\/, /
    )
    expect(await read("data/count.csv")).toBe(
      'ToolRetry: There is no file "data/count.csv". Did you mean "data/counts.csv"? "data" contains: counts.csv, deep/'
    )
    expect(await read("dat/counts.csv")).toContain('Did you mean "data/"?')
    expect(await read("otters.md/x")).toContain("a parent of the path is a file, not a directory")
    expect(await read("data")).toBe("data is a directory. It contains: counts.csv, deep/")
    expect(await read(".")).toMatch(/^The workspace is a directory\. It contains: data\/, /)
    expect(await read("many")).toMatch(/file-100\.txt, .* and 20 more$/)
  })

  it("refuses what is not text, and invalid arguments", async () => {
    expect(await read("image.png")).toMatch(/^ToolFailed: "image\.png" is not UTF-8 text/)
    expect(await read("latin1.txt")).toMatch(/^ToolFailed: "latin1\.txt" is not UTF-8 text/)
    expect(await read("otters.md", { startLine: 0 })).toMatch(/^ToolRetry arguments-invalid: /)
    expect(await read("")).toMatch(/^ToolRetry arguments-invalid: /)
  })

  it("shows the secret to no call", async () => {
    symlinkSync("..", join(world.workspace, "up"))
    const { base } = world
    const step = fc.constantFrom("..", ".", "", "data", "up", "workspace", "secret.txt", "~", base, "/", "\\")
    const paths = fc
      .tuple(fc.array(step, { minLength: 1, maxLength: 6 }), fc.constantFrom("/", "\\"))
      .map(([steps, separator]) => steps.join(separator))
    await fc.assert(
      fc.asyncProperty(paths, async (path) => {
        const answer = await read(path)
        expect(answer).not.toContain(World.secret)
        if (!path.includes(base)) expect(answer).not.toContain(base)
      }),
      { numRuns: 200 }
    )
  })
})
