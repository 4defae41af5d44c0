import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as GuardedDirectory from "../src/GuardedDirectory.ts"
import * as World from "./World.ts"

let world: World.World
let files: Workspace.Files

beforeAll(() => {
  world = World.make({ "inside.txt": "inside", "deep/er/file.txt": "deep" })
  files = GuardedDirectory.make({ directory: world.workspace })
})
afterAll(() => world.remove())

const run = <A>(effect: Effect.Effect<A, Workspace.WorkspaceError>): Promise<A | string> =>
  Effect.runPromise(
    Effect.match(effect, { onSuccess: (value) => value, onFailure: ({ code, message }) => `${code}: ${message}` })
  )
const text = async (path: string): Promise<string> => {
  const read = await run(files.read(path))
  return typeof read === "string" ? read : new TextDecoder().decode(read)
}

describe("reading and writing", () => {
  it("writes files atomically, creates directories, and replaces files", async () => {
    await run(files.write("new/dir/a.txt", "one"))
    await run(files.write("new/dir/a.txt", new TextEncoder().encode("two")))
    expect(await text("new\\dir/./a.txt")).toBe("two")
    expect(readdirSync(join(world.workspace, "new/dir"))).toEqual(["a.txt"])
    expect(await run(files.write("new", "x"))).toBe("path-refused: new: is a directory")
    expect(await run(files.write("inside.txt/x", "x"))).toMatch(/^unavailable: .*a parent of the path is a file/)
  })

  it("keeps the mode of a file that it replaces", async () => {
    writeFileSync(join(world.workspace, "script.sh"), "old", { mode: 0o755 })
    await run(files.write("script.sh", "new"))
    expect(statSync(join(world.workspace, "script.sh")).mode & 0o777).toBe(0o755)
  })

  it("lists files by path, without links and protected files", async () => {
    world.write({ "list/b.txt": "22", "list/a/c.txt": "1", "list/.env": "KEY=1", "list/.env.example": "KEY=" })
    symlinkSync("b.txt", join(world.workspace, "list/link.txt"))
    expect(await run(files.list("list"))).toMatchObject([
      { path: "list/.env.example", size: 4 },
      { path: "list/a/c.txt", size: 1 },
      { path: "list/b.txt", size: 2 }
    ])
    expect(await run(files.list("nothing/here"))).toEqual([])
    expect(await run(files.list("inside.txt"))).toMatch(/^path-refused/)
  })

  it("removes files and links, but not the targets of links", async () => {
    world.write({ "gone.txt": "x", "kept.txt": "x" })
    symlinkSync("kept.txt", join(world.workspace, "link-to-kept"))
    await run(files.remove("gone.txt"))
    await run(files.remove("link-to-kept"))
    expect(await text("kept.txt")).toBe("x")
    expect(await run(files.remove("gone.txt"))).toMatch(/^not-found/)
    expect(await run(files.remove("deep"))).toMatch(/^path-refused/)
  })

  it("finds a file by another normalization form of its name, and writes composed names", async () => {
    world.write({ "cafe\u0301/re\u0301sume\u0301.txt": "decomposed" })
    expect(await text("caf\u00e9/r\u00e9sum\u00e9.txt")).toBe("decomposed")
    expect(await text("cafe\u0301/re\u0301sume\u0301.txt")).toBe("decomposed")
    await run(files.write("u\u0308ber.txt", "x"))
    expect(existsSync(join(world.workspace, "\u00fcber.txt"))).toBe(true)
  })

  it("reads and writes up to its limits", async () => {
    expect(await run(files.write("big.bin", new Uint8Array(Workspace.maxBytes + 1)))).toMatch(/^too-large: /)
    const limited = GuardedDirectory.make({ directory: join(world.base, "limited"), maxTotalBytes: 1024 * 1024 })
    await run(limited.write("half.bin", new Uint8Array(700_000)))
    expect(await run(limited.write("more.bin", new Uint8Array(700_000)))).toMatch(/^quota-exceeded: /)
    expect(await run(limited.write("half.bin", new Uint8Array(1_000_000)))).toBeUndefined()
  })

  it("fails for a missing directory without naming it, and creates it on the first write", async () => {
    const directory = join(world.base, "later")
    const later = GuardedDirectory.make({ directory })
    expect(await run(later.read("a.txt"))).toMatch(/^not-found: a\.txt: does not exist/)
    expect(await run(later.list())).toEqual([])
    await run(later.write("a.txt", "x"))
    expect(readFileSync(join(directory, "a.txt"), "utf8")).toBe("x")
  })
})

describe("links", () => {
  it("are followed if they stay inside", async () => {
    const link = (to: string, name: string) => symlinkSync(to, join(world.workspace, name))
    link("inside.txt", "relative.txt")
    link(join(world.workspace, "inside.txt"), "absolute.txt")
    link("deep/er", "directory")
    link("../inside.txt", "deep/up.txt")
    link("relative.txt", "twice.txt")
    for (const path of ["relative.txt", "absolute.txt", "deep/up.txt", "twice.txt"]) {
      expect(await text(path), path).toBe("inside")
    }
    expect(await text("directory/file.txt")).toBe("deep")
    await run(files.write("directory/new.txt", "through a link"))
    expect(await text("deep/er/new.txt")).toBe("through a link")
  })
})

/** A write may make the directory anew at any time. */
const put = (from: string, to: string): void => {
  for (;;) {
    rmSync(to, { recursive: true, force: true })
    try {
      return renameSync(from, to)
    } catch {
      // It has just done so.
    }
  }
}

/** Exchanges a directory or a file for a link again and again while `work` runs. */
const racing = async (name: string, target: string, work: () => Promise<void>): Promise<void> => {
  const path = join(world.workspace, name)
  const link = `${path}-link`
  symlinkSync(target, link)
  let isDone = false
  const exchange = async () => {
    while (!isDone) {
      renameSync(path, `${path}-real`)
      put(link, path)
      await new Promise(setImmediate)
      renameSync(path, link)
      put(`${path}-real`, path)
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    }
  }
  const exchanging = exchange()
  await work()
  isDone = true
  await exchanging
}

describe("links made while a call runs", () => {
  const rounds = 100

  it("cannot redirect a read outside by replacing a directory", async () => {
    world.write({ "race/secret.txt": "harmless" })
    const seen = new Set<string>()
    await racing("race", world.base, async () => {
      for (let round = 0; round < rounds; round++) seen.add(await text("race/secret.txt"))
    })
    expect([...seen].filter((answer) => answer.includes(World.secret))).toEqual([])
    expect(await text("race/secret.txt")).toBe("harmless")
  })

  it("cannot redirect a read outside by replacing the file", async () => {
    world.write({ "race.txt": "harmless" })
    const seen = new Set<string>()
    await racing("race.txt", join(world.base, "secret.txt"), async () => {
      for (let round = 0; round < rounds; round++) seen.add(await text("race.txt"))
    })
    expect([...seen].filter((answer) => answer.includes(World.secret))).toEqual([])
    expect(await text("race.txt")).toBe("harmless")
  })

  it("cannot redirect a write outside", async () => {
    const outside = join(world.base, "outside")
    mkdirSync(outside)
    mkdirSync(join(world.workspace, "race-write"))
    await racing("race-write", outside, async () => {
      for (let round = 0; round < rounds; round++) await run(files.write(`race-write/${round}.txt`, "x"))
    })
    expect(readdirSync(outside)).toEqual([])
    expect(readdirSync(join(world.workspace, "race-write")).length).toBeGreaterThan(0)
  })
})

describe("layer", () => {
  it("separates executions, and deletes the files of one", async () => {
    const directory = join(world.base, "executions")
    const workspace = await Effect.runPromise(
      Effect.provide(Workspace.Workspace, GuardedDirectory.layer({ directory, perExecution: true }))
    )
    await run(workspace.of("a/../b").write("x.txt", "of one"))
    expect(await run(workspace.of("b").read("x.txt"))).toMatch(/^not-found/)
    expect(await run(workspace.of("a/../b").list())).toHaveLength(1)
    await run(workspace.forget("a/../b"))
    expect(await run(workspace.of("a/../b").list())).toEqual([])
    expect(lstatSync(directory).isDirectory()).toBe(true)
  })
})
