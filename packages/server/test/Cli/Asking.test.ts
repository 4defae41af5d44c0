import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as InProcess from "./InProcess.ts"

let folder: string
let review: string
let approval: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-asking-"))
  const crew = (name: string, more: string) => `
name: ${name}
agents: { worker: { role: Worker, goal: Work, model: scripted/demo, tools: [calculate] } }
tasks: { only: { description: "Add 6 and 7: 6 + 7", expectedOutput: A sum., ${more} } }
`
  review = join(folder, "review.yaml")
  approval = join(folder, "approval.yaml")
  await writeFile(review, crew("reviewed", "tools: [], humanInput: true"))
  await writeFile(approval, crew("approved", "approvals: [calculate]"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const asked = (shown: string) => shown.includes("Your answer (")

describe("crewline run, where people have to answer", { timeout: 60_000 }, () => {
  it("prints the ask and exits with 3 without a terminal; in memory the execution is cancelled", async () => {
    const { code, stderr, stdout } = await InProcess.run(["run", approval])
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" })
    expect(stderr).toMatch(/approval: only: may worker call calculate\?/)
    expect(stderr).toMatch(/shown +\{[^]*"tool": "calculate"[^]*"arguments"/)
    expect(stderr).toMatch(/deadline +none/)
    expect(stderr).toMatch(/execution cancelled/)
    expect(stderr).toMatch(/only in memory and has been cancelled/)
  })

  it("prints events for programs, and then asks no questions", async () => {
    const { code, stdout } = await InProcess.run(["run", approval, "--json"], { person: () => undefined })
    expect(code).toBe(3)
    const types = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).type)
    expect(types).toContain("TaskSuspended")
    expect(types.at(-1)).toBe("ExecutionEnded")
  })

  it("asks in the terminal, rejects invalid answers, and continues", async () => {
    const lines = ["", "perhaps", "edit 7", 'edit { "wrong": 1 }', 'e { "expression": "2 * 21" }']
    const { code, stderr, stdout } = await InProcess.run(["run", approval], {
      person: (shown) => (asked(shown) ? lines.shift() : undefined)
    })
    expect(code, stderr).toBe(0)
    expect(stdout).toContain("42")
    expect(stderr).toMatch(/Type one of approve, edit, deny/)
    expect(stderr).toMatch(/expected a JSON object/)
    expect(stderr).toMatch(/\narguments[^\n]*expression/)
  })

  it("sends an output back and asks again until it is accepted", async () => {
    const lines = ["revise", "Shorter, please", "accept"]
    const { code, stdout } = await InProcess.run(["run", review], {
      person: (shown) => (asked(shown) || shown.includes("What should be changed:") ? lines.shift() : undefined)
    })
    expect(code).toBe(0)
    expect(stdout).toContain("Shorter, please")
  })

  it("sends typed messages to agents, which continue with them, even after their output was accepted", async () => {
    const lines = ["@nobody Hello", "@only Be brief", "@ Hello", "accept", "accept"]
    const { code, stderr } = await InProcess.run(["run", review, "--steer"], {
      person: (shown) => (asked(shown) ? lines.shift() : undefined)
    })
    expect({ code, left: lines.length }, stderr).toEqual({ code: 0, left: 0 })
    expect(stderr).toContain("Type a message to the manager, or @task")
    expect(stderr).toContain('has no task "nobody"')
    expect(stderr).toContain("Sent to the agent of only.")
    expect(stderr).toContain("has no manager to read the message")
  })

  it("behaves as without a terminal when the input has ended", async () => {
    const { code, stderr } = await InProcess.run(["run", review], {
      person: (shown) => (asked(shown) ? null : undefined)
    })
    expect(code).toBe(3)
    expect(stderr).toMatch(/only\s+in\s+memory/)
  })
})

describe("crewline inbox and answer", { timeout: 60_000 }, () => {
  it("report an invalid command line before anything is opened", async () => {
    const wrong = await InProcess.run(["answer", "x", "reply", "--value", "yes"])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toMatch(/value/)
    expect((await InProcess.run(["answer", "x", "grant"])).code).toBe(2)
    for (const id of ["x", "a b", "exec~a~1.1.0\u0000"])
      expect(
        await InProcess.run(["answer", id, "deny"], { env: { CREWLINE_URL: "http://127.0.0.1:1" } })
      ).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("There is no ask")
      })
    const nowhere = await InProcess.run(["inbox"], { env: { CREWLINE_URL: "localhost" } })
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("Invalid CREWLINE_URL") })
    const nobody = await InProcess.run(["inbox"], { env: { CREWLINE_URL: "http://127.0.0.1:1" } })
    expect(nobody).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No server answers at http://127.0.0.1:1")
    })
  })

  it("create no database, and ignore the address left by a dead server", async () => {
    const data = join(folder, "empty")
    const none = await InProcess.run(["inbox", "--data", data])
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining(`no database in ${data}`) })
    const left = join(folder, "server.json")
    await writeFile(left, JSON.stringify({ url: "http://127.0.0.1:1", pid: process.pid, host: hostname() }))
    const stale = await InProcess.run(["inbox", "--data", folder])
    expect(stale.stderr).toContain(`The server at http://127.0.0.1:1 does not answer; its address remains in ${left}.`)
    expect(await readFile(left, "utf8")).toContain("127.0.0.1:1")
  })
})
