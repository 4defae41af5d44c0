import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Keys from "../fake/Keys.ts"
import * as Server from "../fake/Server.ts"
import * as InProcess from "./InProcess.ts"

let folder: string
let server: Server.Running
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-memory-"))
  server = await Server.start({ credentials: { mode: "required" } })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

describe("crewline memory", { timeout: 120_000 }, () => {
  it("adds, finds, shows, changes, exports, imports and erases memories", async () => {
    const { key } = await Keys.make(server)
    const env = { CREWLINE_URL: server.url, CREWLINE_KEY: key }
    const run = async (...args: ReadonlyArray<string>) => {
      const ended = await InProcess.run(["memory", ...args], { env })
      expect(ended.code, ended.stderr).toBe(0)
      return ended.stdout
    }
    const json = async (...args: ReadonlyArray<string>) => JSON.parse(await run(...args, "--json"))
    const fails = async (code: number, ...args: ReadonlyArray<string>) => {
      const ended = await InProcess.run(["memory", ...args], { env })
      expect(ended.code, ended.stdout).toBe(code)
      return ended.stderr
    }

    expect(await run("list")).toBe("No memories.\n")
    const ada = await json("add", "Ada Lovelace eats no meat.", "--crew", "support", "--subject", "ada/diet")
    expect(ada).toMatchObject({ scope: { crew: "support" }, kind: "long-term", origin: "user" })
    expect(await run("add", "Otters sleep in the river.", "--crew", "zoo", "--origin", "web")).toMatch(
      /^Remembered as mem_/
    )
    expect(await fails(1, "add", "Task completed.")).toContain("the status of work")
    expect((await json("list", "--crew", "zoo")).items).toMatchObject([{ origin: "web" }])

    const found = await run("search", "What does Ada eat?", "--explain")
    expect(found).toContain("Ada Lovelace eats no meat.")
    expect(found).toMatch(/rank +1\n.*parts +lexical 1\.000/s)
    expect(found).toMatch(/terms +.*\bada \d/)
    const explained = await json("search", "Ada", "--explain")
    expect(explained.explanations).toMatchObject([{ id: ada.id, rank: 1 }])
    expect(await run("search", "lions")).toBe("No memory matches the query.\n")
    expect(await run("search", "otters", "--min-trust", "agent")).toBe("No memory matches the query.\n")
    expect(await fails(2, "search", "otters", "--as-of", "yesterday")).toContain("--as-of")

    expect(await run("pin", ada.id)).toContain("pinned")
    expect(await json("pin", ada.id, "--off")).toMatchObject({ pinned: false })
    expect(await run("get", ada.id)).toContain("ada/diet")
    expect(await fails(1, "get", "mem_none")).toContain("mem_none")
    expect(await run("quarantine", ada.id)).toContain("quarantined")
    expect((await json("list", "--quarantined")).items).toHaveLength(1)
    await run("quarantine", ada.id, "--off")
    expect(await run("entities", "--name", "ada lovelace")).toContain("mentioned 1 times")
    expect(await run("statistics")).toMatch(/long-term: 2\n(.*\n)+ {2}status: 1/)
    expect(await run("retention", "short-term:7")).toBe("short-term: 7 days\n")
    expect(await fails(2, "retention", "short-term:never")).toContain("maxAgeDays")

    // Carried to another tenant of the same place, twice.
    const exported = await run("export", "--all-users")
    expect(exported.trimEnd().split("\n")).toHaveLength(2)
    const file = join(folder, "memories.ndjson")
    await writeFile(file, exported)
    expect(await json("forget", "--everything", "--all-users")).toEqual({ count: 2, executions: [] })
    expect(await run("import", file, "--all-users")).toBe("Imported 2 of 2 memories; 0 already existed.\n")
    expect(await json("import", file)).toEqual({ lines: 2, stored: 0, known: 2 })
    await writeFile(file, `${exported}{"broken":\n`)
    expect(await fails(2, "import", file)).toMatch(/in lines 1 to 3 of .*run the command again/)
    expect(await fails(1, "import", join(folder, "none"))).toContain("none")

    expect(await fails(2, "forget")).toContain("--everything")
    expect(await fails(2, "list", "--user", "eve", "--all-users")).toContain("not both")
    expect(await run("forget", "--subject", "ada/diet")).toBe("Erased 1 memory.\n")
    expect((await json("list")).items).toHaveLength(1)
    // Another user's are another's.
    await run("add", "Eve collects stamps.", "--user", "eve")
    expect(await run("search", "stamps")).toContain("No memory")
    expect(await run("search", "stamps", "--user", "eve")).toContain("Eve collects stamps.")
    expect(await run("search", "stamps", "--all-users")).toContain("user eve")
  })

  it("works directly on the database if no server is running", async () => {
    const env = { CREWLINE_DATA: join(folder, "data") }
    const run = (...args: ReadonlyArray<string>) => InProcess.run(["memory", ...args], { env })
    const added = await run("add", "Ada Lovelace eats no meat.", "--crew", "support")
    expect(added, added.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Remembered as mem_/) })
    const found = await run("search", "What does Ada eat?", "--explain")
    expect(found.stdout).toMatch(/Ada Lovelace eats no meat.*lexical 1\.000/s)
    const exported = await run("export")
    const file = join(folder, "direct.ndjson")
    await writeFile(file, exported.stdout)
    expect((await run("forget", "--everything")).stdout).toBe("Erased 1 memory.\n")
    expect((await run("import", file)).stdout).toBe("Imported 1 of 1 memories; 0 already existed.\n")
    const audit = await InProcess.run(["audit", "--json"], { env })
    expect(JSON.parse(audit.stdout).items.map(({ operation }: { operation: string }) => operation)).toEqual([
      "memories.import",
      "memories.forget",
      "memories.remember"
    ])
  })
})

describe("crewline run --data", { timeout: 120_000 }, () => {
  it("ends when the memories of its tasks are stored", async () => {
    const env = { CREWLINE_DATA: join(folder, "stored") }
    const file = join(folder, "storing.yaml")
    const agents = "{ clerk: { role: Clerk, goal: Answer, model: scripted/demo } }"
    const tasks = "{ only: { description: Say where the otters of the Elbe sleep., expectedOutput: One sentence. } }"
    await writeFile(file, `{ name: storing, memory: true, agents: ${agents}, tasks: ${tasks} }`)
    const ended = await InProcess.run(["run", file, "--data", env.CREWLINE_DATA])
    expect(ended.code, ended.stderr).toBe(0)
    expect((await InProcess.run(["memory", "list"], { env })).stdout).toContain("otters of the Elbe")
    expect((await InProcess.run(["outbox"], { env })).stdout).toBe("Nothing waits.\n")
  })
})

describe("crewline run --session", { timeout: 120_000 }, () => {
  it("continues a conversation over several executions, and no other", async () => {
    const file = join(folder, "talking.yaml")
    await writeFile(
      file,
      `
name: talking
memory: { kinds: [short-term] }
agents: { clerk: { role: Clerk, goal: Answer, model: scripted/demo } }
tasks: { only: { description: Say where the otters of the Elbe sleep., expectedOutput: One sentence. } }
`
    )
    /** The events of one run in this conversation; absent: in none. */
    const run = async (session?: string) => {
      const args = ["run", file, "--data", join(folder, "talks"), "--json"]
      const ended = await InProcess.run(session === undefined ? args : [...args, "--session", session])
      expect(ended.code, ended.stderr).toBe(0)
      const events: ReadonlyArray<{ type: string; sessionId?: string; ids?: ReadonlyArray<string> }> = ended.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
      return {
        started: events[0],
        recalled: events.flatMap(({ ids, type }) => (type === "MemoryRecalled" ? ids! : []))
      }
    }
    expect(await run("one")).toMatchObject({ started: { type: "ExecutionStarted", sessionId: "one" }, recalled: [] })
    expect((await run("two")).recalled).toEqual([])
    expect((await run()).recalled).toEqual([])
    expect((await run("one")).recalled).toHaveLength(1)
  })
})
