import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"
import * as FakeProvider from "@crewline/fake-provider"
import * as Cli from "@crewline/server/Cli"
import * as InProcess from "./Cli/InProcess.ts"
import * as Process from "./Cli/Process.ts"
import { request } from "./fake/Server.ts"

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-cli-"))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const crewFile = async (name: string, text: string) => {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

// eslint-disable-next-line no-control-regex
const escapeCode = /\u001b/

const oneTask = (description: string, more = "") => `
name: one
agents: { worker: { role: Worker, goal: Work${more} } }
tasks: { only: { description: "${description}", expectedOutput: Something. } }
`

/** Gives a command a terminal of its own; part of util-linux. */
const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0

describe("crewline", { timeout: 60_000 }, () => {
  it("lists its commands, and explains each, without loading a database or a provider", async () => {
    const log = `data:text/javascript,import { registerHooks } from "node:module"
registerHooks({ load: (url, context, next) => { process._rawDebug("loaded " + url); return next(url, context) } })`
    const hook = ["--import", log.replaceAll("\n", ";")]
    const help = await Process.run(["--help"], { node: hook })
    expect(help).toMatchObject({ code: 0 })
    for (const command of ["start", "run", "validate", "serve", "worker", "adopt", "migrate"])
      expect(help.stdout).toContain(`  ${command}`)
    const validate = await Process.run(["validate", "planets.yaml"], { node: hook })
    expect(validate.code).toBe(0)
    expect(validate.stderr).toContain("loaded ")
    expect(validate.stderr).not.toMatch(/pglite|sql-pg|openai\/|undici|Server\.ts/)
    // What needs no code of ours loads none.
    const version = await Process.run(["--version"], { node: hook })
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^crewline v\d+\.\d+\.\d+\n$/) })
    for (const { stderr } of [help, version])
      expect(stderr).not.toMatch(/loaded (?!node:|.*\/(bin|server)\/[\w.]+(mjs|json)\n)/)
  })

  it("explains every command from a file that says what the command line takes", async () => {
    const texts: Record<string, string> = JSON.parse(
      await readFile(new URL("../bin/help.json", import.meta.url), "utf8")
    )
    const names = Cli.command.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))
    expect(Object.keys(texts)).toEqual(["", ...names])
    // Stale? `npm run generate`.
    for (const [words, text] of Object.entries(texts))
      expect(text, words).toBe(await Cli.helpOf(words.split(" ").filter((word) => word !== "")))
    const { stdout } = await Process.run(["run", "--help"])
    expect(stdout).toBe(`${stripVTControlCharacters(texts["run"]!)}\n`)
  })

  it.each([
    [["run"], /Missing required argument: file/],
    [["run", "planets.yaml", "--inptu", "a=b"], /Unrecognized flag: --inptu[^]*--input/],
    [["run", "planets.yaml", "--input", "topic"], /--input topic=otters/],
    [["run", "planets.yaml", "-i", "topic=a", "-i", "topic=b"], /"topic" only once/],
    [["serve", "--port", "99999"], /--port[^]*a port from 0 to 65535/],
    [["sevre"], /Unknown subcommand/],
    [["run", "nowhere.yaml"], /nowhere\.yaml cannot be read: the file does not exist/]
  ])("refuses %j with exit code 2 and a word on stderr", async (args, message) => {
    const { code, stderr, stdout } = await InProcess.run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toMatch(message)
  })
})

describe("what the environment says wrongly", { timeout: 60_000 }, () => {
  it("is told with the name of the variable, or with what the other side said", async () => {
    const port = await InProcess.run(["serve"], { env: { PORT: "abc" } })
    expect(port).toMatchObject({ code: 2, stdout: "" })
    expect(port.stderr).toMatch(/Invalid environment: .* for PORT\./)
    const url = "postgres://somebody:secret@127.0.0.1:1/nothing"
    const database = await InProcess.run(["migrate"], { env: { DATABASE_URL: url } })
    expect(database).toMatchObject({ code: 1, stdout: "" })
    expect(database.stderr).toMatch(/ECONNREFUSED 127\.0\.0\.1:1/)
    expect(database.stderr).not.toContain("secret")
  })
})

describe("crewline validate", { timeout: 60_000 }, () => {
  it("accepts every crew of the examples", async () => {
    for (const file of ["planets.yaml", "brief.yaml", "review.yaml"]) {
      expect(await InProcess.run(["validate", InProcess.example(file)])).toMatchObject({ code: 0, stderr: "" })
    }
  })

  it("tells every problem at once, each with its place, a code and what was meant", async () => {
    const file = await crewFile(
      "broken.yaml",
      `name: broken
agents:
  researcher:
    role: Researcher
    gaol: Find things out
tasks:
  gather:
    agent: reseacher
    description: Gather facts about {topic}.
    expectedOutput: Facts.
    context: [write]
    tools: [file_raed]
  write:
    agent: researcher
    description: Write.
    expectedOutput: Text.
    context: [gather, gahter]
    dependsOn: [write]
`
    )
    const { code, stderr, stdout } = await InProcess.run(["validate", file, "--input", "topik=otters"])
    expect(code).toBe(2)
    const problems = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(`${file}:`, ""))
    expect(problems.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual(
      expect.arrayContaining([
        "5:5 unknown-key",
        "8:12 unknown-agent",
        "12:13 unknown-tool",
        "17:23 unknown-task",
        "18:17 self-dependency"
      ])
    )
    expect(stdout).toMatch(/cycle .*gather -> write -> gather/)
    expect(stdout).toMatch(/missing-input .*"topic".*"topik"/)
    expect(stdout).toMatch(/did you mean "file_read"/)
    expect(stderr).toContain(`${problems.length} problems`)
  })

  it("tells line and column of broken YAML", async () => {
    const file = await crewFile("syntax.yaml", "name: x\nagents:\n  a: { role: [\n")
    const { code, stdout } = await InProcess.run(["validate", file])
    expect(code).toBe(2)
    expect(stdout).toMatch(/syntax\.yaml:\d+:\d+ yaml-syntax /)
  })

  it("answers programs with one JSON object", async () => {
    const file = await crewFile("empty.yaml", "name: x\nagents: {}\ntasks: {}\n")
    const invalid = await Process.run(["validate", file, "--json"])
    expect({ code: invalid.code, stderr: invalid.stderr }).toEqual({ code: 2, stderr: "" })
    const codes = JSON.parse(invalid.stdout).problems.map(({ code }: { code: string }) => code)
    expect(codes).toEqual(expect.arrayContaining(["no-agents", "no-tasks"]))
    const valid = await Process.run(["validate", "planets.yaml", "--json"])
    expect(JSON.parse(valid.stdout)).toEqual({ file: "planets.yaml", valid: true, problems: [] })
  })
})

describe("crewline run", { timeout: 60_000 }, () => {
  it("says how long memory lasts, to who wants to have some", async () => {
    const notice = "memory: true uses in-process memory"
    const file = await crewFile("memory.yaml", `${oneTask("Say hello.")}memory: true\n`)
    const remembering = await Process.run(["run", file])
    expect(remembering.code).toBe(0)
    expect(remembering.stderr).toContain(notice)
    expect(remembering.stdout).not.toContain(notice)
    const other = await Process.run(["run", await crewFile("forgetful.yaml", oneTask("Say hello."))])
    expect(other.stderr).not.toContain(notice)
    const kept = await Process.run(["run", file, "--data", join(folder, "memory")])
    expect(kept).toMatchObject({ code: 0, stderr: expect.not.stringContaining(notice) })
  })

  it("prints the output to stdout and one line an event to stderr when neither is a terminal", async () => {
    const { code, stderr, stdout } = await Process.run(["run", "brief.yaml", "--input", "topic=otters"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/otters/)
    expect(stderr).toMatch(/gather: started/)
    expect(stderr).toMatch(/execution completed/)
    // Nobody takes a demonstration for an answer.
    expect(stderr).toMatch(/scripted\/demo/)
    expect(stdout + stderr).not.toMatch(escapeCode)
  })

  it("is about its input and about the file that its tools read", async () => {
    const { stdout } = await InProcess.run([
      "run",
      InProcess.example("planets.yaml"),
      "-i",
      "topic=why a year on Neptune is long",
      "--json"
    ])
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    const calls = events.filter(({ type }) => type === "ToolCalled")
    expect(calls.map(({ tool }) => tool)).toEqual(expect.arrayContaining(["file_read", "calculate"]))
    expect(calls.every(({ isFailure }) => isFailure === false)).toBe(true)
    const outputs = JSON.stringify(events.filter(({ type }) => type === "TaskCompleted"))
    expect(outputs).toContain("why a year on Neptune is long")
    expect(outputs).toContain("Mercury,0.330,4879")
    expect(events.at(-1)).toMatchObject({ type: "ExecutionEnded", status: "completed" })
  })

  it("runs with another model for all agents, whatever the crew names", async () => {
    const file = await crewFile("priced.yaml", oneTask("Say something.", ", model: nobody/nothing"))
    const failed = await InProcess.run(["run", file])
    expect(failed.code).toBe(1)
    expect(failed.stdout).toBe("")
    expect(failed.stderr).toMatch(/nobody\/nothing/)
    expect(await InProcess.run(["run", file, "--model", "scripted/demo"])).toMatchObject({ code: 0 })
  })

  const managed = (manager: string, more = "") => `name: managed
${manager}
agents:
  a: { role: r, goal: g, model: nobody/nothing }
tasks:
  a: { agent: a, description: Say something., expectedOutput: Something., retry: { attempts: 1 } }
${more}`
  it.each([
    ["a manager", managed("manager: { model: scripted/demo }"), true],
    ["who judges without a manager", managed("model: scripted/demo", "acceptance: [It is short.]"), true],
    ["nobody", managed("model: scripted/demo"), false]
  ])("says that a demonstration answers for %s", async (_, crew, isTold) => {
    const { stderr } = await InProcess.run(["run", await crewFile("managed.yaml", crew)])
    expect(stderr).toMatch(/nobody\/nothing/)
    expect(stderr.includes("DEMONSTRATION")).toBe(isTold)
  })

  it("shows how the result that the manager writes stands with the criteria, whoever speaks for the manager", async () => {
    const file = await crewFile(
      "accepted.yaml",
      `name: accepted
model: nobody/nothing
manager: { model: nobody/nothing, review: final }
acceptance: ["It names {topic}.", It is short.]
inputs: { topic: otters }
agents:
  a: { role: r, goal: g }
tasks:
  letter: { description: Write a letter., expectedOutput: A letter. }
  report: { description: Write a report., expectedOutput: A report. }
`
    )
    const { code, stderr, stdout } = await InProcess.run(["run", file, "--model", "scripted/demo"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^This is a demonstration/)
    expect(stdout).toMatch(/From the earlier task "report"/)
    expect(stderr).toMatch(/letter: the manager: accept/)
    expect(stderr).toMatch(/synthesise: the manager: accept, all criteria pass[^]*Acceptance: all criteria pass\.\n$/)
  })

  it("says so when there is no output, and prints none", async () => {
    const { code, stderr, stdout } = await InProcess.run([
      "run",
      InProcess.example("review.yaml"),
      "-i",
      "text=Water boils."
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" })
    expect(stderr).toMatch(/rewrite: skipped \(condition, because of judge\)[^]*There is no output/)
  })

  it("names everything that is wrong before anything runs", async () => {
    const { code, stderr, stdout } = await InProcess.run(["run", InProcess.example("brief.yaml")])
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toMatch(/brief\.yaml:\d+:\d+ missing-input .*"topic"/)
  })

  it("writes output files beside the crew, or in the workspace that it is told", async () => {
    const file = await crewFile(
      "writes.yaml",
      `name: writes
agents: { worker: { role: Worker, goal: Work } }
tasks: { only: { description: Say something., expectedOutput: Something., outputFile: out/said.md } }
`
    )
    const { stdout } = await InProcess.run(["run", file])
    expect(`${await readFile(join(folder, "out", "said.md"), "utf8")}`.trim()).toBe(stdout.trim())
    const elsewhere = join(folder, "elsewhere")
    await InProcess.run(["run", file, "--workspace", elsewhere])
    expect(existsSync(join(elsewhere, "out", "said.md"))).toBe(true)
  })

  it.skipIf(!hasScript)("draws a tree in a terminal, and leaves it as it was", async () => {
    const bin = fileURLToPath(new URL("../bin/crewline.mjs", import.meta.url))
    const command = `"${process.execPath}" "${bin}" run brief.yaml --input topic=otters`
    const shell = spawn("script", ["-qec", command, "/dev/null"], {
      cwd: Process.examples,
      env: { ...process.env, TERM: "xterm", NO_COLOR: "1" }
    })
    let shown = ""
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text))
    const code = await new Promise((resolve) => shell.on("close", resolve))
    expect(code).toBe(0)
    expect(shown).toMatch(/○ gather|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏].* gather/)
    expect(shown.slice(shown.lastIndexOf("\u001b[?25h"))).toMatch(/This is a demonstration/)
    const last = shown.slice(shown.lastIndexOf("\u001b[?2026h"))
    expect(last).toMatch(/✔/)
    expect(last).toMatch(/completed/)
  })

  it("is content when its reader has seen enough", async () => {
    const bin = fileURLToPath(new URL("../bin/crewline.mjs", import.meta.url))
    const shell = spawn(
      "bash",
      ["-o", "pipefail", "-c", `"$0" "$1" run planets.yaml --json 2>/dev/null | head -1`, process.execPath, bin],
      {
        cwd: Process.examples
      }
    )
    const code = await new Promise((resolve) => shell.on("close", resolve))
    expect(code).toBe(0)
  })

  describe("while a model does not answer", () => {
    let provider: FakeProvider.FakeProvider
    beforeAll(async () => void (provider = await FakeProvider.start(FakeProvider.silence)))
    afterAll(() => provider.stop())

    it("Control-C cancels the execution, shows that, and exits with 130", async () => {
      const file = await crewFile("stuck.yaml", oneTask("Wait."))
      const running = Process.start(["run", file, "--model", "openai/fake"], {
        env: { OPENAI_API_KEY: "test", OPENAI_BASE_URL: provider.baseURL }
      })
      await running.said(/only: started/)
      running.child.kill("SIGINT")
      const { code, stderr, stdout } = await running.ended
      expect({ code, stdout }).toEqual({ code: 130, stdout: "" })
      expect(stderr).toMatch(/only: cancelled \(execution-cancelled\)[^]*execution cancelled/)
    })
  })
})

describe("crewline migrate, serve and start", { timeout: 120_000 }, () => {
  const data = () => join(folder, "data")

  it("migrate makes a new database from the one that is shipped, and the second time has nothing to do", async () => {
    const first = await Process.run(["migrate", "--data", data()])
    expect(first).toMatchObject({ code: 0, stderr: "" })
    // What initdb would have made has to be migrated.
    expect(first.stdout).toMatch(/^created the database in .*data\nThe database in .*data is up to date\.\n$/)
    const second = await InProcess.run(["migrate"], { env: { CREWLINE_DATA: data() } })
    expect(second).toMatchObject({ code: 0 })
    expect(second.stdout).toMatch(/up to date: no migrations were pending/)
  })

  it("serve prints where it listens, and ends well on SIGTERM; what it needs is refused to a second one in words", async () => {
    const server = Process.start(["serve", "--port", "0", "--data", data()])
    const [, url = ""] = await server.said(/^Crewline listens on (http:\/\/127\.0\.0\.1:\d+)$/m)
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    const { port } = new URL(url)

    const sameData = await Process.run(["serve", "--port", "0", "--data", data()])
    expect({ code: sameData.code, stdout: sameData.stdout }).toEqual({ code: 1, stdout: "" })
    expect(sameData.stderr).toContain(`in use by process ${server.child.pid}`)
    const samePort = await Process.run(["serve", "--port", port, "--data", join(folder, "other")])
    expect(samePort.code).toBe(1)
    expect(samePort.stderr).toMatch(new RegExp(`Port ${port} is in use`))

    server.child.kill("SIGTERM")
    expect(await server.ended).toMatchObject({ code: 0, stderr: "" })
  })

  it("start says how people answer what they are asked, and goes on when they have", async () => {
    const directory = join(folder, "asking")
    const file = join(folder, "asking.yaml")
    const task = '{ description: "Add 6 and 7: 6 + 7", expectedOutput: A sum., humanInput: true }'
    const agent = "{ role: Worker, goal: Work, model: scripted/demo }"
    await writeFile(file, `name: asking\nagents: { worker: ${agent} }\ntasks: { only: ${task} }\n`)
    const running = Process.start(["start", file, "--port", "0", "--data", directory])
    const [, id = ""] = await running.said(
      /Answer it in another shell, with one of:\n {2}crewline answer (\S+) accept --data /
    )
    expect((await Process.run(["answer", id, "accept", "--data", directory])).code).toBe(0)
    await running.said(/The server runs until Control-C/)
    running.child.kill("SIGINT")
    const { code, stderr } = await running.ended
    expect([code, stderr.split("Answer it in another shell").length]).toEqual([0, 2])
  })

  it("start stores the example, runs it, says where to look, stays up, and starts again on the same data", async () => {
    const go = async (topic: string) => {
      const running = Process.start(["start", "--port", "0", "--data", data(), "--input", `topic=${topic}`])
      const [, address = ""] = await running.said(/This execution {2}(\S+)/)
      const { body: execution } = await request(address)
      expect(execution).toMatchObject({ crewName: "planets", status: "completed" })
      const { body: crews } = await request(new URL("/api/v1/crews?name=planets", address).href)
      running.child.kill("SIGINT")
      const { code, stderr, stdout } = await running.ended
      expect(code).toBe(0)
      expect(stderr).toMatch(/scripted\/demo/)
      expect(stdout).toContain(topic)
      expect(stdout).toMatch(/\/docs/)
      expect(crews.items.map(({ id }: { id: string }) => id)).toEqual([execution.crewId])
      return execution
    }
    const first = await go("which planet is the densest")
    const second = await go("which planet is the hottest")
    expect(second.crewId).toBe(first.crewId)
    expect(second.id).not.toBe(first.id)
  })
})
