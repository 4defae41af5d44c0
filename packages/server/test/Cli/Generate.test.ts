import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as InProcess from "./InProcess.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crewline-generate-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const generate = (...args: ReadonlyArray<string>) =>
  InProcess.run(["generate", ...args, "--workspace", folder], { env: {} })

describe("crewline generate", () => {
  it("prints the crew, its rationale, estimate and problems as JSON, and exits with 0", async () => {
    const { code, stderr, stdout } = await generate("Explain tides", "--json", "-i", "reader=children")
    expect(code).toBe(0)
    const printed = JSON.parse(stdout)
    expect(Object.keys(printed)).toEqual(["crew", "rationale", "estimate", "problems"])
    expect(printed.problems).toEqual([])
    expect(printed.crew).toMatchObject({ description: "Explain tides", manager: { agent: "manager" } })
    expect(printed.crew.inputs).toEqual({ reader: { default: "children" } })
    expect(printed.estimate).toMatchObject({ criticalPath: ["outline", "write"], costUsd: { likely: 0 } })
    expect(JSON.stringify(printed.rationale)).toContain("This is a demonstration")
    expect(stderr).toContain("DEMONSTRATION")
  }, 120_000)

  it("exits with 3 and the problems when the crew is not valid", async () => {
    const constraints = ["--constraints", '{"maxTasks":1}', "--rounds", "1"]
    const { code, stdout } = await generate("Explain tides", "--json", ...constraints)
    expect(code).toBe(3)
    const { crew, problems } = JSON.parse(stdout)
    expect(problems).toMatchObject([{ code: "too-many-tasks", path: ["tasks"] }])
    expect(crew.tasks).toHaveLength(2)
    const forPeople = await generate("Explain tides", ...constraints)
    expect(forPeople).toMatchObject({ code: 3, stderr: expect.stringContaining("1 problem: the crew is a draft") })
  }, 120_000)

  it("spends no more on the generation than its limits allow", async () => {
    const { code, stdout } = await generate("Explain tides", "--json", "--limits", '{"requests":2}')
    expect(code).toBe(3)
    const { crew, problems } = JSON.parse(stdout)
    expect(crew).toBe(null)
    expect(problems).toMatchObject([{ code: "no-result", message: expect.stringContaining("model-budget-exceeded") }])
  }, 120_000)

  it("writes a file that validates and runs", async () => {
    const file = join(folder, "crew.yaml")
    const { code, stderr, stdout } = await generate("Explain tides", "--output", file)
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" })
    expect(stderr).toContain("Estimate:")
    expect(await readFile(file, "utf8")).toContain("description: Explain tides")
    expect(await InProcess.run(["validate", file])).toMatchObject({ code: 0 })
    const ran = await InProcess.run(["run", file], { env: {} })
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("This is a demonstration") })
  }, 120_000)

  it("runs the crew in the same call", async () => {
    const shown = await generate("Explain tides", "--run", "--no-optimize")
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("This is a demonstration") })
    const { execution } = JSON.parse((await generate("Explain tides", "--run", "--json")).stdout)
    expect(execution).toMatchObject({ id: expect.stringMatching(/^exec_/), output: expect.any(String) })
  }, 120_000)

  it("refuses constraints and goals that are none", async () => {
    expect(await generate("Explain tides", "--constraints", '{"maxAgent":1}')).toMatchObject({ code: 2, stdout: "" })
    expect(await generate("Explain tides", "--limits", '{"requests":0}')).toMatchObject({ code: 2, stdout: "" })
    expect(await generate(" ")).toMatchObject({ code: 2, stderr: expect.stringContaining("The goal is empty") })
  }, 120_000)
})
