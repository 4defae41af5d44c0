import { describe, expect, it } from "@effect/vitest"
import * as Struct from "effect/Struct"
import * as Generator from "../../src/Generator.ts"
import * as Arbitrary from "../arbitrary/Crew.ts"
import * as Property from "../arbitrary/Property.ts"

const tools: Generator.Facts["tools"] = {
  look: { kind: "read" },
  send: { kind: "network" },
  ask: { kind: "read", asks: true }
}
const facts: Generator.Facts = { constraints: {}, tools }

const task = (more: object = {}) => ({ description: "Do {topic}.", expectedOutput: "Text.", agent: "a", ...more })
const valid = {
  name: "test",
  agents: { a: { role: "R", goal: "G." }, boss: { role: "Manager", goal: "Manage." } },
  tasks: { find: task(), write: task({ context: ["find"] }) },
  inputs: { topic: {} },
  manager: { agent: "boss" }
}
const report = [{ name: "report", task: "write" }]

const codes = (
  data: unknown,
  more: Partial<Generator.Facts> = {},
  deliverables: Generator.Draft["deliverables"] = report
) =>
  Generator.validate({ data, deliverables }, { ...facts, ...more }).problems.map(({ code, path }) => [
    code,
    path.join(".")
  ])

describe("Validation", () => {
  it("accepts a crew that is what it must be, with its estimate", () => {
    const { crew, estimate, problems } = Generator.validate({ data: valid, deliverables: report }, facts)
    expect(problems).toEqual([])
    expect(crew.definition.name).toBe("test")
    expect(estimate!.criticalPath).toEqual(["find", "write"])
  })

  it("knows everything that is wrong with any crew", () => {
    expect(codes({ ...valid, tasks: { ...valid.tasks, find: task({ context: ["write"] }) } })).toEqual([
      ["cycle", "tasks.find.context.0"]
    ])
    expect(codes({ ...valid, tasks: { ...valid.tasks, find: task({ agent: "b" }) } })[0]).toEqual([
      "unknown-agent",
      "tasks.find.agent"
    ])
    expect(codes({ ...valid, tasks: {} })[0]![0]).toBe("no-tasks")
    expect(Generator.validate({ data: null, deliverables: [] }, facts).estimate).toBe(undefined)
  })

  it("wants every input used", () => {
    expect(codes({ ...valid, inputs: { topic: {}, tone: {} } })).toEqual([["unused-input", "inputs.tone"]])
  })

  it("wants every deliverable from a final task, and every final task to have one", () => {
    expect(codes(valid, {}, [{ name: "report", task: "find" }])).toEqual([
      ["missing-deliverable", "tasks.find"],
      ["unneeded-output", "tasks.write"]
    ])
    expect(codes(valid, {}, [...report, { name: "slides", task: undefined }])).toEqual([
      ["missing-deliverable", "tasks"]
    ])
    expect(codes({ ...valid, tasks: { ...valid.tasks, spare: task() } })).toEqual([["unneeded-output", "tasks.spare"]])
  })

  it("wants tools that exist, are allowed, and that no policy refuses", () => {
    const using = (...names: ReadonlyArray<string>) => ({
      ...valid,
      tasks: { ...valid.tasks, find: task({ tools: names }) }
    })
    expect(codes(using("look", "send", "ask"))).toEqual([])
    expect(codes(using("lok"))).toEqual([["unknown-tool", "tasks.find.tools.0"]])
    expect(codes(using("look", "send"), { constraints: { tools: ["lo*"] } })).toEqual([
      ["tool-not-allowed", "tasks.find.tools.1"]
    ])
    expect(codes(using("send"), { policies: [{ deny: [{ kind: "network" }] }] })).toEqual([
      ["tool-denied", "tasks.find.tools.0"]
    ])
    expect(codes(using("send"), { policies: [{ allow: ["look"] }] })).toEqual([["tool-denied", "tasks.find.tools.0"]])
    // Some calls of it may be made.
    expect(codes(using("send"), { policies: [{ deny: [{ tool: "send", arguments: { required: ["to"] } }] }] })).toEqual(
      []
    )
    expect(codes(using("ask"), { constraints: { asksPeople: false } })).toEqual([["tool-asks", "tasks.find.tools.0"]])
  })

  it("wants models that are allowed", () => {
    const constraints = { models: ["p/m"] }
    expect(codes({ ...valid, model: "p/m" }, { constraints })).toEqual([])
    expect(codes({ ...valid, model: "p/n" }, { constraints })).toEqual([["model-not-allowed", "model"]])
  })

  it("wants as many agents and tasks as are allowed, and none without work", () => {
    expect(codes({ ...valid, agents: { ...valid.agents, b: { role: "B", goal: "G." } } })).toEqual([
      ["unused-agent", "agents.b"]
    ])
    const two = {
      ...valid,
      agents: { ...valid.agents, b: { role: "B", goal: "G." } },
      tasks: { ...valid.tasks, find: task({ agent: "b" }) }
    }
    expect(codes(two, { constraints: { maxAgents: 1 } })).toEqual([["too-many-agents", "agents"]])
    expect(codes(valid, { constraints: { maxTasks: 1 } })).toEqual([["too-many-tasks", "tasks"]])
  })

  it("wants a manager whose powers do something", () => {
    const without = Struct.omit(valid, ["manager"])
    expect(codes(without)).toContainEqual(["missing-manager", "manager"])
    const managed = (more: object) => codes({ ...valid, manager: { agent: "boss", ...more } })
    expect(managed({ recover: false })).toEqual([["manager-powers", "manager.recover"]])
    expect(managed({ maxRecoveries: 0 })).toEqual([["manager-powers", "manager.maxRecoveries"]])
    expect(managed({ review: "final", maxRevisions: 0 })).toEqual([["manager-powers", "manager.maxRevisions"]])
    expect(managed({ review: "final", recover: false })).toEqual([])
  })

  it("wants an estimate within the constraints", () => {
    const price = () => ({ input: 1, output: 10 })
    expect(codes(valid, { constraints: { limits: { tokens: 100 } } })).toEqual([["over-limit", "limits.tokens"]])
    expect(codes(valid, { constraints: { limits: { tokens: 100_000 } } })).toEqual([])
    expect(codes(valid, { price, constraints: { limits: { costUsd: 0.001 } } })).toEqual([
      ["over-limit", "limits.costUsd"]
    ])
    expect(codes(valid, { constraints: { limits: { costUsd: 10 } } })).toEqual([["unknown-cost", "limits.costUsd"]])
    expect(codes(valid, { constraints: { timeout: "10 seconds" } })).toEqual([["over-timeout", "timeout"]])
  })

  Property.test(100)("reports problems of any crew, and of any damage to one", [Arbitrary.definition], (definition) => {
    const { problems } = Generator.validate({ data: definition, deliverables: [] }, facts)
    for (const { message } of problems) expect(message).toMatch(/\S/)
    // Each of its final tasks is one that nobody needs.
    expect(problems.length).toBeGreaterThan(0)
  })
})
