/** Every example runs as its README says, with the demonstration model. */
import * as Crew from "../packages/core/src/Crew.ts"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const folder = fileURLToPath(new URL(".", import.meta.url))
const bin = join(folder, "..", "node_modules", ".bin")

/** What `npm start -- …args` runs, without npm; `input` is what somebody types. */
const start = (example: string, args: ReadonlyArray<string>, input = "") =>
  new Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resolve) => {
    const cwd = join(folder, example)
    const { scripts } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"))
    const { OPENAI_API_KEY: _, OPENAI_BASE_URL: _url, ...env } = process.env
    const path = [join(cwd, "node_modules", ".bin"), bin, env["PATH"]].join(delimiter)
    const child = spawn("sh", ["-c", `${scripts.start} "$@"`, "sh", ...args], { cwd, env: { ...env, PATH: path } })
    let stdout = ""
    let stderr = ""
    child.stdin.end(input)
    child.stdout.on("data", (data) => (stdout += data))
    child.stderr.on("data", (data) => (stderr += data))
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
}

describe("examples", { timeout: 60_000 }, () => {
  it.each(["01-first-crew", "02-effect"])("%s runs the crew on its topic", async (example) => {
    const { code, stderr, stdout } = await start(example, ["the lighthouse of Alexandria"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/gather begins\ngather is done\nwrite begins\nwrite called word_count\nwrite is done\n/)
    expect(stdout).toContain("the lighthouse of Alexandria")
    expect(stdout).toMatch(/\d+ model calls, \d+ tokens/)
  })

  it.each([
    ["yes", /Sent to .*: .*\n/, "gives The letter was sent."],
    ["no", /Approve\? \(yes\/no\)\n\n/, "A person denied this call"]
  ])("03-approval sends its letter only after a yes (%s)", async (said, shown, told) => {
    const { code, stderr, stdout } = await start("03-approval", ["Ada"], `friendly\n${said}\n`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/Should the letter be formal or friendly\?[^]*may writer call send_letter\?/)
    expect(stdout).toMatch(shown)
    expect(stdout.includes("Sent to")).toBe(said === "yes")
    expect(stdout).toContain("The letter should be friendly.")
    expect(stdout).toContain(told)
  })

  it("04-managed-crew shows who decided what", async () => {
    const { code, stderr, stdout } = await start("04-managed-crew", ["otters"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/findings is done by researcher, says the manager: /)
    expect(stdout).toContain("brief gives work to researcher: ")
    expect(stdout).toContain("brief is reviewed by the manager: accept")
    expect(stdout).toContain("passed: It answers all three questions.")
    expect(stdout).toMatch(/\d+ model calls, \d+ tokens/)
  })

  it("07-dynamic-crew generates a crew, says why, and runs it", async () => {
    const { code, stderr, stdout } = await start("07-dynamic-crew", ["Explain tides"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(
      /^deliverables is decided\norganisation is decided\ndecomposition is decided\ntools is decided\n/
    )
    expect(stdout).toContain("organisation: one agent (This is a demonstration")
    expect(stdout).toMatch(/name: demonstration\ndescription: Explain tides\n[^]*\n\nThis is a demonstration/)
  })

  it("06-memory does better the second time", async () => {
    const { code, stderr, stdout } = await start("06-memory", [])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    const [first = "", second = ""] = stdout.split("The second quote:")
    expect(first).toContain("Review 1: revise\nReview 2: accept\n")
    expect(second).toMatch(/^\nRecalled 1: .*\nReview 1: accept\nSending a parcel of 5 kg to Rome .* 18 euros\.\n/)
    expect(second).toContain("(score 0.5, lesson: Always name the price in euros.)\nForgotten: 2\n")
    // The README shows what it prints.
    const readme = readFileSync(join(folder, "06-memory", "README.md"), "utf8")
    expect(readme).toContain(stdout.slice(0, stdout.indexOf("\n\nRemembered:")))
  })

  it("05-data-report queries 120,000 rows, draws them and writes the report", async () => {
    const workspace = mkdtempSync(join(tmpdir(), "crewline-report-"))
    try {
      const { code, stderr, stdout } = await start("05-data-report", [workspace])
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
      expect(stdout).toMatch(/^data_describe answered\ndata_query answered\nchart answered\n/)
      const table = readFileSync(join(workspace, "sales.csv"), "utf8").trim().split("\n").slice(1)
      expect(table).toHaveLength(120_000)
      // Computed here once more, without SQL.
      const total = table.reduce((sum, line) => sum + Number(line.split(",")[4]), 0)
      expect(readFileSync(join(workspace, "report.md"), "utf8")).toContain(`Sales were ${total} in all.`)
      // The background and a bar for each month.
      expect(readFileSync(join(workspace, "sales.svg"), "utf8").match(/<rect /g)).toHaveLength(13)
    } finally {
      rmSync(workspace, { recursive: true, force: true })
    }
  })

  it("03-approval asks again when the answer does not fit", async () => {
    const { code, stdout } = await start("03-approval", ["Ada"], "loud\nfriendly\nyes\n")
    expect(code).toBe(0)
    expect(stdout).toContain(`value must be one of "formal", "friendly", not "loud".\nYour answer:`)
    expect(stdout).toContain("Sent to")
  })

  it("03-approval over HTTP does as its README says, and tells why it cannot start", async () => {
    const data = mkdtempSync(join(tmpdir(), "crewline-example-"))
    const url = `http://127.0.0.1:${await freePort()}`
    const serve = () => {
      const { OPENAI_API_KEY: _, ...env } = process.env
      const child = spawn(process.execPath, ["serve.ts"], {
        cwd: join(folder, "03-approval"),
        env: { ...env, CREWLINE_DATA: data, PORT: new URL(url).port }
      })
      let said = ""
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += part))
      return { child, said: () => said, ended: once(child, "close") }
    }
    const server = serve()
    try {
      await expect.poll(server.said, { timeout: 30_000 }).toContain("Listening on http://127.0.0.1:")
      const call = async (path: string, body?: string) => {
        const headers = { "content-type": "application/json" }
        const init = body === undefined ? {} : { method: "POST", headers, body }
        const response = await fetch(`${url}/api/v1${path}`, init)
        return (await response.json()) as never
      }
      const asked = async () => {
        for (;;) {
          const { items } = (await call("/inbox?state=open")) as { items: ReadonlyArray<{ id: string; kind: string }> }
          if (items[0] !== undefined) return items[0]
        }
      }
      await call("/executions", readFileSync(join(folder, "03-approval", "start.json"), "utf8"))
      const question = await asked()
      expect(question.kind).toBe("question")
      await call(`/inbox/${question.id}/answer`, '{ "answer": "reply", "value": "friendly" }')
      const approval = await asked()
      expect(approval.kind).toBe("approval")
      expect(await call(`/inbox/${approval.id}/answer`, '{ "answer": "approve" }')).toMatchObject({ state: "answered" })

      const second = serve()
      expect(await second.ended).toEqual([1, null])
      expect(second.said()).toContain("is in use by process")
    } finally {
      server.child.kill("SIGTERM")
      await server.ended
      rmSync(data, { recursive: true, force: true })
    }
  })

  it("03-approval starts over HTTP what it starts in the terminal", async () => {
    const { crew } = await import("./03-approval/letter.ts")
    const body = JSON.parse(readFileSync(join(folder, "03-approval", "start.json"), "utf8"))
    expect(body).toEqual({ crew: Crew.toJson(crew), inputs: { customer: "Ada" } })
  })

  it("crews runs with its default input, and with another", async () => {
    const asShipped = await start("crews", [])
    expect(asShipped.code).toBe(0)
    expect(asShipped.stdout).toContain("the length of a planet's year")
    const asked = await start("crews", ["--input", "topic=which planet is the densest"])
    expect(asked.code).toBe(0)
    expect(asked.stdout).toContain("which planet is the densest")
  })

  it("each has a README and a package.json with a start command", () => {
    const examples = readdirSync(folder, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && entry.name !== "node_modules"
    )
    for (const { name } of examples) {
      expect(readFileSync(join(folder, name, "README.md"), "utf8")).toContain("npm start")
      expect(JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8")).scripts.start).toBeTypeOf("string")
    }
  })
})
