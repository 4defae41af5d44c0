import * as Result from "effect/Result"
import * as fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import { z } from "zod"
import * as Crew from "../src/Crew.ts"
import { outsideWorkspace } from "../src/Crew/WorkspacePath.ts"
import * as Plan from "../src/Plan.ts"
import { damaged, definition } from "./arbitrary/Crew.ts"

const agent = { role: "Writer", goal: "write" }
const task = { description: "Do it", expectedOutput: "It" }

const planOf = (crew: Crew.Crew<unknown>, options?: Plan.MakeOptions): Plan.Plan =>
  Result.getOrThrow(Plan.make(crew, options))
const problemsOf = (crew: Crew.Crew<unknown>, options?: Plan.MakeOptions): ReadonlyArray<Crew.Problem> => {
  const plan = Plan.make(crew, options)
  assert(Result.isFailure(plan), "the crew was planned")
  return plan.failure.problems
}
const oneTask = (fields: object) =>
  Crew.make({ name: "x", agents: { a: agent }, tasks: { t: { ...task, ...fields } } } as never)

describe("defaults", () => {
  it("are filled in", () => {
    expect(planOf(oneTask({}))).toEqual({
      version: 1,
      name: "x",
      process: "parallel",
      agents: { a: { role: "Writer", goal: "write", backstory: "" } },
      tasks: [
        {
          id: "t",
          description: "Do it",
          expectedOutput: "It",
          agent: "a",
          context: [],
          dependencies: [],
          tools: [],
          guardrails: [],
          maxRepairs: 3,
          maxTurns: 25,
          retry: { attempts: 3, initialMillis: 1_000, factor: 2, maxMillis: 60_000 },
          onFailure: "fail"
        }
      ],
      inputs: {}
    })
  })

  it("yield to the task, then the agent, then the crew, then the application", () => {
    const crew = Crew.make({
      name: "x",
      model: "crew/model",
      timeout: "2 minutes",
      agents: {
        a: {
          ...agent,
          model: "agent/model",
          tools: ["one", "two", "one"],
          maxTurns: 7,
          modelOptions: { temperature: 0 }
        },
        b: agent
      },
      tasks: {
        t: { ...task, agent: "a" },
        u: {
          ...task,
          agent: "a",
          tools: ["three"],
          maxTurns: 9,
          maxRepairs: 0,
          retry: { attempts: 1, max: "1 hour" },
          timeout: 1_500,
          onFailure: "skip"
        },
        v: { ...task, agent: "b", tools: [] }
      }
    })
    const plan = planOf(crew, { defaultModel: "default/model" })
    expect(plan.timeoutMillis).toBe(120_000)
    expect(plan.agents).toMatchObject({
      a: { model: "agent/model", modelOptions: { temperature: 0 } },
      b: { model: "crew/model" }
    })
    expect(plan.tasks).toMatchObject([
      { tools: ["one", "two"], maxTurns: 7 },
      {
        tools: ["three"],
        maxTurns: 9,
        maxRepairs: 0,
        retry: { attempts: 1, initialMillis: 1_000, factor: 2, maxMillis: 3_600_000 },
        timeoutMillis: 1_500,
        onFailure: "skip"
      },
      { tools: [], maxTurns: 25 }
    ])
    expect(planOf(oneTask({}), { defaultModel: "default/model" }).agents["a"]!.model).toBe("default/model")
  })

  for (const [duration, millis] of [
    [0, 0],
    [1_500.5, 1_500.5],
    ["500 millis", 500],
    ["1 second", 1_000],
    ["1.5 minutes", 90_000],
    ["2 hours", 7_200_000],
    ["1 day", 86_400_000],
    ["1 week", 604_800_000]
  ] as const) {
    it(`understand the duration ${duration}`, () =>
      expect(planOf(oneTask({ timeout: duration })).tasks[0]!.timeoutMillis).toBe(millis))
  }
})

describe("dependencies", () => {
  const tasks = {
    a: task,
    b: task,
    c: { ...task, context: ["b", "a", "b"], dependsOn: ["a"] },
    d: { ...task, dependsOn: ["c"], when: { task: "a", contains: "x" } },
    e: { ...task, context: [] }
  } as const
  const columns = (plan: Plan.Plan) =>
    plan.tasks.map(({ context, dependencies, id }) => [id, context.join(), dependencies.join()])

  it("of a parallel crew are those its tasks name", () => {
    expect(columns(planOf(Crew.make({ name: "x", agents: { w: agent }, tasks })))).toEqual([
      ["a", "", ""],
      ["b", "", ""],
      ["c", "b,a", "b,a"],
      ["d", "", "c,a"],
      ["e", "", ""]
    ])
  })

  it("of a sequential crew include the previous task, and the context is all previous tasks unless it is given", () => {
    expect(columns(planOf(Crew.make({ name: "x", process: "sequential", agents: { w: agent }, tasks })))).toEqual([
      ["a", "", ""],
      ["b", "a", "a"],
      ["c", "b,a", "b,a"],
      ["d", "a,b,c", "c,a"],
      ["e", "", "d"]
    ])
  })

  it("may be declared in any order", () => {
    const crew = Crew.make({
      name: "x",
      agents: { w: agent },
      tasks: { late: { ...task, context: ["early"] }, early: task }
    })
    expect(columns(planOf(crew))).toEqual([
      ["late", "early", "early"],
      ["early", "", ""]
    ])
  })
})

describe("people", () => {
  it("are asked as declared by agent and task", () => {
    const agents = { w: { ...agent, tools: ["send", "look"], approvals: ["send"], maxTurns: 7, cache: true } }
    const tasks = {
      a: { description: "d", expectedOutput: "e", humanInput: true },
      b: {
        description: "d",
        expectedOutput: "e",
        approvals: ["look", "send"],
        humanInput: { timeout: "2 minutes", onSilence: "accept" as const },
        signals: ["payment-received", "payment-received"]
      },
      c: { description: "d", expectedOutput: "e", humanInput: false, signals: [] }
    }
    const plan = planOf(Crew.make({ name: "x", agents, tasks }))
    expect(plan.agents["w"]).toMatchObject({ tools: ["send", "look"], approvals: ["send"], maxTurns: 7, cache: true })
    expect(plan.tasks.map(({ approvals, humanInput, signals }) => ({ approvals, humanInput, signals }))).toEqual([
      { approvals: ["send"], humanInput: { onSilence: "deny" }, signals: undefined },
      {
        approvals: ["send", "look"],
        humanInput: { timeoutMillis: 120_000, onSilence: "accept" },
        signals: ["payment-received"]
      },
      { approvals: ["send"], humanInput: undefined, signals: undefined }
    ])
  })
})

describe("placeholders", () => {
  it("are filled in all texts, and nowhere else", () => {
    const crew = Crew.make({
      name: "about {topic}",
      agents: { a: { role: "{topic} expert", goal: "know {topic}", backstory: "{topic}{topic}", tools: ["{topic}"] } },
      tasks: {
        t: {
          description: 'Write {topic} as {"json": {}} or { topic } or {1} or {a b} or {}',
          expectedOutput: "{language-code}",
          guardrails: ["is about {topic}", () => true],
          outputFile: "out/{topic}.md",
          output: { type: "string", description: "{topic}" },
          when: undefined as never
        }
      }
    })
    const plan = planOf(crew, { inputs: { topic: "otters", "language-code": "de" } })
    expect(plan.name).toBe("about {topic}")
    expect(plan.agents["a"]).toEqual({
      role: "otters expert",
      goal: "know otters",
      backstory: "ottersotters",
      tools: ["{topic}"]
    })
    expect(plan.tasks[0]).toMatchObject({
      description: 'Write otters as {"json": {}} or { topic } or {1} or {a b} or {}',
      expectedOutput: "de",
      guardrails: [
        { kind: "code", index: 0 },
        { kind: "sentence", text: "is about otters" }
      ],
      outputFile: "out/otters.md",
      output: { type: "string", description: "{topic}" },
      tools: ["{topic}"]
    })
  })

  it("accept any JSON, and are not searched in values", () => {
    const crew = oneTask({ description: "{a}|{b}|{c}|{d}|$&" })
    const inputs = { a: "{b} $1", b: { x: ["{a}"] }, c: null, d: 1.5 }
    const plan = planOf(crew, { inputs })
    expect(plan.tasks[0]!.description).toBe('{b} $1|{"x":["{a}"]}|null|1.5|$&')
    expect(plan.inputs).toEqual(inputs)
  })

  it("that are declared are suggested for a misspelled placeholder", () => {
    const tasks = { t: { ...task, description: "Write about {topik}." } }
    const crew = Crew.make({ name: "x", agents: { a: agent }, tasks, inputs: { topic: { description: "What about" } } })
    const problems = problemsOf(crew, { inputs: { topic: "otters" } })
    expect(problems).toMatchObject([{ code: "missing-input", path: ["inputs", "topik"] }])
    expect(problems[0]!.message).toContain('The crew declares the input "topic": is the placeholder misspelled?')
  })

  it("fall back to defaults, and report all without a value, once each, with the places of use", () => {
    const crew = Crew.make({
      name: "x",
      agents: { a: { role: "{who}", goal: "{topic}" } },
      tasks: { t: { ...task, description: "{topic} {topic} in {year}", guardrails: ["{constructor}"] } },
      inputs: { year: 2026, who: { description: "Who" }, unused: { description: "Nobody needs it" } }
    })
    const problems = problemsOf(crew, { inputs: { topics: "x" } })
    expect(problems.map(({ code, path, suggestion }) => [code, path.join("."), suggestion])).toEqual([
      ["missing-input", "inputs.who", undefined],
      ["missing-input", "inputs.topic", "topics"],
      ["missing-input", "inputs.constructor", undefined]
    ])
    expect(problems[1]!.message).toContain("agents.a.goal, tasks.t.description")
    expect(problems[0]!.message).not.toContain("similar")
    const plan = planOf(crew, {
      inputs: { who: "me", topic: "x", constructor: "y", unused: 1, year: undefined as never }
    })
    expect(plan.inputs).toEqual({ year: 2026, who: "me", topic: "x", constructor: "y", unused: 1 })
    expect(planOf(crew, { inputs: { who: "me", topic: "x", constructor: "y", year: 1 } }).tasks[0]!.description).toBe(
      "x x in 1"
    )
  })

  it("that are never read are reported, unless functions of the crew might read them", () => {
    const data = {
      name: "x",
      agents: { a: { role: "A", goal: "{topic}" } },
      tasks: { t: { ...task, description: "Go on." } },
      inputs: { year: 2026 }
    } as const
    const inputs = { topic: "x", yaer: 1, colour: "red", forgotten: undefined as never }
    const problems = problemsOf(Crew.make(data), { inputs })
    expect(problems.map(({ code, path, suggestion }) => [code, path.join("."), suggestion])).toEqual([
      ["unknown-input", "inputs.yaer", "year"],
      ["unknown-input", "inputs.colour", undefined]
    ])
    expect(problems[1]!.message).toContain('The input "colour" is not used in the crew: the inputs are')
    const judged = Crew.make({ ...data, tasks: { t: { ...data.tasks.t, guardrails: [() => true] } } })
    expect(planOf(judged, { inputs }).inputs).toMatchObject({ colour: "red" })
  })

  it("refuse values that are not JSON", () => {
    expect(problemsOf(oneTask({ description: "{a}" }), { inputs: { a: { b: () => 1 } as never } })).toMatchObject([
      { code: "wrong-type", path: ["inputs", "a", "b"] }
    ])
  })

  it("cannot lead an output file out of the workspace", () => {
    const crew = oneTask({ outputFile: "{dir}/x.md" })
    expect(planOf(crew, { inputs: { dir: "a" } }).tasks[0]!.outputFile).toBe("a/x.md")
    for (const dir of ["..", "/etc", "a/../..", "C:"])
      expect(problemsOf(crew, { inputs: { dir } })).toMatchObject([
        { code: "output-file-outside-workspace", path: ["tasks", "t", "outputFile"] }
      ])
  })
})

describe("attachments", () => {
  it("are planned with their types and names", () => {
    const crew = oneTask({
      attachments: [
        { file: "charts/{quarter}.PNG" },
        { url: "https://example.com/reports/2026.pdf?download=1" },
        { url: "{address}", mediaType: "Image/WebP", name: "the photo" },
        { url: "data:text/plain;charset=utf-8;base64,SGk=" }
      ]
    })
    const inputs = { quarter: "q3", address: "https://example.com/photo" }
    expect(planOf(crew, { inputs }).tasks[0]!.attachments).toEqual([
      { file: "charts/q3.PNG", mediaType: "image/png", name: "q3.PNG" },
      { url: "https://example.com/reports/2026.pdf?download=1", mediaType: "application/pdf", name: "2026.pdf" },
      { url: "https://example.com/photo", mediaType: "image/webp", name: "the photo" },
      { url: "data:text/plain;charset=utf-8;base64,SGk=", mediaType: "text/plain" }
    ])
    // A crew without placeholders has one plan for all executions.
    expect(planOf(oneTask({ attachments: [{ file: "a.csv" }] })).tasks[0]!.attachments).toEqual([
      { file: "a.csv", mediaType: "text/csv", name: "a.csv" }
    ])
    expect(planOf(oneTask({})).tasks[0]).not.toHaveProperty("attachments")
  })

  it("are checked again after inputs were filled in", () => {
    const crew = oneTask({ attachments: [{ file: "{name}" }, { url: "{address}", mediaType: "image/png" }] })
    const address = "https://example.com/a"
    expect(planOf(crew, { inputs: { name: "a.png", address } }).tasks[0]!.attachments).toHaveLength(2)
    const path = ["tasks", "t", "attachments"]
    expect(problemsOf(crew, { inputs: { name: "{a}", address: "{b}" } })).toHaveLength(2)
    for (const name of ["../a.png", "/etc/a.png"])
      expect(problemsOf(crew, { inputs: { name, address } })).toMatchObject([
        { code: "attachment-outside-workspace", path: [...path, 0, "file"] }
      ])
    expect(problemsOf(crew, { inputs: { name: "a", address: "file:///etc/passwd" } })).toMatchObject([
      { code: "missing-key", path: [...path, 0, "mediaType"] },
      { code: "invalid-value", path: [...path, 1, "url"] }
    ])
    expect(problemsOf(crew, {})).toMatchObject([
      { code: "missing-input", path: ["inputs", "name"] },
      { code: "missing-input", path: ["inputs", "address"] }
    ])
  })
})

describe("tools", () => {
  const crew = Crew.make({
    name: "x",
    agents: { a: { ...agent, tools: ["file_read", "serch"] } },
    tasks: { t: { ...task, tools: ["calculat"] } }
  })

  it("lets a task that finds tools by search approve others than it lists, which must exist", () => {
    const crew = oneTask({ tools: ["tool_search"], approvals: ["send", "sent"] })
    expect(problemsOf(crew, { tools: ["send"] })).toMatchObject([
      { code: "unknown-tool", path: ["tasks", "t", "approvals", 1], suggestion: "send" }
    ])
    expect(
      planOf(oneTask({ tools: ["tool_search"], approvals: ["send"] }), { tools: ["send"] }).tasks[0]
    ).toMatchObject({
      tools: ["tool_search"],
      approvals: ["send"]
    })
  })

  it("are looked up if the known ones are given", () => {
    expect(Result.isSuccess(Plan.make(crew))).toBe(true)
    expect(problemsOf(crew, { tools: ["file_read", "calculate"] })).toMatchObject([
      {
        code: "unknown-tool",
        path: ["agents", "a", "tools", 1],
        message: expect.stringContaining('"file_read", "calculate"')
      },
      { code: "unknown-tool", path: ["tasks", "t", "tools", 0], suggestion: "calculate" }
    ])
    expect(problemsOf(crew, { tools: [] })).toHaveLength(3)
  })

  it("and inputs are reported together with other problems", () => {
    const bad = oneTask({ description: "{topic}", tools: ["nothing"], context: ["t"] })
    expect(problemsOf(bad, { tools: [] }).map(({ code }) => code)).toEqual([
      "self-dependency",
      "unknown-tool",
      "missing-input"
    ])
  })
})

describe("code", () => {
  it("is represented by marks in the plan", () => {
    const crew = Crew.make({
      name: "x",
      agents: { a: agent },
      tasks: {
        t: { ...task, output: z.object({ a: z.string() }), guardrails: [() => true, "sentence", () => "no"] },
        u: { ...task, when: { task: "t", test: () => true } },
        v: { ...task, when: { task: "t", equals: "x", path: "/a" } }
      }
    })
    const plan = planOf(crew)
    expect(plan.needsCode).toBe(true)
    expect(plan.tasks).toMatchObject([
      {
        outputCode: true,
        output: { type: "object" },
        guardrails: [
          { kind: "code", index: 0 },
          { kind: "code", index: 1 },
          { kind: "sentence", text: "sentence" }
        ]
      },
      { when: { task: "t", code: true }, dependencies: ["t"] },
      { when: { task: "t", equals: "x", path: "/a" } }
    ])
  })
})

describe("output files", () => {
  const crewOf = (first: string, second: string) => ({
    name: "files",
    agents: { a: { role: "Writer", goal: "Write" } },
    tasks: {
      one: { description: "Write.", expectedOutput: "Text.", outputFile: first },
      two: { description: "Write.", expectedOutput: "Text.", outputFile: second }
    }
  })

  it.each([
    ["x", "x"],
    ["x", "./x"],
    ["a/x", "a//./x"],
    ["{name}.md", "./{name}.md"]
  ])("of two tasks that are equal are refused with the crew: %s, %s", (first, second) => {
    const made = Crew.fromJson(crewOf(first, second))
    expect(Result.isFailure(made) ? made.failure.problems : []).toMatchObject([
      { code: "duplicate-output-file", path: ["tasks", "two", "outputFile"] }
    ])
    expect(Result.isFailure(made) ? made.failure.message : "").toContain("tasks.one also writes")
  })

  it("of two tasks that become equal by inputs are refused when planned, with both tasks", () => {
    const made = Result.getOrThrow(Crew.fromJson(crewOf("{a}.md", "./{b}.md")))
    expect(Result.isSuccess(Plan.make(made, { inputs: { a: "x", b: "y" } }))).toBe(true)
    const planned = Plan.make(made, { inputs: { a: "x", b: "x" } })
    expect(Result.isFailure(planned) ? planned.failure.problems : []).toMatchObject([
      { code: "duplicate-output-file", path: ["tasks", "two", "outputFile"] }
    ])
    expect(Result.isFailure(planned) ? planned.failure.message : "").toContain("The tasks one and two")
  })
})

describe("a plan", () => {
  const names = fc.constantFrom("topic", "x")
  // The output files of some crews have it in their name.
  const value = fc.string().filter((text) => outsideWorkspace(`out/${text}.txt`) === undefined)

  it("is plain JSON, in declared order, with every dependency before or after in its list", () => {
    fc.assert(
      fc.property(definition, fc.dictionary(names, value), (data, given) => {
        const crew = Result.getOrThrow(Crew.fromJson(data))
        const first = Plan.make(crew, { inputs: given })
        const wrong = Result.isFailure(first) ? first.failure.problems : []
        const inputs: Record<string, string> = { ...given }
        for (const { code, path, suggestion } of wrong) {
          expect(["missing-input", "unknown-input"]).toContain(code)
          if (code === "unknown-input") delete inputs[String(path[1])]
          else inputs[String(path[1])] = "v"
          // Given, and probably meant for another name.
          if (code === "missing-input" && suggestion !== undefined) delete inputs[suggestion]
        }
        const plan = planOf(crew, { inputs })
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
        const declared = plan.tasks.filter(({ office }) => office === undefined)
        expect(declared.map(({ id }) => id)).toEqual(Object.keys(data.tasks))
        expect(planOf(Result.getOrThrow(Crew.fromJson(data)), { inputs })).toEqual(plan)
        for (const one of plan.tasks) {
          expect(Object.hasOwn(plan.agents, one.agent)).toBe(true)
          for (const dependency of one.dependencies) expect(plan.tasks.some(({ id }) => id === dependency)).toBe(true)
        }
      }),
      { numRuns: 300 }
    )
  })

  it("is refused or made, never thrown", () => {
    fc.assert(
      fc.property(damaged, fc.dictionary(fc.string(), fc.anything()), (data, inputs) => {
        const crew = { definition: data, code: {} } as Crew.Crew
        expect(Result.isResult(Plan.make(crew, { inputs: inputs as never, tools: ["a"] }))).toBe(true)
      }),
      { numRuns: 500 }
    )
  })

  it("shares everything independent of inputs with every other plan of the crew", () => {
    const crew = Crew.make({
      name: "x",
      agents: { a: agent, b: { ...agent, goal: "write about {topic}" } },
      tasks: { fixed: { ...task, agent: "a" }, filled: { ...task, agent: "b", description: "About {topic}" } }
    })
    const [first, second] = ["otters", "voles"].map((topic) => planOf(crew, { inputs: { topic } }))
    expect(second!.agents["a"]).toBe(first!.agents["a"])
    expect(second!.tasks[0]).toBe(first!.tasks[0])
    expect(second!.tasks[1]!.description).toBe("About voles")
  })

  it("may have ten thousand tasks, and reports as many misspelled names", () => {
    // Quadratic work takes minutes here; `fuzz/linear.ts` counts the work.
    const tasks = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [
        `t${index}`,
        { ...task, description: "{topic}", context: index < 3 ? [] : [`t${index - 1}`, `t${index - 3}`] }
      ])
    )
    const crew = Result.getOrThrow(Crew.fromJson({ name: "x", agents: { a: agent }, tasks }))
    expect(planOf(crew, { inputs: { topic: "x" } }).tasks).toHaveLength(10_000)
    const misspelt = Object.fromEntries(
      Object.keys(tasks).map((name) => [name, { ...task, context: [`${name}x`, `${name}y`] }])
    )
    expect(Result.isFailure(Crew.fromJson({ name: "x", agents: { a: agent }, tasks: misspelt }))).toBe(true)
  })

  it("is not affected by a change of another plan of the same crew", () => {
    const crew = oneTask({ context: [], retry: {} })
    const plan = planOf(crew)
    expect(() => (plan.tasks[0]!.context as Array<string>).push("x")).toThrow(TypeError)
    expect(() => Object.assign(plan.tasks[0]!.retry, { attempts: 9 })).toThrow(TypeError)
    expect(planOf(crew)).toEqual(plan)
  })
})
