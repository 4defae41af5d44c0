/**
 * Text that a storage cannot store, in every place of the API that accepts text: the response names
 * the place, and is never a 500.
 */
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import * as Server from "./fake/Server.ts"

let server: Server.Running
/** The text of the model. */
let said = "Done."
let ids: { readonly agent: string; readonly crew: string; readonly execution: string; readonly provider: string }

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

const agent = { name: "a", role: "Researcher", goal: "Find out" }
const provider = { name: "acme", kind: "openai-compatible", baseUrl: "http://127.0.0.1:9/v1" }
const crew = {
  name: "c",
  inputs: { topic: { default: "otters" } },
  agents: { researcher: { role: "Researcher", goal: "Find out" } },
  tasks: { a: { description: "Do {topic}", expectedOutput: "Done", agent: "researcher" } }
}

beforeAll(async () => {
  server = await Server.start({ worker: { graceMillis: 0 }, answer: () => Effect.sync(() => said) })
  const idOf = async (path: string, body: unknown): Promise<string> => (await call(path, { body })).body.id
  ids = {
    agent: await idOf("/api/v1/agents", agent),
    crew: await idOf("/api/v1/crews", crew),
    execution: await idOf("/api/v1/executions", { crew }),
    provider: await idOf("/api/v1/llm-providers", provider)
  }
})
afterAll(() => server.stop())

describe("a body that is not UTF-8", () => {
  const yaml = JSON.stringify({ ...crew, name: "Grüße" }, null, 1)
  it.each([
    ["/api/v1/crews", "application/json", yaml],
    ["/api/v1/crews", "application/yaml", yaml],
    ["/api/v1/executions", "application/json", JSON.stringify({ crew: { ...crew, name: "Grüße" } }, null, 1)]
  ])("is refused with the line: %s as %s", async (path, type, text) => {
    const send = async (body: Uint8Array) => {
      const response = await fetch(server.url + path, { method: "POST", body, headers: { "content-type": type } })
      return { status: response.status, body: await response.json() }
    }
    const line = text.split("\n").findIndex((part) => part.includes("Grüße")) + 1
    expect(await send(Buffer.from(text, "latin1"))).toMatchObject({
      status: 400,
      body: { type: expect.stringContaining("invalid-syntax"), line, errors: [{ code: "invalid-encoding", line }] }
    })
    expect(await send(Buffer.from(`\uFEFF${text}`))).toMatchObject({ status: path.endsWith("crews") ? 201 : 202 })
  })
})

/** As JSON escapes, which are decoded by the server; unpaired surrogates cannot be in a URL. */
const inBodies = {
  "a NUL": "h\u0000",
  "a NUL alone": "\u0000",
  "half a surrogate pair": "h\ud83d",
  "the other half": "\udc00h",
  "too many characters": "x".repeat(3_000),
  "too many bytes": "Ω🦦".repeat(1_000)
}

const inUrls = {
  "a NUL": "h%00",
  "a NUL alone": "%00",
  "too many characters": "x".repeat(3_000),
  "too many bytes": "%F0%9F%A6%A6".repeat(300)
}

type Request = readonly [path: string, options?: Parameters<typeof Server.request>[1]]

interface Place {
  readonly where: string
  /** The message of the only error. */
  readonly path: ReadonlyArray<string | number>
  /** Default: 400. */
  readonly status?: number
  readonly send: (text: string) => Request
}

const put = (path: string, body: unknown): Request => [path, { method: "PUT", body }]
const post = (path: string, body: unknown): Request => [path, { body }]
const named = <A>(name: string, value: A) => ({ [name]: value })

const bodies: ReadonlyArray<Place> = [
  { where: "an agent's name", path: ["name"], send: (name) => post("/api/v1/agents", { ...agent, name }) },
  {
    where: "a replaced agent's name",
    path: ["name"],
    send: (name) => put(`/api/v1/agents/${ids.agent}`, { ...agent, name })
  },
  {
    where: "a provider's name",
    path: ["name"],
    send: (name) => post("/api/v1/llm-providers", { ...provider, name })
  },
  {
    where: "a replaced provider's name",
    path: ["name"],
    send: (name) => put(`/api/v1/llm-providers/${ids.provider}`, { ...provider, name })
  },
  { where: "a crew's name", path: ["name"], status: 422, send: (name) => post("/api/v1/crews", { ...crew, name }) },
  {
    where: "a replaced crew's name",
    path: ["name"],
    status: 422,
    send: (name) => put(`/api/v1/crews/${ids.crew}`, { ...crew, name })
  },
  {
    where: "a crew's name in YAML",
    path: ["name"],
    status: 422,
    send: (name) => [
      "/api/v1/crews",
      {
        // YAML can be written as JSON.
        text: JSON.stringify({ ...crew, name }),
        headers: { "content-type": "application/yaml" }
      }
    ]
  },
  {
    where: "the id of a crew's agent",
    path: ["agents", "researcher", "agentId"],
    status: 422,
    send: (agentId) => post("/api/v1/crews", { ...crew, agents: { researcher: { agentId } } })
  },
  {
    where: "the name of a started crew",
    path: ["crew", "name"],
    status: 422,
    send: (name) => post("/api/v1/executions", { crew: { ...crew, name } })
  },
  {
    where: "the id of a started crew's agent",
    path: ["crew", "agents", "researcher", "agentId"],
    status: 422,
    send: (agentId) => post("/api/v1/executions", { crew: { ...crew, agents: { researcher: { agentId } } } })
  },
  { where: "the id of the crew to start", path: ["crewId"], send: (crewId) => post("/api/v1/executions", { crewId }) }
]

/** Names that are keys: the error is at a path as hostile as the name. */
const keys: ReadonlyArray<Place> = [
  {
    where: "the name of a crew's agent",
    path: ["agents"],
    status: 422,
    send: (name) =>
      post("/api/v1/crews", { ...crew, agents: { ...crew.agents, ...named(name, crew.agents.researcher) } })
  },
  {
    where: "the name of a crew's task",
    path: ["tasks"],
    status: 422,
    send: (name) => post("/api/v1/crews", { ...crew, tasks: { ...crew.tasks, ...named(name, crew.tasks.a) } })
  },
  {
    where: "the name of a crew's input",
    path: ["inputs"],
    status: 422,
    send: (name) => post("/api/v1/crews", { ...crew, inputs: { ...crew.inputs, ...named(name, {}) } })
  },
  {
    where: "the name of an input at a start",
    path: ["inputs"],
    status: 422,
    send: (name) => post("/api/v1/executions", { crewId: ids.crew, inputs: named(name, "x") })
  }
]

const lists = ["crews", "agents", "llm-providers"].map((kind): Place => ({
  where: `the name that ${kind} are listed by`,
  path: ["query", "name"],
  send: (name) => [`/api/v1/${kind}?name=${name}`]
}))
const cursors = ["crews", "agents", "llm-providers", "executions", "inbox", "queue", "queue/dead-letters"].map(
  (list): Place => ({
    where: `the cursor of ${list}`,
    path: ["query", "cursor"],
    send: (cursor) => [`/api/v1/${list}?cursor=${cursor}`]
  })
)
const items = [
  ["GET", "crews/:id"],
  ["PUT", "crews/:id", crew],
  ["DELETE", "crews/:id"],
  ["GET", "agents/:id"],
  ["PUT", "agents/:id", agent],
  ["DELETE", "agents/:id"],
  ["GET", "llm-providers/:id"],
  ["PUT", "llm-providers/:id", provider],
  ["DELETE", "llm-providers/:id"],
  ["POST", "llm-providers/:id/test", {}],
  ["GET", "executions/:id"],
  ["DELETE", "executions/:id"],
  ["POST", "executions/:id/cancel"],
  ["POST", "executions/:id/pause"],
  ["POST", "executions/:id/resume"],
  ["GET", "executions/:id/events"],
  ["POST", "executions/:id/signals/approval", true],
  ["POST", "inbox/:id/answer", { answer: "approve" }],
  ["POST", "queue/dead-letters/:id/retry"]
] as const

const urls: ReadonlyArray<Place> = [
  ...lists,
  ...cursors,
  ...items.map(([method, path, body]): Place => ({
    where: `the id of ${method} ${path}`,
    path: ["params", "id"],
    send: (id) => [`/api/v1/${path.replace(":id", id)}`, { method, body }]
  })),
  {
    where: "the id of an execution to follow",
    path: ["params", "id"],
    send: (id) => [`/api/v1/executions/${id}/events`, { headers: { accept: "text/event-stream" } }]
  },
  {
    where: "a signal",
    path: ["params", "signal"],
    send: (signal) => post(`/api/v1/executions/${ids.execution}/signals/${signal}`, true)
  },
  ...["state", "executionId"].map((field): Place => ({
    where: `the ${field} that asks are listed by`,
    path: ["query", field],
    send: (text) => [`/api/v1/inbox?${field}=${text}`]
  })),
  ...["crewId", "crewName", "status"].map((field): Place => ({
    where: `the ${field} that executions are listed by`,
    path: ["query", field],
    send: (text) => [`/api/v1/executions?${field}=${text}`]
  })),
  ...["after", "limit", "deltas"].map((field): Place => ({
    where: `${field} of events`,
    path: ["query", field],
    send: (text) => [`/api/v1/executions/${ids.execution}/events?${field}=${text}`]
  }))
]

const refused = async ({ path, send, status = 400 }: Place, text: string) => {
  const answer = await call(...send(text))
  expect(answer.status, JSON.stringify(answer.body)).toBe(status)
  return { errors: answer.body.errors, path }
}

describe.each(Object.entries(inBodies))("%s in a body", (_, text) => {
  it.each(bodies)("as $where is refused with its place", async (place) => {
    const { errors, path } = await refused(place, text)
    expect(errors.map((error: { readonly path: unknown }) => error.path)).toEqual([path])
  })

  it.each(keys)("as $where is refused with its place", async (place) => {
    const { errors, path } = await refused(place, text)
    expect(errors[0].path.slice(0, -1)).toEqual(path)
  })

  it("is accepted as text of an agent, of an input, of a model's answer", async () => {
    said = `x${text}`
    const stored = await call("/api/v1/agents", { body: { ...agent, role: text, goal: `x${text}` } })
    expect([stored.status, stored.body.goal]).toEqual(text.trim() === "" ? [400, undefined] : [201, `x${text}`])
    const started = await call("/api/v1/executions", { body: { crew, inputs: { topic: text } } })
    expect(started.status).toBe(202)
    const at = `/api/v1/executions/${started.body.id}`
    await expect.poll(async () => (await call(at)).body.status, { timeout: 10_000 }).toBe("completed")
    expect((await call(at)).body.output).toBe(said)
    const { items } = (await call(`${at}/events?limit=1000`)).body
    expect(items[0].plan.inputs).toEqual({ topic: text })
  })

  it("is accepted as text of an output that a person is shown, and of feedback", async () => {
    said = `x${text}`
    const reviewed = { ...crew, tasks: { a: { ...crew.tasks.a, humanInput: true } } }
    const { body } = await call("/api/v1/executions", { body: { crew: reviewed } })
    const open = async () => (await call(`/api/v1/inbox?state=open&executionId=${body.id}`)).body.items
    await expect.poll(open, { timeout: 10_000 }).toHaveLength(1)
    const [ask] = await open()
    expect(ask.shown.output).toBe(said)
    const feedback = `y${text}`
    const closed = await call(`/api/v1/inbox/${ask.id}/answer`, {
      body: { answer: "revise", feedback, hash: ask.hash }
    })
    expect([closed.status, closed.body.answer?.feedback]).toEqual([200, feedback])
    await call(`/api/v1/executions/${body.id}/cancel`, { method: "POST" })
  })
})

describe.each(Object.entries(inUrls))("%s in a URL", (_, text) => {
  it.each(urls)("as $where is refused with its place", async (place) => {
    const { errors, path } = await refused(place, text)
    expect(errors.map((error: { readonly path: unknown }) => error.path)).toEqual([path])
  })

  it("is neither an execution nor a seq for a WebSocket", async () => {
    const open = (path: string) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`${server.url.replace("http", "ws")}/api/v1/executions/${path}`)
        socket.on("error", () => undefined)
        socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode ?? 0))
        socket.on("close", (code) => resolve(code))
      })
    expect(await open(`${text}/ws`)).toBe(404)
    expect(await open(`${ids.execution}/ws?after=${text}`)).toBe(4400)
  })
})

describe("hostile headers", () => {
  it.each([
    ["idempotency-key", "x".repeat(3_000)],
    ["idempotency-key", "\u00e9"],
    ["last-event-id", "x".repeat(3_000)],
    ["last-event-id", "\u00e9"]
  ])("%s is refused with its place", async (name, value) => {
    const answer = await (name === "idempotency-key"
      ? call("/api/v1/executions", { body: { crew }, headers: { [name]: value } })
      : call(`/api/v1/executions/${ids.execution}/events`, { headers: { [name]: value, accept: "text/event-stream" } }))
    expect([answer.status, answer.body.errors[0].path]).toEqual([400, ["headers", name]])
  })

  it.each(["x".repeat(3_000), "\u00e9", '"99999999999"'])("If-Match %j matches nothing", async (value) => {
    const answer = await call(`/api/v1/agents/${ids.agent}`, { method: "DELETE", headers: { "if-match": value } })
    expect(answer.status).toBe(412)
  })
})

describe("numbers beyond the range of the storage", () => {
  it.each([
    ["agents", () => ids.agent, agent],
    ["crews", () => ids.crew, crew],
    ["llm-providers", () => ids.provider, provider]
  ] as const)("match no version of %s", async (kind, id, body) => {
    for (const version of [2 ** 31, Number.MAX_SAFE_INTEGER, -1]) {
      const answer = await call(...put(`/api/v1/${kind}/${id()}`, { ...body, version }))
      expect(answer.status, JSON.stringify(answer.body)).toBe(412)
    }
  })

  it.each([2 ** 31, Number.MAX_SAFE_INTEGER, 1e30])("are not the seq of any event: %d", async (after) => {
    const answer = await call(`/api/v1/executions/${ids.execution}/events?after=${after}`)
    expect([answer.status, answer.body.errors[0].path]).toEqual([400, ["query", "after"]])
  })
})
