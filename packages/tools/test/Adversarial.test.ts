/**
 * Attacks on the guards, each with the mechanism that it uses, and for each guard an allowed twin
 * that succeeds.
 */
import { ToolContext } from "@crewline/core/testing"
import type * as Toolbox from "@crewline/core/Toolbox"
import type * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Tools from "../src/index.ts"
import * as World from "./World.ts"

const fileTools = new Map(Tools.files.map((tool) => [tool.name, tool]))
const tool = (name: string): Toolbox.Tool => fileTools.get(name) ?? expect.fail(`no tool ${name}`)

let world: World.World
beforeAll(() => {
  world = World.make({ "inside.txt": "inside", "data/x.txt": "x", "caf\u00e9.txt": "composed" })
})
afterAll(() => world.remove())

/** Mechanism, and the paths that use it. */
const pathAttacks: { readonly [mechanism: string]: ReadonlyArray<string> } = {
  "parent directory": ["../secret.txt", "data/../../secret.txt", "..", "./.."],
  "parent directory that stays inside": ["data/../inside.txt"],
  "absolute path": ["/etc/passwd", "/", "//etc/passwd"],
  "backslash as separator": ["..\\secret.txt", "data\\..\\..\\secret.txt", "\\etc\\passwd"],
  "mixed separators": ["data/..\\../secret.txt", "..\\/secret.txt"],
  "drive of Windows": ["C:\\secret.txt", "C:secret.txt", "c:/secret.txt"],
  "share of Windows": ["\\\\server\\share\\secret.txt", "//?/C:/secret.txt"],
  "file URL": ["file:///etc/passwd"],
  "zero byte": ["inside.txt\0.png", "\0", "../secret.txt\0"],
  "percent encoding": ["%2e%2e/secret.txt", "..%2fsecret.txt", "data%5c..%5csecret.txt", "%2E%2E%2Fsecret.txt"],
  "overlong percent encoding": ["inside.txt%00.png"],
  "full-width look-alike": ["\uff0e\uff0e/secret.txt", "..\uff0fsecret.txt", "data\uff3cx.txt"],
  "one-dot leaders": ["\u2025/secret.txt", "\u2024\u2024/secret.txt"],
  "lone surrogate": ["\ud800/secret.txt"],
  "control character": ["inside.txt\n../secret.txt", "in\u0007side.txt", "x\u0085y"],
  "reversed text": ["\u202etxt.terces"],
  "trailing dot or space": ["inside.txt.", "inside.txt ", "data./x.txt", ". ./secret.txt"],
  "device of Windows": ["CON", "nul.txt", "data/COM1", "LPT\u00b9.log"],
  "alternate data stream": ["inside.txt::$DATA", "inside.txt:$I30"],
  "long name": [`${"n".repeat(256)}.txt`],
  "long path": ["d/".repeat(3_000) + "x"],
  "data of the application": [".crewline/log", ".CREWLINE/x", ".crewline-0123"],
  "file of keys": [".env", ".env.production", "data/.ENV", ".npmrc", ".ssh/id_rsa", ".git/hooks/pre-commit"]
}

const argumentsOf: { readonly [tool: string]: (path: string) => Schema.JsonObject } = {
  file_read: (path) => ({ path }),
  file_write: (path) => ({ path, content: "x", overwrite: true }),
  file_edit: (path) => ({ path, old: "inside", new: "outside" }),
  directory_list: (path) => ({ path }),
  file_search: (path) => ({ path, query: "secret" })
}

describe("paths", () => {
  it("has at least ten mechanisms", () => expect(Object.keys(pathAttacks).length).toBeGreaterThan(10))

  describe.each(Object.keys(argumentsOf))("%s", (name) => {
    it.each(Object.entries(pathAttacks))("refuses: %s", async (_, paths) => {
      for (const path of paths) {
        const answer = await world.call(tool(name), argumentsOf[name]!(path))
        expect(answer, JSON.stringify(path)).toMatch(/^ToolRetry path-refused: /)
        expect(answer).not.toContain(world.base)
      }
    })
  })

  it.each([
    ["a name with dots", "..data"],
    ["a name that begins with a tilde", "~/x.txt"],
    ["a percent sign", "100%.txt"],
    ["an emoji with joiners", "👨‍👩‍👧.txt"],
    ["a longest name", "n".repeat(251) + ".txt"],
    ["right-to-left letters", "דו״ח.txt"],
    ["a sample of keys", ".env.example"],
    ["a name that begins like a device", "console.txt"]
  ])("allows %s", async (_, path) => {
    expect(await world.call(tool("file_write"), { path, content: "x" })).toMatch(/^Wrote 1 bytes/)
    expect(await world.call(tool("file_read"), { path })).toBe("x")
  })
})

describe("what is in the directory", () => {
  const read = (path: string) => world.call(tool("file_read"), { path })

  it.each([
    ["link to a file outside", "link.txt", () => symlinkSync("../secret.txt", join(world.workspace, "link.txt"))],
    ["absolute link", "absolute.txt", () => symlinkSync("/etc/passwd", join(world.workspace, "absolute.txt"))],
    ["link to a directory outside", "up/secret.txt", () => symlinkSync("..", join(world.workspace, "up"))],
    ["link to a link", "second.txt", () => symlinkSync("link.txt", join(world.workspace, "second.txt"))],
    [
      "link whose target goes out and in again",
      "around.txt",
      () => symlinkSync("../workspace/inside.txt", join(world.workspace, "around.txt"))
    ],
    [
      "link into the files of processes",
      "self/environ",
      () => symlinkSync("/proc/self", join(world.workspace, "self"))
    ],
    ["device", "device", () => symlinkSync("/dev/zero", join(world.workspace, "device"))],
    ["hard link", "hard.txt", () => linkSync(join(world.base, "secret.txt"), join(world.workspace, "hard.txt"))],
    ["pipe", "pipe", () => execFileSync("mkfifo", [join(world.workspace, "pipe")])]
  ])("refuses: %s", async (_, path, plant) => {
    plant()
    expect(await read(path)).toMatch(/^ToolRetry path-refused: /)
  })

  it("ends for circular links", async () => {
    symlinkSync("circle", join(world.workspace, "circle"))
    expect(await read("circle")).toMatch(/^ToolFailed: .*too many symbolic links/)
  })

  it("does not write through links that lead outside, whether or not their target exists", async () => {
    mkdirSync(join(world.base, "outside"))
    symlinkSync("../outside", join(world.workspace, "out"))
    symlinkSync("../outside/new.txt", join(world.workspace, "dangling.txt"))
    for (const path of ["out/a.txt", "dangling.txt", "out/deep/a.txt"]) {
      expect(await world.call(tool("file_write"), { path, content: "x" })).toMatch(/^ToolRetry path-refused: /)
    }
  })

  it("allows a link that stays inside, and both normal forms of a name", async () => {
    symlinkSync("inside.txt", join(world.workspace, "good.txt"))
    expect(await read("good.txt")).toBe("inside")
    expect(await read("cafe\u0301.txt")).toBe("composed")
  })

  it("refuses a file that is too large before it is read", async () => {
    writeFileSync(join(world.workspace, "sparse.bin"), "")
    execFileSync("truncate", ["-s", "1G", join(world.workspace, "sparse.bin")])
    const before = process.memoryUsage().rss
    expect(await read("sparse.bin")).toMatch(/^ToolFailed too-large: .*has 1024 MB; the maximum is 32 MB/)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })
})

describe("without a workspace", () => {
  it("explains what to do", async () => {
    expect(await World.call(tool("file_read"), { path: "a" }, ToolContext.make())).toMatch(/no workspace directory/)
  })
})
