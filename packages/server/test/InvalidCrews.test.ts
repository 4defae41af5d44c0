import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start({ worker: { graceMillis: 0 } })
})
afterAll(() => server.stop())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

const agents = { researcher: { role: "Researcher", goal: "Find out" } }
const task = (more: object = {}) => ({ description: "Do", expectedOutput: "Done", agent: "researcher", ...more })

interface Case {
  readonly what: string
  readonly crew: unknown
  /** Every problem that must be reported: its code, and its path in the crew. */
  readonly problems: ReadonlyArray<readonly [code: string, path: string]>
}

const cases: ReadonlyArray<Case> = [
  {
    what: "a cycle",
    crew: { name: "c", agents, tasks: { a: task({ context: ["b"] }), b: task({ dependsOn: ["a"] }) } },
    problems: [["cycle", "tasks.a.context.0"]]
  },
  {
    what: "a task that depends on itself",
    crew: { name: "c", agents, tasks: { a: task({ context: ["a"] }) } },
    problems: [["self-dependency", "tasks.a.context.0"]]
  },
  {
    what: "an unknown agent",
    crew: { name: "c", agents, tasks: { a: task({ agent: "reseacher" }) } },
    problems: [["unknown-agent", "tasks.a.agent"]]
  },
  {
    what: "an unknown task",
    crew: { name: "c", agents, tasks: { a: task(), b: task({ context: ["aa"] }) } },
    problems: [["unknown-task", "tasks.b.context.0"]]
  },
  {
    what: "an unknown tool",
    crew: { name: "c", agents, tasks: { a: task({ tools: ["clok"] }) } },
    problems: [["unknown-tool", "tasks.a.tools.0"]]
  },
  {
    what: "an unknown stored agent, and what stands next to a reference",
    crew: { name: "c", agents: { researcher: { agentId: "agent_none", role: "R" } }, tasks: { a: task() } },
    problems: [
      ["unknown-key", "agents.researcher.role"],
      ["unknown-agent", "agents.researcher.agentId"]
    ]
  },
  {
    what: "an unknown key",
    crew: { name: "c", agents, tasks: { a: task({ expectedOutputs: "x" }) } },
    problems: [["unknown-key", "tasks.a.expectedOutputs"]]
  },
  {
    what: "everything at once",
    crew: {
      name: "",
      proces: "parallel",
      agents: { researcher: { role: "R" } },
      tasks: { a: task({ agent: "nobody", tools: ["nothing"] }), b: task({ context: ["b"] }), c: { description: 3 } }
    },
    problems: [
      ["unknown-key", "proces"],
      ["missing-key", "agents.researcher.goal"],
      ["unknown-agent", "tasks.a.agent"],
      ["unknown-tool", "tasks.a.tools.0"],
      ["self-dependency", "tasks.b.context.0"],
      ["wrong-type", "tasks.c.description"]
    ]
  },
  {
    what: "nothing at all",
    crew: {},
    problems: [
      ["missing-key", "name"],
      ["no-agents", ""],
      ["no-tasks", ""]
    ]
  },
  { what: "no object", crew: ["a"], problems: [["wrong-type", ""]] }
]

const told = (body: Server.Answered["body"]) =>
  body.errors.map(({ code, path }: { code: string; path: Array<string | number> }) => `${code} ${path.join(".")}`)

describe("an invalid crew", () => {
  it.each(cases)(
    "with $what is refused, whether stored or started, and nothing is stored",
    async ({ crew, problems }) => {
      const stored = await call("/api/v1/crews", { body: crew })
      expect(stored).toMatchObject({ status: 422, body: { code: "crew-invalid", title: "The crew is invalid" } })
      expect(told(stored.body)).toEqual(expect.arrayContaining(problems.map(([code, path]) => `${code} ${path}`)))
      for (const error of stored.body.errors) expect(error.message).toMatch(/\S/)

      const started = await call("/api/v1/executions", { body: { crew } })
      expect(started).toMatchObject({ status: 422, body: { code: "crew-invalid" } })
      expect(told(started.body).sort()).toEqual(
        told(stored.body)
          .map((line: string) => line.replace(/ (?=.)/, " crew.").replace(/ $/, " crew"))
          .sort()
      )
      expect((await call("/api/v1/crews")).body.items).toEqual([])
      expect((await call("/api/v1/executions")).body.items).toEqual([])
    }
  )

  it("gets a suggestion of what was probably meant", async () => {
    const { body } = await call("/api/v1/crews", {
      body: { name: "c", agents, tasks: { a: task({ agent: "reseacher", contxt: [], tools: ["clok"] }) } }
    })
    const suggestions = Object.fromEntries(
      body.errors.map(({ code, suggestion }: { code: string; suggestion?: string }) => [code, suggestion])
    )
    expect(suggestions).toEqual({ "unknown-agent": "researcher", "unknown-key": "context", "unknown-tool": "clock" })
  })

  it("has its problems placed by line and column, in JSON and YAML", async () => {
    const text =
      '{\n  "name": "c",\n  "agents": {"r": {"role": "R", "goal": "g"}},\n  "tasks": {"a": {"description": "d", "expectedOutput": "e", "agent": "x"}}\n}'
    const json = await call("/api/v1/crews", { text })
    expect(json.body.errors).toMatchObject([
      { code: "unknown-agent", line: 4, column: text.split("\n")[3]!.indexOf('"x"') + 1 }
    ])
    const yaml = await call("/api/v1/crews", {
      text: "name: c\nagents:\n  r: { role: R, goal: g }\ntasks:\n  a: { description: d, expectedOutput: e, agent: x }\n",
      headers: { "content-type": "application/yaml" }
    })
    expect(yaml).toMatchObject({ status: 422, body: { errors: [{ code: "unknown-agent", line: 5 }] } })
  })

  it("has its problems placed in the body that starts an execution, inputs included", async () => {
    const crew =
      '{"name": "c", "agents": {"r": {"role": "R", "goal": "g"}}, "tasks": {"a": {"description": "{x}", "expectedOutput": "e", "agent": "r"}}}'
    const wrong = await call("/api/v1/executions", {
      text: `{\n"crew": ${crew.replace('"agent": "r"', '"agent":\n"q"')}}`
    })
    expect(wrong).toMatchObject({
      status: 422,
      body: { errors: [{ code: "unknown-agent", path: ["crew", "tasks", "a", "agent"], line: 3, column: 1 }] }
    })
    const inputs = await call("/api/v1/executions", { text: `{\n"crew": ${crew},\n"inputs": {"x": "1", "y": "2"}}` })
    expect(inputs).toMatchObject({
      status: 422,
      body: { errors: [{ code: "unknown-input", path: ["inputs", "y"], line: 3 }] }
    })
  })

  it("may not contain a duplicate name, in JSON or YAML", async () => {
    const json = await call("/api/v1/crews", {
      text: '{"name": "c", "agents": {"r": {"role": "R", "goal": "g"}},\n"tasks": {"a": {"description": "d", "expectedOutput": "e"},\n"a": {"description": "d", "expectedOutput": "e"}}}'
    })
    expect(json).toMatchObject({
      status: 422,
      body: { errors: [{ code: "duplicate-name", path: ["tasks", "a"], line: 3, column: 1 }] }
    })
    const started = await call("/api/v1/executions", {
      text: '{"crew": {"name": "c", "agents": {"r": {"role": "R", "goal": "g"}, "r": {"role": "R", "goal": "g"}},\n"tasks": {"a": {"description": "d", "expectedOutput": "e"}}}}'
    })
    expect(started).toMatchObject({
      status: 422,
      body: { errors: [{ code: "duplicate-name", path: ["crew", "agents", "r"], line: 1 }] }
    })
    const yaml = await call("/api/v1/crews", {
      text: "name: c\nagents:\n  r: { role: R, goal: g }\ntasks:\n  a: { description: d, expectedOutput: e }\n  a: { description: d, expectedOutput: e }\n",
      headers: { "content-type": "application/yaml" }
    })
    expect(yaml).toMatchObject({ status: 422, body: { errors: [{ code: "duplicate-name", line: 6, column: 3 }] } })
    expect((await call("/api/v1/crews")).body.items).toEqual([])
  })

  it("with an excessive number of mistakes and long names is answered in less than 64 kB", async () => {
    const tasks = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, i) => [`t${i}${"x".repeat(300)}`, { agnt: "r" }])
    )
    const { body, headers, status } = await call("/api/v1/crews", { body: { name: "c", agents, tasks } })
    expect(status).toBe(422)
    expect(Number(headers.get("content-length"))).toBeLessThan(64 * 1024)
    expect(body.errors.length).toBeGreaterThan(10)
    expect(body.detail).toMatch(/ And \d+ more\.$/)
  })

  it.each(["/api/v1/executions", "/api/v1/agents", "/api/v1/llm-providers", "/api/v1/crews"])(
    "or any other body with more mistakes than a call has room for arguments is refused at %s",
    async (path) => {
      const body = Object.fromEntries(Array.from({ length: 150_000 }, (_, index) => [`k${index}`, 1]))
      const refused = await call(path, { body })
      expect(refused).toMatchObject({ status: path.endsWith("crews") ? 422 : 400 })
      expect(refused.body.detail).toMatch(/ And 1[45]\d{4} more\.$/)
      expect(refused.body.errors.length).toBeGreaterThan(30)
      expect(refused.body.errors[1]).toMatchObject({ code: "unknown-key", line: 1, column: expect.any(Number) })
    }
  )

  it("whose inputs would make a small crew a large plan is refused", async () => {
    const filled = { name: "c", agents, tasks: { t: { description: "{a}".repeat(10_000), expectedOutput: "e" } } }
    const refused = await call("/api/v1/executions", { body: { crew: filled, inputs: { a: "x".repeat(100_000) } } })
    expect(refused).toMatchObject({
      status: 422,
      body: { code: "crew-invalid", errors: [{ code: "too-large", path: ["inputs"] }] }
    })
  })

  it("in invalid YAML is answered with the position of the error", async () => {
    const { status, body } = await call("/api/v1/crews", {
      text: 'name: "c\nagents: [',
      headers: { "content-type": "application/yaml" }
    })
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: "invalid-syntax", line: expect.any(Number), column: expect.any(Number) })
    expect(body.errors[0]).toMatchObject({ code: "yaml-syntax" })
  })
})

describe("a valid crew", () => {
  it("may list its agents and tasks, and is stored by their names", async () => {
    const { body, status } = await call("/api/v1/crews", {
      body: {
        name: "listed",
        agents: [{ name: "r", role: "R", goal: "g" }],
        tasks: [{ name: "a", description: "d", expectedOutput: "e", agent: "r" }]
      }
    })
    expect(status).toBe(201)
    const { body: stored } = await call(`/api/v1/crews/${body.id}`)
    expect(stored).toMatchObject({ agents: { r: { role: "R" } }, tasks: { a: { agent: "r" } } })
    await call(`/api/v1/crews/${body.id}`, { method: "DELETE" })
  })

  it("may come as YAML, with inputs that only its start gives, and may refer to a stored agent", async () => {
    const agent = await call("/api/v1/agents", { body: { name: "r", role: "R", goal: "g" } })
    const headers = { "content-type": "application/yaml; charset=utf-8" }
    const text = `name: c\nagents:\n  r: { agentId: ${agent.body.id} }\ntasks:\n  a: { description: "Look at {topic}", expectedOutput: e }\n`
    const stored = await call("/api/v1/crews", { text, headers })
    expect(stored).toMatchObject({ status: 201, body: { agents: { r: { agentId: agent.body.id } } } })
    const replaced = await call(`/api/v1/crews/${stored.body.id}`, {
      method: "PUT",
      text: `${text}version: 1\n`,
      headers
    })
    expect(replaced).toMatchObject({ status: 200, body: { version: 2 } })
    const started = await call("/api/v1/executions", { body: { crewId: stored.body.id } })
    expect(started.body.errors).toMatchObject([{ code: "missing-input" }])
  })
})
