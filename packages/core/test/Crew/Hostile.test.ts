/**
 * Crews designed to take long, or to cause a long response. Growth of the work is measured in
 * `test/LinearWork.test.ts`.
 */
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import * as Crew from "../../src/Crew.ts"
import * as CrewFile from "../../src/CrewFile.ts"
import * as PlainJson from "../../src/Crew/PlainJson.ts"
import * as Plan from "../../src/Plan.ts"

const task = { description: "Write.", expectedOutput: "Text." }
const crew = { name: "hostile", agents: { a: { role: "Writer", goal: "Write" } }, tasks: { t: task } }

const errorOf = (result: Result.Result<unknown, Crew.CrewInvalid>): Crew.CrewInvalid => {
  if (Result.isSuccess(result)) throw new Error("It was found to be in order")
  return result.failure
}

describe("a value", () => {
  it("that contains itself is refused once, and the rest of it is copied", () => {
    const circle: { [key: string]: unknown } = { name: "x" }
    circle["agents"] = circle
    circle["tasks"] = { again: circle }
    const { faults, json } = PlainJson.copy(circle)
    expect(faults).toEqual([{ path: ["agents"], message: "contains itself" }])
    expect(json).toEqual({ name: "x", tasks: {} })
  })

  it("that refers to an object many times is copied once, and shared", () => {
    let value: unknown = { leaf: 1 }
    // Expanded, it would have a thousand million leaves.
    for (let level = 0; level < 20; level++) value = [value, value]
    const { faults, json } = PlainJson.copy(value)
    expect(faults).toEqual([])
    expect((json as ReadonlyArray<unknown>)[0]).toBe((json as ReadonlyArray<unknown>)[1])
    for (let level = 0; level < 20; level++) value = [value, value]
    expect(PlainJson.copy(value).faults).toHaveLength(1)
    expect(PlainJson.copy(value).faults[0]!.message).toBe("is too large")
  })

  it("has the same depth at a reference as at its first occurrence", () => {
    let deep: unknown = 1
    for (let level = 0; level < 150; level++) deep = [deep]
    let below: unknown = deep
    for (let level = 0; level < 60; level++) below = [below]
    expect(PlainJson.copy([deep, below]).faults.map(({ message }) => message)).toEqual([
      "is nested more than 200 levels deep"
    ])
    expect(PlainJson.copy([below, deep]).faults).toHaveLength(1)
    expect(PlainJson.copy(deep).faults).toEqual([])
  })

  it("with many faults gets a hundred problems", () => {
    const { faults } = PlainJson.copy(Array.from({ length: 1_000 }, () => Number.NaN))
    expect(faults).toHaveLength(101)
    expect(faults.at(-1)).toEqual({ path: [], message: "has 900 more such values" })
  })
})

describe("a text", () => {
  it("whose alias contains itself is refused at once", () => {
    const { problems } = errorOf(CrewFile.parse("&a\nname: x\nagents: *a\ntasks: *a\n"))
    const circular = problems.filter(({ message }) => message.includes("contains itself"))
    expect(circular).toMatchObject([{ path: ["agents"], line: 3, column: 9 }])
    expect(problems.length).toBeLessThan(20)
  })

  it("that merges itself is refused", () => {
    const { problems } = errorOf(CrewFile.parse("a: &a\n  <<: *a\n  x: 1\nname: x\nagents: *a\ntasks: *a\n"))
    expect(problems.length).toBeGreaterThan(0)
  })

  it("with very many aliases is refused", () => {
    const text = Array.from({ length: 1_001 }, (_, index) => `- &a${index} x\n- *a${index}\n`).join("")
    expect(errorOf(CrewFile.parse(text)).problems).toEqual([
      {
        code: "yaml-syntax",
        path: [],
        message: "Invalid YAML or JSON: The text has more than 1000 aliases; this one is too many.",
        line: 2_002,
        column: 3
      }
    ])
  })

  it("means by an alias the anchor before it", () => {
    const text = `name: x\nagents:\n  a: { role: &x Writer, goal: *x }\ntasks:\n  t: { description: &x Write, expectedOutput: *x }\n`
    const parsed = Result.getOrThrow(CrewFile.parse(text))
    expect(parsed.definition.tasks["t"]).toEqual({ description: "Write", expectedOutput: "Write" })
    expect(errorOf(CrewFile.parse(`${text}model: *y\n`)).problems[0]!.message).toContain("has no anchor &y before it")
    expect(errorOf(CrewFile.parse(`memory: *x\n${text}`)).problems[0]!.line).toBe(1)
  })

  it("nested too deeply is refused", () => {
    for (const text of [
      "[".repeat(20_000),
      `x: ${"[".repeat(20_000)}${"]".repeat(20_000)}`,
      `${"{a: ".repeat(20_000)}`
    ])
      expect(errorOf(CrewFile.parse(text)).problems.some(({ message }) => /nested too deeply/.test(message))).toBe(true)
  })
})

describe("the problems of a crew", () => {
  const unknownKeys = (count: number, prefix: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, 1]))

  it("are limited to a hundred, with the number of the others", () => {
    const wrong = { ...crew, tasks: { t: { ...task, ...unknownKeys(5_000, "unknown") } } }
    const error = errorOf(Crew.fromJson(wrong))
    expect(error.problems.length + error.more!).toBe(5_000)
    expect(error.problems.length).toBeLessThanOrEqual(100)
    expect(error.message).toContain("is not valid, 5000 problems:")
    expect(error.message).toMatch(new RegExp(`and ${error.more} more$`))
    const text = errorOf(CrewFile.parse(JSON.stringify(wrong), { plan: { tools: [] } }))
    expect(text.problems.length + text.more!).toBe(5_000)
    expect(text.problems[0]).toMatchObject({ line: 1, path: ["tasks", "t", "unknown0"] })
  })

  it("stay short, however long the names are", () => {
    const long = "ü".repeat(5_000)
    const wrong = {
      ...crew,
      agents: { ...crew.agents, [long]: { role: long } },
      tasks: {
        [long]: {
          ...task,
          ...unknownKeys(80, long),
          agent: long,
          context: [long, `${long}x`],
          outputFile: `/${long}`
        },
        t: { ...task, output: { properties: { [long]: { pattern: "(" } } }, when: { task: long, matches: long } }
      },
      inputs: { [long]: long }
    }
    for (const error of [errorOf(Crew.fromJson(wrong)), errorOf(CrewFile.parse(JSON.stringify(wrong)))]) {
      expect(Buffer.byteLength(JSON.stringify(error.problems))).toBeLessThan(26_000)
      expect(Buffer.byteLength(error.message)).toBeLessThan(32_000)
      expect(error.problems.length).toBeGreaterThan(10)
    }
  })

  it("are unchanged when they are limited again", () => {
    const error = errorOf(Crew.fromJson({ ...crew, ...unknownKeys(500, "unknown") }))
    const again = new Crew.CrewInvalid({ problems: error.problems, more: error.more! })
    expect(again.problems).toEqual(error.problems)
    expect(again.more).toBe(error.more)
  })

  it("have missing inputs last, so that they do not displace other problems", () => {
    const description = Array.from({ length: 500 }, (_, index) => `{input${index}}`).join(" ")
    const made = Result.getOrThrow(
      Crew.fromJson({ ...crew, tasks: { t: { ...task, description, tools: ["nothing"] } } })
    )
    const error = errorOf(Plan.make(made, { tools: [] }))
    expect(error.problems[0]!.code).toBe("unknown-tool")
    expect(error.problems.length + error.more!).toBe(501)
  })
})

it("an attachment whose address has many fragments costs time linear in its length", () => {
  // With a regular expression this took minutes.
  const url = `https://example.com/${"#".repeat(300_000)}\n.png`
  const made = Crew.fromJson({ ...crew, tasks: { t: { ...task, attachments: [{ url }] } } })
  expect(Result.isFailure(made)).toBe(true)
})

describe("a plan", () => {
  const problemsOf = (definition: unknown, inputs: Plan.MakeOptions["inputs"] = {}) => {
    const { crew: made, problems } = Plan.check(definition, {})
    return problems.length > 0 ? problems : errorOf(Plan.make(made, { inputs })).problems
  }
  const tasks = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, task]))

  it("is not created from a long input in many places, whatever its type and place", () => {
    const many = "{a}".repeat(20_000)
    const long = "x".repeat(100_000)
    const tooLarge = [{ code: "too-large", path: ["inputs"], message: expect.stringContaining("16777216 characters") }]
    for (const given of [
      { tasks: { t: { ...task, description: many } } },
      { tasks: { t: { ...task, outputFile: many } } },
      { tasks: { t: { ...task, guardrails: Array.from({ length: 200 }, () => "{a}") } } },
      { tasks: { t: { ...task, attachments: [{ url: `https://example.com/${many}`, mediaType: "image/png" }] } } },
      { agents: { a: { ...crew.agents.a, backstory: many } } }
    ])
      for (const a of [long, [long]]) expect(problemsOf({ ...crew, ...given }, { a })).toEqual(tooLarge)
    const inDefault = { ...crew, tasks: { t: { ...task, description: many } }, inputs: { a: { default: long } } }
    expect(problemsOf(inDefault)).toEqual(tooLarge)
    const made = Result.getOrThrow(
      Crew.fromJson({ ...crew, tasks: { t: { ...task, description: "{a}".repeat(100) } } })
    )
    expect(Result.getOrThrow(Plan.make(made, { inputs: { a: long } })).tasks[0]!.description).toHaveLength(10_000_000)
  })

  it("is not created from many tasks with long inputs each", () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `tool${index}`)
    for (const given of [
      { agents: { a: { ...crew.agents.a, tools: names } }, tasks: tasks(1_000) },
      { agents: { a: { ...crew.agents.a, approvals: names, tools: names } }, tasks: tasks(1_000) },
      { process: "sequential", tasks: tasks(10_000) }
    ])
      expect(problemsOf({ ...crew, ...given })).toMatchObject([{ code: "too-large", path: ["tasks"] }])
    const named = Object.fromEntries(
      Object.entries(tasks(10_000)).map(([name, one]) => [name, { ...one, context: [] }])
    )
    for (const given of [{ tasks: tasks(10_000) }, { process: "sequential", tasks: named }])
      expect(Result.isSuccess(Plan.make(Result.getOrThrow(Crew.fromJson({ ...crew, ...given }))))).toBe(true)
  })
})
