import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import * as Yaml from "yaml"
import { z } from "zod"
import * as Crew from "../src/Crew.ts"
import * as CrewFile from "../src/CrewFile.ts"
import * as Plan from "../src/Plan.ts"
import { bounded, damaged, definition } from "./arbitrary/Crew.ts"

const agent = { role: "Researcher", goal: "find out" }
const task = { description: "Look it up", expectedOutput: "Facts" }

/** A valid crew to damage. */
const valid = {
  name: "report",
  agents: { researcher: agent },
  tasks: { gather: task, write: { ...task, context: ["gather"] } }
}
const withTask = (extra: object) => ({ ...valid, tasks: { ...valid.tasks, write: { ...task, ...extra } } })
const withAgent = (extra: object) => ({ ...valid, agents: { researcher: { ...agent, ...extra } } })

interface Case {
  readonly title: string
  readonly crew: unknown
  readonly problems: ReadonlyArray<{
    readonly code: Crew.Problem["code"]
    readonly path: ReadonlyArray<string | number>
    readonly suggestion?: string
    readonly says?: string
  }>
}

const write = ["tasks", "write"]

const cases: ReadonlyArray<Case> = [
  { title: "no object", crew: 7, problems: [{ code: "wrong-type", path: [] }] },
  { title: "a list", crew: [valid], problems: [{ code: "wrong-type", path: [] }] },
  {
    title: "a synthesis that is turned off",
    crew: { ...valid, synthesis: false },
    problems: [{ code: "wrong-type", path: ["synthesis"], says: "must be true or an object, but is false" }]
  },
  { title: "null", crew: null, problems: [{ code: "wrong-type", path: [] }] },
  {
    title: "an unknown key of the crew",
    crew: { ...valid, proces: "parallel" },
    problems: [{ code: "unknown-key", path: ["proces"], suggestion: "process" }]
  },
  {
    title: "snake case of another framework, told once",
    crew: { ...valid, tasks: { gather: { description: "d", expected_output: "x" } } },
    problems: [{ code: "unknown-key", path: ["tasks", "gather", "expected_output"], suggestion: "expectedOutput" }]
  },
  {
    title: "words of another framework",
    crew: withAgent({ llm: "openai/gpt-5.2", max_iter: 3 }),
    problems: [
      { code: "unknown-key", path: ["agents", "researcher", "llm"], suggestion: "model" },
      { code: "unknown-key", path: ["agents", "researcher", "max_iter"], suggestion: "maxTurns" }
    ]
  },
  {
    title: "unknown keys deep down",
    crew: withTask({ retry: { attemps: 2 }, when: { task: "gather", contains: "x", not: true } }),
    problems: [
      { code: "unknown-key", path: [...write, "retry", "attemps"], suggestion: "attempts" },
      { code: "unknown-key", path: [...write, "when", "not"], says: "task, contains" }
    ]
  },
  { title: "a missing name", crew: { ...valid, name: undefined }, problems: [{ code: "missing-key", path: ["name"] }] },
  {
    title: "missing keys of an agent",
    crew: { ...valid, agents: { researcher: {} } },
    problems: [
      { code: "missing-key", path: ["agents", "researcher", "role"] },
      { code: "missing-key", path: ["agents", "researcher", "goal"] }
    ]
  },
  {
    title: "wrong types",
    crew: withTask({ description: 3, context: "gather", timeout: true, output: "string", when: "always", tools: [4] }),
    problems: [
      { code: "wrong-type", path: [...write, "description"], says: "must be text, but is the number 3" },
      { code: "wrong-type", path: [...write, "context"], says: "a list" },
      { code: "wrong-type", path: [...write, "timeout"], says: "30 seconds" },
      { code: "wrong-type", path: [...write, "output"] },
      { code: "wrong-type", path: [...write, "when"] },
      { code: "wrong-type", path: [...write, "tools", 0] }
    ]
  },
  {
    title: "invalid values",
    crew: {
      ...withTask({
        timeout: "3 parsecs",
        retry: { attempts: 0, factor: 0.5, initial: -1 },
        onFailure: "skp",
        maxTurns: 1.5
      }),
      process: "hierarchic",
      model: "gpt-5"
    },
    problems: [
      { code: "invalid-value", path: ["process"], suggestion: "hierarchical" },
      { code: "invalid-value", path: ["model"], says: "provider/model" },
      { code: "invalid-value", path: [...write, "timeout"], says: "30 seconds" },
      { code: "invalid-value", path: [...write, "retry", "attempts"] },
      { code: "invalid-value", path: [...write, "retry", "factor"] },
      { code: "invalid-value", path: [...write, "retry", "initial"] },
      { code: "invalid-value", path: [...write, "onFailure"], suggestion: "skip", says: '"continue"' },
      { code: "invalid-value", path: [...write, "maxTurns"] }
    ]
  },
  {
    title: "durations of more than 100 years",
    crew: {
      ...withTask({ timeout: "5300 weeks", retry: { initial: "9".repeat(400) + " days", max: 1e300 } }),
      timeout: 100 * 366 * 86_400_000
    },
    problems: [
      { code: "invalid-value", path: ["timeout"], says: "at most 100 years" },
      { code: "invalid-value", path: [...write, "timeout"], says: "at most 100 years" },
      { code: "invalid-value", path: [...write, "retry", "initial"], says: "at most 100 years" },
      { code: "invalid-value", path: [...write, "retry", "max"], says: "at most 100 years" }
    ]
  },
  {
    title: "model options out of range",
    crew: withAgent({ modelOptions: { temperature: 3, topP: 0, maxOutputTokens: 0 } }),
    problems: [
      { code: "invalid-value", path: ["agents", "researcher", "modelOptions", "temperature"] },
      { code: "invalid-value", path: ["agents", "researcher", "modelOptions", "topP"] },
      { code: "invalid-value", path: ["agents", "researcher", "modelOptions", "maxOutputTokens"] }
    ]
  },
  {
    title: "a condition that says nothing, two things, or nonsense",
    crew: {
      ...valid,
      tasks: {
        gather: task,
        none: { ...task, when: { task: "gather" } },
        both: { ...task, when: { task: "gather", contains: "x", matches: "y" } },
        pattern: { ...task, when: { task: "gather", matches: "(" } },
        back: { ...task, when: { task: "gather", matches: "(a)\\1" } },
        path: { ...task, when: { task: "gather", contains: "x", path: "/a" } },
        pointer: { ...task, when: { task: "gather", equals: 1, path: "a.b" } }
      }
    },
    problems: [
      { code: "invalid-value", path: ["tasks", "none", "when"], says: "exactly one" },
      { code: "invalid-value", path: ["tasks", "both", "when"], says: "exactly one" },
      { code: "invalid-value", path: ["tasks", "pattern", "when", "matches"], says: "regular expression" },
      { code: "invalid-value", path: ["tasks", "back", "when", "matches"], says: "has a backreference at 3" },
      { code: "invalid-value", path: ["tasks", "path", "when", "path"] },
      { code: "invalid-value", path: ["tasks", "pointer", "when", "path"] }
    ]
  },
  {
    title: "empty texts",
    crew: { ...withTask({ expectedOutput: "  ", guardrails: [""] }), name: "" },
    problems: [
      { code: "empty", path: ["name"] },
      { code: "empty", path: [...write, "expectedOutput"] },
      { code: "empty", path: [...write, "guardrails", 0] }
    ]
  },
  {
    title: "duplicate names",
    crew: {
      name: "x",
      agents: [
        { name: "a", ...agent },
        { name: "a", ...agent }
      ],
      tasks: [
        { name: "t", agent: "a", ...task },
        { name: "t", agent: "a", ...task, context: ["nobody"] }
      ]
    },
    problems: [
      { code: "duplicate-name", path: ["agents", 1, "name"] },
      { code: "duplicate-name", path: ["tasks", 1, "name"], says: "tasks[0]" },
      { code: "unknown-task", path: ["tasks", 1, "context", 0] }
    ]
  },
  {
    title: "invalid names",
    crew: {
      name: "x",
      agents: { "the boss": agent },
      tasks: { "1st": { ...task, agent: "the boss" } },
      inputs: { "a.b": "x" }
    },
    problems: [
      { code: "invalid-name", path: ["inputs", "a.b"], suggestion: "a_b" },
      { code: "invalid-name", path: ["agents", "the boss"], suggestion: "the_boss" },
      { code: "invalid-name", path: ["tasks", "1st"], suggestion: "_1st" }
    ]
  },
  {
    title: "list items without a name",
    crew: { name: "x", agents: [agent, { name: 4, ...agent }, "a"], tasks: [{ name: "t", ...task }] },
    problems: [
      { code: "missing-key", path: ["agents", 0, "name"] },
      { code: "wrong-type", path: ["agents", 1, "name"] },
      { code: "wrong-type", path: ["agents", 2] }
    ]
  },
  {
    title: "agents and tasks of a wrong kind",
    crew: { name: "x", agents: "a", tasks: 4 },
    problems: [
      { code: "wrong-type", path: ["agents"] },
      { code: "wrong-type", path: ["tasks"] }
    ]
  },
  {
    title: "an unknown agent",
    crew: withTask({ agent: "reseracher" }),
    problems: [{ code: "unknown-agent", path: [...write, "agent"], suggestion: "researcher" }]
  },
  {
    title: "an agent like none",
    crew: withTask({ agent: "zzz" }),
    problems: [{ code: "unknown-agent", path: [...write, "agent"], says: 'the agents are "researcher"' }]
  },
  {
    title: "unknown tasks, wherever they are named",
    crew: withTask({ context: ["gather", "gathr"], dependsOn: ["toString"], when: { task: "gater", contains: "x" } }),
    problems: [
      { code: "unknown-task", path: [...write, "context", 1], suggestion: "gather" },
      { code: "unknown-task", path: [...write, "dependsOn", 0] },
      { code: "unknown-task", path: [...write, "when", "task"], suggestion: "gather" }
    ]
  },
  {
    title: "a task that waits for itself",
    crew: withTask({ context: ["write"], when: { task: "write", contains: "x" } }),
    problems: [
      { code: "self-dependency", path: [...write, "context", 0] },
      { code: "self-dependency", path: [...write, "when", "task"] }
    ]
  },
  {
    title: "a cycle",
    crew: { ...valid, tasks: { a: { ...task, dependsOn: ["b"] }, b: { ...task, context: ["a"] } } },
    problems: [{ code: "cycle", path: ["tasks", "a", "dependsOn", 0], says: "a -> b -> a" }]
  },
  {
    title: "a cycle through a condition",
    crew: {
      ...valid,
      tasks: {
        a: { ...task, when: { task: "c", contains: "x" } },
        b: { ...task, context: ["a"] },
        c: { ...task, context: ["b"] }
      }
    },
    problems: [{ code: "cycle", path: ["tasks", "a", "when", "task"], says: "a -> c -> b -> a" }]
  },
  {
    title: "a sequential task that waits for a later one",
    crew: { ...valid, process: "sequential", tasks: { a: { ...task, context: ["b"] }, b: task } },
    problems: [{ code: "cycle", path: ["tasks", "a", "context", 0], says: "sequential" }]
  },
  {
    title: "no agent named where there are several",
    crew: { ...valid, agents: { a: agent, b: agent }, tasks: { t: task } },
    problems: [{ code: "missing-agent", path: ["tasks", "t", "agent"], says: '"a", "b"' }]
  },
  {
    title: "no tasks and no agents",
    crew: { name: "x", agents: {}, tasks: [] },
    problems: [
      { code: "no-agents", path: ["agents"] },
      { code: "no-tasks", path: ["tasks"] }
    ]
  },
  {
    title: "nothing at all",
    crew: {},
    problems: [
      { code: "missing-key", path: ["name"] },
      { code: "no-agents", path: [] },
      { code: "no-tasks", path: [] }
    ]
  },
  {
    title: "an output schema that is none",
    crew: withTask({ output: { type: "object", properties: { "a/b": { type: "str" } } } }),
    problems: [
      { code: "invalid-output-schema", path: [...write, "output", "properties", "a/b", "type"], says: '"str"' }
    ]
  },
  {
    title: "an output schema with a dangling reference",
    crew: withTask({ output: { $ref: "#/$defs/nothing" } }),
    problems: [{ code: "invalid-output-schema", path: [...write, "output"], says: "#/$defs/nothing" }]
  },
  ...["/etc/passwd", "../x", "a/../../x", "C:\\x", "\\\\host\\x", "..\\x", "a/", "."].map((outputFile) => ({
    title: `the output file ${outputFile}`,
    crew: withTask({ outputFile }),
    problems: [{ code: "output-file-outside-workspace" as const, path: [...write, "outputFile"] }]
  })),
  ...["/etc/passwd", "../x.png", "a\\..\\..\\x.png", "C:\\x.png"].map((file) => ({
    title: `the attachment ${file}`,
    crew: withTask({ attachments: [{ file: "fine.png" }, { file }] }),
    problems: [{ code: "attachment-outside-workspace" as const, path: [...write, "attachments", 1, "file"] }]
  })),
  {
    title: "attachments of every wrong kind",
    crew: withTask({
      attachments: [
        {},
        { file: "a.png", url: "https://example.com/a.png" },
        { file: "a" },
        { url: "https://example.com/picture?x=.png" },
        { url: "ftp://example.com/a.png" },
        { url: "data:image/png,hello" },
        { url: `data:image/png;base64,${"A".repeat(100_000)}` },
        { file: "a.png", mediaType: "png" },
        { path: "a.png" },
        "a.png"
      ]
    }),
    problems: [
      { code: "invalid-value", path: [...write, "attachments", 7, "mediaType"], says: "image/png" },
      { code: "unknown-key", path: [...write, "attachments", 8, "path"] },
      { code: "wrong-type", path: [...write, "attachments", 9] },
      { code: "invalid-value", path: [...write, "attachments", 0], says: "exactly one of file and url" },
      { code: "invalid-value", path: [...write, "attachments", 1], says: "exactly one of file and url" },
      {
        code: "missing-key",
        path: [...write, "attachments", 2, "mediaType"],
        says: "does not determine the media type"
      },
      { code: "missing-key", path: [...write, "attachments", 3, "mediaType"] },
      { code: "invalid-value", path: [...write, "attachments", 4, "url"], says: "http or https" },
      { code: "invalid-value", path: [...write, "attachments", 5, "url"], says: "base64" },
      { code: "invalid-value", path: [...write, "attachments", 6, "url"], says: "put it in the workspace" }
    ]
  },
  {
    title: "a wrong type beside a cycle and an unknown agent",
    crew: {
      name: 5,
      agents: { a: { role: "r" } },
      tasks: {
        one: { description: 1, expectedOutput: "x", agent: "a", context: ["two"] },
        two: { ...task, agent: "b", context: ["one", 7] },
        three: "nothing"
      }
    },
    problems: [
      { code: "wrong-type", path: ["name"] },
      { code: "missing-key", path: ["agents", "a", "goal"] },
      { code: "wrong-type", path: ["tasks", "one", "description"] },
      { code: "wrong-type", path: ["tasks", "two", "context", 1] },
      { code: "wrong-type", path: ["tasks", "three"] },
      { code: "unknown-agent", path: ["tasks", "two", "agent"] },
      { code: "cycle", path: ["tasks", "one", "context", 0] }
    ]
  },
  {
    title: "rules of policies that decide about nothing",
    crew: {
      ...withTask({
        policy: { ask: [{ tool: "x", arguments: { type: 7 } }] },
        limits: { tokens: 1, onExceeded: "ask" }
      }),
      agents: {
        researcher: {
          ...agent,
          allowDelegation: true,
          policy: { deny: ["x", "no blanks"] },
          limits: { tokens: 1, onExceeded: "fail" }
        }
      },
      process: "hierarchical",
      manager: { model: "openai/gpt-5.2", review: "final" },
      limits: { tokens: 1, onExceeded: "finish" }
    },
    problems: [
      { code: "invalid-value", path: ["agents", "researcher", "policy", "deny", 1] },
      { code: "invalid-value", path: [...write, "policy", "ask", 0, "arguments"], says: "not a valid JSON Schema" }
    ]
  },
  {
    title: "what happens when a limit is reached, without a limit",
    crew: {
      ...withTask({ limits: { onExceeded: "ask" } }),
      agents: { researcher: { ...agent, limits: { onExceeded: "fail" } } },
      limits: { onExceeded: "finish" }
    },
    problems: [
      { code: "invalid-value", path: ["limits", "onExceeded"], says: "set tokens, costUsd or requests" },
      { code: "invalid-value", path: ["agents", "researcher", "limits", "onExceeded"] },
      { code: "invalid-value", path: [...write, "limits", "onExceeded"] }
    ]
  },
  {
    title: "a hierarchical crew without a manager",
    crew: { ...valid, process: "hierarchical" },
    problems: [{ code: "missing-key", path: ["manager"], says: "hierarchical crew needs a manager" }]
  },
  {
    title: "a manager who is nobody",
    crew: { ...valid, manager: { review: "everything", allow: ["reseacher"], depth: 0 } },
    problems: [
      { code: "invalid-value", path: ["manager"], says: "exactly one of model, agent and agentId" },
      { code: "invalid-value", path: ["manager", "review"] },
      { code: "invalid-value", path: ["manager", "depth"] },
      { code: "unknown-agent", path: ["manager", "allow", 0], suggestion: "researcher" }
    ]
  },
  {
    title: "a manager who is two, one of them unknown",
    crew: { ...valid, manager: { model: "openai/gpt-5.2", agent: "boss" } },
    problems: [
      { code: "invalid-value", path: ["manager"] },
      { code: "unknown-agent", path: ["manager", "agent"] }
    ]
  },
  {
    title: "keys of what may also be true or false",
    crew: { ...withTask({ humanInput: { timeot: "1 hour", onSilence: "acept" } }), memory: { kind: ["entity"] } },
    problems: [
      { code: "unknown-key", path: [...write, "humanInput", "timeot"], suggestion: "timeout" },
      { code: "invalid-value", path: [...write, "humanInput", "onSilence"], suggestion: "accept" },
      { code: "unknown-key", path: ["memory", "kind"], suggestion: "kinds" }
    ]
  },
  {
    title: "what the result must be",
    crew: { ...valid, acceptance: ["It is short.", " ", 3], synthesis: { output: { type: "nothing" }, outptu: {} } },
    problems: [
      { code: "empty", path: ["acceptance", 1] },
      { code: "wrong-type", path: ["acceptance", 2] },
      { code: "unknown-key", path: ["synthesis", "outptu"], suggestion: "output" },
      { code: "invalid-output-schema", path: ["synthesis", "output", "type"] }
    ]
  },
  {
    title: "a synthesis that is none",
    crew: { ...valid, synthesis: false },
    problems: [{ code: "wrong-type", path: ["synthesis"] }]
  },
  {
    title: "approvals and signals",
    crew: withTask({ tools: ["a"], approvals: ["a", "b", ""], signals: ["payment-received", "no/slash", "", 7] }),
    problems: [
      { code: "unknown-tool", path: [...write, "approvals", 1], says: "may not use" },
      { code: "empty", path: [...write, "approvals", 2] },
      { code: "invalid-value", path: [...write, "signals", 1], says: "payment-received" },
      { code: "empty", path: [...write, "signals", 2] },
      { code: "wrong-type", path: [...write, "signals", 3] }
    ]
  }
]

const failureOf = (result: Result.Result<unknown, Crew.CrewInvalid>): Crew.CrewInvalid => {
  assert(Result.isFailure(result), "the crew passed")
  return result.failure
}
const key = ({ code, path }: { code: string; path: ReadonlyArray<string | number> }) =>
  `${code} ${JSON.stringify(path)}`
const sorted = (problems: ReadonlyArray<{ code: string; path: ReadonlyArray<string | number> }>) =>
  problems.map(key).toSorted()

describe("invalid crews", () => {
  const throughSdk = (crew: unknown): Result.Result<unknown, Crew.CrewInvalid> => Plan.make(Crew.make(crew as never))
  const throughJson = (crew: unknown) => Crew.fromJson(JSON.parse(JSON.stringify(crew)))
  const throughYaml = (crew: unknown) => CrewFile.parse(Yaml.stringify(crew))
  const throughJsonText = (crew: unknown) => CrewFile.parse(JSON.stringify(crew, null, 2))

  it("begins from a valid one", () => {
    for (const through of [throughSdk, throughJson, throughYaml, throughJsonText])
      expect(Result.isSuccess(through(valid))).toBe(true)
  })

  for (const { crew, problems, title } of cases) {
    for (const [name, through] of Object.entries({ throughSdk, throughJson, throughYaml, throughJsonText })) {
      it(`${title} (${name})`, () => {
        const { message, problems: found } = failureOf(through(crew))
        expect(sorted(found)).toEqual(sorted(problems))
        for (const expected of problems) {
          const problem = found.find((one) => key(one) === key(expected))!
          expect(problem.suggestion).toBe(expected.suggestion)
          expect(problem.message).toContain(expected.says ?? expected.suggestion ?? "")
          expect(message).toContain(problem.message)
          if (name === "throughYaml") expect(problem.line).toBeGreaterThan(0)
        }
      })
    }
  }

  it("covers every code that needs no start", () => {
    const covered = new Set(cases.flatMap(({ problems }) => problems.map(({ code }) => code)))
    const elsewhere = [
      "missing-input",
      "unknown-input",
      "undeclared-input",
      "invalid-encoding",
      "yaml-syntax",
      "too-large",
      "duplicate-output-file",
      "unenforced-limits"
    ]
    expect(Crew.ProblemCode.literals.filter((code) => !covered.has(code))).toEqual(
      elsewhere.toSorted(
        (a, b) => Crew.ProblemCode.literals.indexOf(a as never) - Crew.ProblemCode.literals.indexOf(b as never)
      )
    )
  })

  it("refuses what is not JSON, once", () => {
    const crew = {
      ...valid,
      tasks: { gather: { ...task, when: { task: "x", equals: () => 1 }, timeout: Number.NaN, output: new Date(0) } }
    }
    const { problems } = failureOf(Crew.fromJson(crew))
    expect(sorted(problems)).toEqual([
      'invalid-value ["tasks","gather","when"]',
      'unknown-task ["tasks","gather","when","task"]',
      'wrong-type ["tasks","gather","output"]',
      'wrong-type ["tasks","gather","timeout"]',
      'wrong-type ["tasks","gather","when","equals"]'
    ])
  })

  it("refuses a reserved name and leaves prototypes alone", () => {
    const { problems } = failureOf(
      Crew.fromJson(JSON.parse('{"name":"x","agents":{"__proto__":{}},"tasks":{"__proto__":{"polluted":1}}}'))
    )
    expect(problems.map(({ code }) => code)).toContain("invalid-name")
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it("ends on endless and on deep data", () => {
    const endless: { [key: string]: unknown } = { ...valid }
    endless["description"] = endless
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    for (const crew of [endless, { ...valid, description: deep }, deep])
      expect(failureOf(Crew.fromJson(crew)).problems.length).toBeGreaterThan(0)
  })
})

describe("data", () => {
  it("takes lists, default values and undefined for absent", () => {
    const crew = Crew.fromJson({
      name: "x",
      description: undefined,
      agents: [{ name: "a", ...agent }],
      tasks: [{ name: "t", ...task }],
      inputs: { topic: "otters", count: 3, tags: ["x"], language: null, style: { description: "How" } }
    })
    expect(Result.getOrThrow(crew).definition).toEqual({
      name: "x",
      agents: { a: agent },
      tasks: { t: task },
      inputs: {
        topic: { default: "otters" },
        count: { default: 3 },
        tags: { default: ["x"] },
        language: {},
        style: { description: "How" }
      }
    })
  })

  it("cannot be changed afterwards, and does not change with what it was made from", () => {
    const data = structuredClone(valid)
    const crew = Result.getOrThrow(Crew.fromJson(data))
    data.tasks.gather.description = "changed"
    expect(crew.definition.tasks["gather"]!.description).toBe("Look it up")
    expect(() => Object.assign(crew.definition.tasks["gather"]!, { description: "changed" })).toThrow(TypeError)
  })

  it("is the same after toJson and fromJson, also as text", () => {
    fc.assert(
      fc.property(definition, (data) => {
        const crew = Result.getOrThrowWith(Crew.fromJson(data), (error) => error)
        expect(Crew.toJson(crew)).toEqual(data)
        const again = Result.getOrThrow(Crew.fromJson(JSON.parse(JSON.stringify(Crew.toJson(crew)))))
        expect(again).toEqual(crew)
        expect(Object.keys(again.definition.tasks)).toEqual(Object.keys(data.tasks))
        expect(Schema.is(Crew.Definition)(data)).toBe(true)
      }),
      { numRuns: 500 }
    )
  })

  it("keeps all that a whole crew declares", () => {
    fc.assert(
      fc.property(bounded, (data) => {
        expect(Result.isSuccess(Crew.fromJson(data))).toBe(true)
        expect(Schema.is(Crew.Definition)(data)).toBe(true)
        expect(JSON.parse(JSON.stringify(Schema.encodeSync(Crew.Definition)(data)))).toEqual(data)
      }),
      { numRuns: 200 }
    )
  })

  it("never throws, whatever is wrong", () => {
    let refused = 0
    fc.assert(
      fc.property(damaged, (data) => {
        const fromData = Crew.fromJson(data)
        const built = Plan.make(Crew.make(data as never), { tools: [] })
        if (Result.isSuccess(fromData)) {
          expect(Result.getOrThrow(Crew.fromJson(Crew.toJson(fromData.success)))).toEqual(fromData.success)
        } else {
          refused++
          expect(fromData.failure.problems.length).toBeGreaterThan(0)
          expect(Schema.is(Crew.Problem)(fromData.failure.problems[0])).toBe(true)
          expect(fromData.failure.message).toContain(fromData.failure.problems[0]!.message)
        }
        // A function where data belongs may be code to the builder.
        if (Result.isSuccess(built) && Result.isFailure(fromData))
          expect(String(fromData.failure.message)).toContain("function")
      }),
      { numRuns: 1_000 }
    )
    expect(refused).toBeGreaterThan(300)
  }, 60_000)
})

describe("make", () => {
  const Report = Schema.Struct({ title: Schema.String, date: Schema.DateFromString })
  const crew = Crew.make({
    name: "typed",
    agents: { writer: agent },
    tasks: {
      effect: {
        ...task,
        output: Report,
        guardrails: ["is polite", ({ title }) => title !== "" || "The title is empty"]
      },
      zod: {
        ...task,
        output: z.object({ count: z.number().default(1) }),
        when: { task: "effect", test: ({ title }) => title === "x" }
      },
      beside: { ...task, output: { schema: z.date(), jsonSchema: { type: "string" } } },
      plain: { ...task, output: { type: "object", properties: { a: { type: "number" } } } },
      text: task
    }
  })

  it("parts functions and schemas from data", () => {
    expect(Result.isSuccess(Crew.validate(crew))).toBe(true)
    const { tasks } = crew.definition
    expect(tasks.effect).toMatchObject({
      guardrails: ["is polite"],
      output: { type: "object", required: ["title", "date"] }
    })
    expect(tasks["zod"]).toMatchObject({
      when: { task: "effect" },
      output: { properties: { count: { type: "number" } } }
    })
    expect((tasks["zod"]!.output as { required?: unknown }).required).toBeUndefined()
    expect(tasks["beside"]!.output).toEqual({ type: "string" })
    expect(tasks["plain"]!.output).toEqual({ type: "object", properties: { a: { type: "number" } } })
    expect(Object.keys(crew.code)).toEqual(["effect", "zod", "beside"])
    expect(JSON.parse(JSON.stringify(crew.definition))).toEqual(crew.definition)
  })

  it("gives every schema one way to validate", async () => {
    const effect = await crew.code["effect"]!.output!["~standard"].validate({ title: 1, date: 2 })
    expect(effect.issues?.map(({ path }) => path)).toEqual([["title"], ["date"]])
    expect(await crew.code["effect"]!.output!["~standard"].validate({ title: "a", date: "2026-01-01" })).toEqual({
      value: { title: "a", date: new Date("2026-01-01") }
    })
    expect(await crew.code["zod"]!.output!["~standard"].validate({})).toEqual({ value: { count: 1 } })
  })

  it("decodes the JSON that the JSON Schema of an Effect Schema describes", async () => {
    const dated = Crew.make({
      name: "x",
      agents: { a: agent },
      tasks: { one: { ...task, output: Schema.Struct({ on: Schema.Date }) } }
    })
    expect(dated.definition.tasks["one"]!.output).toMatchObject({ properties: { on: { type: "string" } } })
    expect(await dated.code["one"]!.output!["~standard"].validate({ on: "2026-01-01T00:00:00.000Z" })).toEqual({
      value: { on: new Date("2026-01-01") }
    })
  })

  it("reports a schema that has no JSON Schema", () => {
    const foreign = { "~standard": { version: 1, vendor: "acme", validate: (value: unknown) => ({ value }) } } as const
    const bad = Crew.make({
      name: "x",
      agents: { a: agent },
      tasks: { one: { ...task, output: z.date() }, two: { ...task, output: foreign } }
    })
    const { problems } = failureOf(Crew.validate(bad))
    expect(sorted(problems)).toEqual([
      'invalid-output-schema ["tasks","one","output"]',
      'invalid-output-schema ["tasks","two","output"]'
    ])
    expect(problems[1]!.message).toContain("cannot be converted to JSON Schema (acme gives none)")
    expect(problems[1]!.message).toContain("{ schema, jsonSchema }")
  })

  it("takes only one kind of condition", () => {
    const bad = Crew.make({
      name: "x",
      agents: { a: agent },
      tasks: { one: task, two: { ...task, when: { task: "one", contains: "x", test: () => true } } }
    })
    expect(failureOf(Crew.validate(bad)).problems.map(({ code }) => code)).toEqual(["invalid-value"])
  })

  it("finds a schema given as code alone", () => {
    const { definition } = Crew.make({ name: "x", agents: { a: agent }, tasks: { one: task } })
    const bad: Crew.Crew = { definition, code: { one: crew.code["zod"]! } }
    expect(failureOf(Crew.validate(bad)).problems.map(({ code }) => code)).toContain("invalid-output-schema")
  })
})
