import * as Result from "effect/Result"
import * as fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import * as Crew from "../src/Crew.ts"
import * as CrewFile from "../src/CrewFile.ts"
import * as Plan from "../src/Plan.ts"
import { damaged, definition } from "./arbitrary/Crew.ts"

const problemsOf = (text: string): ReadonlyArray<Crew.Problem> => {
  const result = CrewFile.parse(text)
  assert(Result.isFailure(result), "the text passed")
  return result.failure.problems
}
/** `code line:column path` of each problem. */
const placesOf = (text: string) =>
  problemsOf(text).map(({ code, column, line, path }) => `${code} ${line}:${column} ${path.join(".")}`)

const valid = `
name: report
agents:
  researcher: &base { role: r, goal: g }
tasks:
  gather:
    description: >
      Look up {topic}
    expectedOutput: facts
`

describe("parse", () => {
  it("reads YAML and JSON alike", () => {
    const yaml = Result.getOrThrow(CrewFile.parse(valid))
    expect(yaml.definition).toEqual({
      name: "report",
      agents: { researcher: { role: "r", goal: "g" } },
      tasks: { gather: { description: "Look up {topic}\n", expectedOutput: "facts" } }
    })
    for (const json of [JSON.stringify(yaml.definition), JSON.stringify(yaml.definition, null, "\t")])
      expect(Result.getOrThrow(CrewFile.parse(json))).toEqual(yaml)
  })

  it("follows anchors and merges", () => {
    const crew = CrewFile.parse(`${valid}    agent: b\n`.replace("tasks:", "  b: { <<: *base, role: other }\ntasks:"))
    expect(Result.getOrThrow(crew).definition.agents["b"]).toEqual({ role: "other", goal: "g" })
  })

  it("reports line and column of each problem, in the order of the file", () => {
    expect(
      placesOf(`name: x
procss: parallel
agents:
  a: &a
    role: 4
    goal: g
  b:
    <<: *a
    rolle: r
tasks:
  - name: one
    description: d
    expected_output: e
    agent: nobody
    context: [one,
      three]
  - name: 2
    description:
    expectedOutput: e
`)
    ).toEqual([
      "unknown-key 2:1 procss",
      "wrong-type 5:11 agents.a.role",
      "wrong-type 5:11 agents.b.role",
      "unknown-key 9:5 agents.b.rolle",
      "unknown-key 13:5 tasks.0.expected_output",
      "unknown-agent 14:12 tasks.0.agent",
      "self-dependency 15:15 tasks.0.context.0",
      "unknown-task 16:7 tasks.0.context.1",
      "missing-agent 17:5 tasks.1.agent",
      "wrong-type 17:11 tasks.1.name",
      "wrong-type 18:5 tasks.1.description"
    ])
  })

  it("reports missing keys where they belong", () => {
    expect(placesOf("name: x\nagents:\n  a: {}\ntasks:\n  t:\n    description: d\n")).toEqual([
      "missing-key 3:3 agents.a.role",
      "missing-key 3:3 agents.a.goal",
      "missing-key 5:3 tasks.t.expectedOutput"
    ])
  })

  it("reports a duplicate key as a duplicate name", () => {
    const text = `name: x
agents: { a: { role: r, goal: g, goal: h } }
tasks:
  t: { description: d, expectedOutput: e }
  u: { description: d, expectedOutput: e, context: [v] }
  t: { description: d, expectedOutput: e }
`
    expect(placesOf(text)).toEqual([
      "duplicate-name 2:34 agents.a.goal",
      "unknown-task 5:53 tasks.u.context.0",
      "duplicate-name 6:3 tasks.t"
    ])
    expect(problemsOf(text)[2]!.message).toContain("line 4")
    expect(
      placesOf(
        JSON.stringify({ ...Result.getOrThrow(CrewFile.parse(valid)).definition }).replace(
          '"role"',
          '"role":"q","role"'
        )
      )
    ).toEqual(["duplicate-name 1:53 agents.researcher.role"])
  })

  for (const [title, text, place] of [
    ["an open bracket", "name: x\nagents: [a\ntasks: {}\n", "yaml-syntax 3:1 "],
    ["a bad indentation", "name: x\n agents: {}\n", "yaml-syntax 1:7 "],
    ["a tab", "name: x\nagents:\n\ta: 1\n", "yaml-syntax 3:1 "],
    ["broken JSON", '{"name": "x"\n "agents": {}}', "yaml-syntax 2:2 "],
    ["two documents", "name: x\n---\nname: y\n", "yaml-syntax 2:1 "],
    ["an unknown tag", "name: !person x\n", "yaml-syntax 1:7 "],
    ["an unknown alias", "name: *nobody\n", "yaml-syntax 1:7 "],
    ["a key that is no text", "? [a]\n: b\n", "yaml-syntax 1:3 "],
    ["a list of nothing", '{"name": "x", "tasks": {},\n "agents": }', "no-tasks 1:24 tasks"],
    ["an empty text", "", "wrong-type 1:1 "],
    ["a mere word", "crew", "wrong-type 1:1 "]
  ] as const) {
    it(`refuses ${title}`, () => expect(placesOf(text)[0]).toBe(place))
  }

  it("terminates on endless aliases and nesting", () => {
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x]",
      ..."bcdefgh"
        .split("")
        .map((letter, index) => `${letter}: &${letter} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
    ]
    for (const text of [
      bomb.join("\n"),
      "a: &x [*x]",
      "[".repeat(100_000),
      "a: ".repeat(100_000),
      `${"- ".repeat(50_000)}a`
    ]) {
      const problems = problemsOf(text)
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.length).toBeLessThan(20)
    }
  })

  it("checks tools and inputs, too, if they are given", () => {
    const text = `${valid}    tools: [file_read, serch]\n`
    expect(Result.isSuccess(CrewFile.parse(text))).toBe(true)
    const result = CrewFile.parse(text, { plan: { tools: ["file_read", "search"], inputs: {} } })
    assert(Result.isFailure(result))
    expect(result.failure.problems).toMatchObject([
      { code: "missing-input", path: ["inputs", "topic"], line: 2 },
      { code: "unknown-tool", suggestion: "search", line: 10, column: 24 }
    ])
    const toolsOnly = CrewFile.parse(text, { plan: { tools: ["file_read", "search"] } })
    assert(Result.isFailure(toolsOnly))
    expect(toolsOnly.failure.problems.map(({ code }) => code)).toEqual(["unknown-tool"])
    const plan = { tools: ["file_read", "serch"], inputs: { topic: "otters" } }
    expect(Result.isSuccess(CrewFile.parse(text, { plan }))).toBe(true)
  })

  it("keeps places when references of the text are filled in", () => {
    const text = "name: x\nagents:\n  a: { agentId: 7 }\ntasks:\n  t: { description: d, expectedOutput: 3 }\n"
    const stored = { role: "r", goal: "g" }
    const { locate, value } = Result.getOrThrow(CrewFile.read(text))
    const { problems } = Plan.check({ ...(value as object), agents: { a: stored } }, {})
    expect(locate(problems)).toMatchObject([{ code: "wrong-type", line: 5, column: 40 }])
  })

  it("names the file", () => {
    const result = CrewFile.parse("name: x", { filename: "crews/report.yaml" })
    assert(Result.isFailure(result))
    expect(result.failure.message).toBe(`The crew in crews/report.yaml is not valid, 2 problems:
- line 1, column 1: The crew has no agents: it needs at least one under "agents".
- line 1, column 1: The crew has no tasks: it needs at least one under "tasks".`)
  })

  it("never throws, for any text", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        definition,
        fc.array(
          fc.tuple(
            fc.nat(),
            fc.nat(3),
            fc.constantFrom("", " ", ":", "{", "]", '"', "&a ", "*a", "\n", "- ", "\t", "<<: ", "\0")
          )
        ),
        (crew, edits) => {
          let text = CrewFile.stringify(Result.getOrThrow(Crew.fromJson(crew)))
          for (const [at, length, insert] of edits) {
            const start = at % (text.length + 1)
            text = text.slice(0, start) + insert + text.slice(start + length)
          }
          const result = CrewFile.parse(text)
          if (Result.isFailure(result))
            for (const { column, line } of result.failure.problems) expect(Math.min(line!, column!)).toBeGreaterThan(0)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("finds the same problems in a text as in data", () => {
    fc.assert(
      fc.property(damaged, (data) => {
        let text: string
        try {
          text = JSON.stringify(data)
        } catch {
          return // What JSON cannot hold has no text.
        }
        if (text.includes("__proto__")) return
        const summary = (problems: ReadonlyArray<Crew.Problem>) =>
          problems.map(({ code, path }) => `${code} ${JSON.stringify(path)}`).toSorted()
        const parsed = CrewFile.parse(text)
        const { crew, problems } = Plan.check(JSON.parse(text), {})
        if (Result.isFailure(parsed)) expect(summary(parsed.failure.problems)).toEqual(summary(problems))
        else expect([parsed.success.definition, []]).toEqual([crew.definition, problems])
      }),
      { numRuns: 300 }
    )
  })
})

describe("stringify", () => {
  it("does not let a name merge", () => {
    const inputs = { topic: { default: [{ "<<": false }, { "<<": { x: 1 } }] } }
    const crew = Result.getOrThrow(Crew.fromJson({ ...Result.getOrThrow(CrewFile.parse(valid)).definition, inputs }))
    expect(Result.getOrThrow(CrewFile.parse(CrewFile.stringify(crew))).definition.inputs).toEqual(inputs)
  })

  it("is parsed again as the same crew", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(definition, (data) => {
        const crew = Result.getOrThrow(Crew.fromJson(data))
        const { value } = Result.getOrThrow(CrewFile.read(CrewFile.stringify(crew)))
        expect(Result.getOrThrow(Crew.fromJson(value))).toEqual(crew)
      }),
      { numRuns: 500 }
    )
  })
})
