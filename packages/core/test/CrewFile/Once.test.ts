import * as Result from "effect/Result"
import { afterAll, beforeEach, expect, it, vi } from "vitest"

const counts = vi.hoisted(() => ({ parsed: 0, checked: 0 }))

vi.mock("yaml", async (original) => {
  const yaml = await original<typeof import("yaml")>()
  const parseDocument: typeof yaml.parseDocument = (...args) => {
    counts.parsed++
    return yaml.parseDocument(...args)
  }
  return { ...yaml, parseDocument }
})

vi.mock("../../src/Crew/Check.ts", async (original) => {
  const module = await original<typeof import("../../src/Crew/Check.ts")>()
  const check: typeof module.check = (...args) => {
    counts.checked++
    return module.check(...args)
  }
  return { ...module, check }
})

// Test files share their modules: these are evaluated again with the mocks, and afterwards without
// them.
vi.resetModules()
const Crew = await import("../../src/Crew.ts")
const CrewFile = await import("../../src/CrewFile.ts")
const Plan = await import("../../src/Plan.ts")
afterAll(() => {
  vi.doUnmock("yaml")
  vi.doUnmock("../../src/Crew/Check.ts")
  vi.resetModules()
})

beforeEach(() => {
  counts.parsed = 0
  counts.checked = 0
})

const text = `
name: notes
agents:
  writer: { role: Writer, goal: "Write about {topic}" }
tasks:
  write: { description: "Write about {topic}.", expectedOutput: A note, tools: [calculate] }
`

it("a crew file is parsed once and checked once for all plans, however often it is started", () => {
  const crew = Result.getOrThrow(CrewFile.parse(text, { plan: { inputs: { topic: "otters" }, tools: ["calculate"] } }))
  expect(Result.isSuccess(Crew.validate(crew))).toBe(true)
  for (const topic of ["otters", "voles"]) {
    const plan = Result.getOrThrow(Plan.make(crew, { inputs: { topic }, tools: ["calculate"] }))
    expect(plan.tasks[0]!.description).toBe(`Write about ${topic}.`)
  }
  expect(counts).toEqual({ parsed: 1, checked: 1 })
})

it("an invalid one is parsed and checked once as well", () => {
  const parsed = CrewFile.parse(text.replace("calculate", "calculator"), { plan: { inputs: {}, tools: ["calculate"] } })
  expect(Result.isFailure(parsed) ? parsed.failure.problems.map(({ code, line }) => [code, line]) : []).toEqual([
    ["missing-input", 2],
    ["unknown-tool", 6]
  ])
  expect(counts).toEqual({ parsed: 1, checked: 1 })
})
