/**
 * Features of crew files beyond plain YAML: placeholders in flow style, literal braces, any script,
 * comments, encodings.
 */
import * as Result from "effect/Result"
import { assert, describe, expect, it } from "vitest"
import * as Crew from "../../src/Crew.ts"
import * as CrewFile from "../../src/CrewFile.ts"
import * as Plan from "../../src/Plan.ts"

const crew = (description: string, rest = "") => `name: x
${rest}agents:
  w: { role: Writer, goal: Write }
tasks:
  t: { description: ${JSON.stringify(description)}, expectedOutput: Text }
`

const problemsOf = (text: string) => {
  const result = CrewFile.parse(text)
  assert(Result.isFailure(result), "the text passed")
  return result.failure.problems.map(({ code, column, line, message, suggestion }) => ({
    at: `${code} ${line}:${column}`,
    message,
    ...(suggestion === undefined ? {} : { suggestion })
  }))
}

const filled = (text: string, inputs: { readonly [name: string]: string }) =>
  Result.getOrThrow(Plan.make(Result.getOrThrow(CrewFile.parse(text)), { inputs })).tasks[0]!.description

describe("an unquoted placeholder", () => {
  const message = 'Invalid YAML or JSON: Quote text that contains {city}: "… {city} …".'
  it("causes one message in flow style, and at the start of a value", () => {
    const flow = crew("Go.").replace("goal: Write", "goal: Plan trips to {city}, backstory: Old")
    expect(problemsOf(flow)).toEqual([{ at: "yaml-syntax 3:42", message }])
    const first = crew("Go.").replace("{ role: Writer, goal: Write }", "\n    role: Writer\n    goal: {city} trips")
    expect(problemsOf(first)).toEqual([{ at: "yaml-syntax 5:11", message }])
  })
})

describe("a placeholder without a declared input", () => {
  it("is a problem with a suggestion; a crew without declared inputs may use any", () => {
    const [problem, ...others] = problemsOf(crew("About {topci}.", "inputs:\n  topic:\n"))
    expect(others).toEqual([])
    expect(problem).toMatchObject({ at: "undeclared-input 7:21", suggestion: "topic" })
    expect(problem!.message).toMatch(
      /^tasks\.t\.description has the placeholder \{topci\}, but the crew does not declare this/
    )
    expect(problem!.message).toMatch(/For literal braces, write \{\{topci\}\}\.$/)
    expect(filled(crew("About {topci}."), { topci: "otters" })).toBe("About otters.")
  })
})

describe("literal braces", () => {
  it("are doubled around a name, and unchanged around anything else", () => {
    const given = String.raw`\frac{{a}}{{b}} of {topic}, {{{topic}}}, {"a": {"b": 1}}, if (x) { y }, {{ topic }}`
    const text = String.raw`\frac{a}{b} of otters, {otters}, {"a": {"b": 1}}, if (x) { y }, {{ topic }}`
    expect(filled(crew(given), { topic: "otters" })).toBe(text)
    expect(filled(crew("Only {{a}}."), {})).toBe("Only {a}.")
  })

  it("are suggested where an input is missing", () => {
    const plan = Plan.make(Result.getOrThrow(CrewFile.parse(crew(String.raw`\frac{a}{b}`))))
    assert(Result.isFailure(plan))
    expect(plan.failure.message).toContain("For literal braces, write {{a}}.")
  })
})

describe("names", () => {
  it("may contain letters of any script", () => {
    const text = crew("Escreva sobre {тема}, {主题}.", "inputs: { тема: x, 主题: y }\n").replace(
      "t: {",
      "gerar_relatório: {"
    )
    expect(filled(text, {})).toBe("Escreva sobre x, y.")
    expect(problemsOf(crew("d").replace("t: {", "1 отчёт: {"))[0]).toMatchObject({ suggestion: "_1_отчёт" })
  })
})

describe("names in two forms of Unicode", () => {
  const composed = "relat\u00f3rio"
  const decomposed = "relato\u0301rio"
  const text = (name: string, mention: string) => `name: x
inputs: { ${name}: v }
agents:
  ${name}: { role: Writer, goal: Write }
tasks:
  ${name}: { agent: ${mention}, description: "About {${mention}}, not {{${mention}}}.", expectedOutput: Text }
  b: { agent: ${mention}, context: [${mention}], dependsOn: [${mention}], description: d, expectedOutput: e, when: { task: ${mention}, contains: x } }
`
  const planned = (file: string, inputs?: { readonly [name: string]: string }) =>
    Result.getOrThrow(Plan.make(Result.getOrThrow(CrewFile.parse(file)), inputs === undefined ? {} : { inputs }))

  it("are one name, for agents, tasks, inputs and placeholders", () => {
    for (const file of [text(composed, decomposed), text(decomposed, composed)]) {
      const { tasks } = planned(file)
      expect(tasks.map(({ id }) => id)).toEqual([composed, "b"])
      expect(tasks[1]).toMatchObject({ agent: composed, context: [composed], dependencies: [composed] })
      expect(planned(file, { [decomposed]: "w" }).tasks[0]!.description).toMatch(/^About w, not \{relat/)
    }
  })

  it("must be unique", () => {
    const twice = text(composed, composed)
      .replace("inputs: {", `inputs: { ${decomposed}: w,`)
      .replace("  b: {", `  ${decomposed}: { agent: ${composed}, description: d, expectedOutput: e }\n  b: {`)
    expect(problemsOf(twice).map(({ at }) => at)).toEqual(["duplicate-name 2:26", "duplicate-name 7:3"])
  })

  it("identify functions of the crew, and places", () => {
    const crew = Crew.make({
      name: "x",
      agents: { w: { role: "Writer", goal: "Write" } },
      tasks: { [decomposed]: { description: "d", expectedOutput: "e", guardrails: [() => true] } }
    })
    expect(Object.keys(crew.code)).toEqual([composed])
    const wrong = text(decomposed, composed).replace("agent: ", "agnet: ")
    expect(problemsOf(wrong)[0]!.at).toMatch(/^unknown-key 6:\d+/)
  })
})

describe("x- keys", () => {
  it("are allowed beside the crew and not part of it", () => {
    const text = `x-common: &common { role: Writer, goal: Write }\n${crew("d").replace("w: {", "w: { <<: *common } #")}`
    const { definition } = Result.getOrThrow(CrewFile.parse(text))
    expect(definition.agents["w"]).toEqual({ role: "Writer", goal: "Write" })
    expect(Object.keys(definition)).not.toContain("x-common")
    expect(problemsOf(crew("d").replace("role: Writer", "role: Writer, x-note: n"))).toHaveLength(1)
  })
})

describe("JSON with comments", () => {
  const json = `// a crew
{ /* its
   name */ "name": "x", // "quoted"
  "agents": { "w": { "role": "Writer", "goal": "see https://example.com/a /* b */", }, },
  "tasks": { "t": { "description": "d", "expectedOutput": "e" }, },
}
`
  it("is parsed, with the places of its problems", () => {
    const { definition } = Result.getOrThrow(CrewFile.parse(json))
    expect(definition.agents["w"]!.goal).toBe("see https://example.com/a /* b */")
    expect(problemsOf(json.replace('"role"', '"rôle"'))[0]!.at).toBe("unknown-key 4:22")
  })

  it("does not affect slashes in YAML", () => {
    expect(filled("# /* \n" + crew("a // b /* c */"), {})).toBe("a // b /* c */")
  })
})

describe("decode", () => {
  const text = crew("Grüße")
  it("reads UTF-8, and UTF-16 with a byte order mark", () => {
    expect(Result.getOrThrow(CrewFile.decode(Buffer.from(`\uFEFF${text}`)))).toBe(text)
    const little = Buffer.from(`\uFEFF${text}`, "utf16le")
    expect(Result.getOrThrow(CrewFile.decode(little))).toBe(text)
    expect(Result.getOrThrow(CrewFile.decode(Buffer.from(little).swap16()))).toBe(text)
    const cut = CrewFile.decode(little.subarray(0, -1))
    assert(Result.isFailure(cut))
    expect(cut.failure.message).toContain("is not valid UTF-16")
  })

  it("reports the line that is not UTF-8", () => {
    const result = CrewFile.decode(Buffer.from(text, "latin1"))
    assert(Result.isFailure(result))
    expect(result.failure.message).toMatch(/line 5, column 1: The file is not UTF-8 text: save it as UTF-8\./)
  })
})
