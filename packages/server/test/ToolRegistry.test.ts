/**
 * Tools that tenants register: an OpenAPI document over HTTP becomes tools of the tenant, on this
 * server and after a restart; a policy of the tenant binds them; a changed definition asks again;
 * no secret leaves the server, except to its API.
 */
import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Fallback from "@crewline/llm/Fallback"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { createServer, type Server as HttpServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import * as FreshDatabase from "./fake/FreshDatabase.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"

// The environment is read once: set before the server.
vi.stubEnv("CREWLINE_ALLOW_ADDRESSES", "127.0.0.0/8")
vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")

const value = "sk-canary's-of+orders/0123"
const master = Redacted.make(Buffer.alloc(32, 3).toString("base64"))

/** Calls the tool that the task names, as often as it says, with the last result as the answer. */
const llm = Layer.succeed(Llm.Llm, {
  resolve: Fallback.resolving((reference = "fake/model") =>
    Effect.succeed({
      reference,
      generate: (request: Llm.Request) => {
        const text = JSON.stringify(request.messages)
        const [, name = "", times = "1"] = /call (\w+) (\d)/.exec(text) ?? []
        const results = request.messages.filter(({ role }) => role === "tool").length
        const answer: Llm.Answer = {
          parts:
            results >= Number(times)
              ? [{ type: "text", text: JSON.stringify(request.messages.at(-1)) }]
              : [{ type: "tool-call", id: `c${results}`, name, params: { id: results } }],
          finishReason: results >= Number(times) ? "stop" : "tool-calls",
          usage: { ...Usage.zero, requests: 1 },
          model: reference
        }
        return Effect.succeed(answer)
      }
    })
  )
})

const logged: Array<string> = []
const logging = Logger.layer([Logger.make(({ cause, message }) => void logged.push(JSON.stringify([message, cause])))])

let api: HttpServer
let port: number
/** Every request that the API was sent. */
let calls: Array<{ readonly url: string; readonly headers: NodeJS.Dict<string | Array<string>> }> = []
/** What happens before the next answer. */
let before: () => Promise<void>
let database: FreshDatabase.Fresh
let server: Server.Running
let acme: { readonly [role in "admin" | "operator"]: Keys.Made }
let globex: Keys.Made

const startServer = () =>
  Server.start({
    database: database.options,
    llm,
    observe: logging,
    credentials: { mode: "required" },
    masterKeys: { current: master },
    worker: { graceMillis: 0 }
  })

beforeAll(async () => {
  api = createServer((request, response) => {
    calls.push({ url: request.url ?? "", headers: request.headers })
    const secret = String(request.headers.authorization ?? request.headers["x-key"] ?? request.url)
    const basic = Buffer.from(secret.replace("Basic ", ""), "base64").toString()
    void before().then(() => {
      response.writeHead(request.url?.includes("/fail") === true ? 403 : 200, { "content-type": "application/json" })
      response.end(JSON.stringify({ path: request.url, secret, basic, nested: [encodeURIComponent(secret)] }))
    })
  })
  await new Promise<void>((done) => api.listen(0, "127.0.0.1", done))
  port = (api.address() as AddressInfo).port
  database = await FreshDatabase.fresh()
  server = await startServer()
  acme = { admin: await Keys.make(server), operator: await Keys.make(server, { role: "operator" }) }
  globex = await Keys.make(server, { tenant: "globex" })
  await call("/secrets", { body: { name: "orders", value } })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
  api.close()
  vi.unstubAllEnvs()
})
beforeEach(() => {
  calls = []
  before = () => Promise.resolve()
})

const call = (
  path: string,
  { by = acme.admin, ...options }: Parameters<typeof Server.request>[1] & { by?: Keys.Made } = {}
) => Server.request(`${server.url}/api/v1${path}`, { headers: by.headers, ...options })

const id = { name: "id", in: "query", schema: { type: "integer" } }
const documentOf = (summary: string) => ({
  openapi: "3.1.0",
  servers: [{ url: `http://127.0.0.1:${port}/v1` }],
  paths: {
    "/orders": { get: { operationId: "listOrders", summary, parameters: [id] } },
    "/fail": { post: { operationId: "failOrder", parameters: [id] } }
  }
})
const hosts = ["127.0.0.1"]
const bearer = { type: "bearer", secret: "orders" }
const register = (more: object = {}, by?: Keys.Made) =>
  call("/tools", {
    body: { name: "orders", document: documentOf("List the orders."), hosts, auth: bearer, ...more },
    ...(by !== undefined && { by })
  })
const names = async (by?: Keys.Made): Promise<ReadonlyArray<string>> =>
  (await call("/tools", by === undefined ? {} : { by })).body.items.map(({ name }: { name: string }) => name)

const start = async (tool: string, times = 1, by?: Keys.Made) => {
  const crew = {
    name: "c",
    agents: { a: { role: "r", goal: "g", tools: [tool] } },
    tasks: { t: { description: `call ${tool} ${times}`, expectedOutput: "e", retry: { attempts: 1 } } }
  }
  return call("/executions", { body: { crew }, ...(by !== undefined && { by }) })
}
/** The execution when this holds. */
const until = async (path: string, isSo: (view: Server.Answered["body"]) => boolean) => {
  for (;;) {
    const { body } = await call(path)
    if (isSo(body)) return body
  }
}
const ended = (execution: string) => until(`/executions/${execution}`, ({ endedAt }) => endedAt !== undefined)
const eventsOf = async (execution: string) => (await call(`/executions/${execution}/events?limit=200`)).body.items
const isSecretIn = (content: unknown): boolean => {
  const text = JSON.stringify(content)
  const basic = Buffer.from(`ada:${value}`).toString("base64")
  const strict = encodeURIComponent(value).replaceAll("'", "%27")
  return [value, encodeURIComponent(value), strict, basic].some((form) => text.includes(form))
}

describe("registered tools", { timeout: 180_000 }, () => {
  it("are listed with all others, called by an operator, and used by crews", async () => {
    const made = await register()
    expect(made).toMatchObject({ status: 201, body: { name: "orders", version: 1, hosts, auth: bearer } })
    expect(made.headers.get("location")).toBe("/api/v1/tools/orders")
    const { items } = (await call("/tools")).body
    expect(
      items.map(({ api: from, kind, name, source }: Server.Answered["body"]) => [name, kind, source, from])
    ).toEqual([
      ["clock", "execute", "code", undefined],
      ["listOrders", "network", "openapi", "orders"],
      ["failOrder", "network", "openapi", "orders"]
    ])
    expect(made.body.tools).toEqual(items.slice(1))
    const tried = await call("/tools/listOrders/test", { body: { id: 7 }, by: acme.operator })
    expect(tried).toMatchObject({ status: 200, body: { result: { path: "/v1/orders?id=7" } } })
    expect(await call("/tools/listOrders/test", { body: { id: "x" } })).toMatchObject({
      status: 422,
      body: { code: "arguments-invalid" }
    })
    const { body, status } = await start("listOrders")
    expect(status).toBe(202)
    expect(await ended(body.id)).toMatchObject({
      status: "completed",
      output: expect.stringContaining("/v1/orders?id=0")
    })
  })

  it.each([
    ["bearer", bearer, "authorization"],
    ["basic", { type: "basic", username: "ada", secret: "orders" }, "authorization"],
    ["header", { type: "header", header: "X-Key", secret: "orders" }, "x-key"],
    ["query", { type: "query", parameter: "key", secret: "orders" }, "url"]
  ])("send the secret as %s, and never show it", async (_, auth, place) => {
    const registered = await register({ auth })
    expect(registered.status).toBe(200)
    const results = [
      registered,
      await call("/tools/listOrders/test", { body: {} }),
      await call("/tools/failOrder/test", { body: {} }),
      await call("/tools/listOrders/test", { body: { id: "x" } })
    ]
    expect(results.map(({ status }) => status)).toEqual([200, 200, 422, 422])
    expect(results[2]!.body).toMatchObject({
      code: "tool-failed",
      reason: "http-error",
      detail: expect.stringContaining("status 403")
    })
    const sent = calls.map(({ headers, url }) => (place === "url" ? url : headers[place]))
    expect(isSecretIn(sent)).toBe(true)
    const { body } = await start("listOrders")
    await ended(body.id)
    const answers = [
      ...results.map(({ body }) => body),
      await eventsOf(body.id),
      (await call("/audit?limit=200")).body,
      (await call("/tools")).body
    ]
    expect(answers.map(isSecretIn)).toEqual(answers.map(() => false))
    expect(isSecretIn(logged)).toBe(false)
  })

  it("belong to their tenant, and are changed by its admins only", async () => {
    expect(await names(globex)).toEqual(["clock"])
    expect((await start("listOrders", 1, globex)).body).toMatchObject({ code: "crew-invalid" })
    expect(await call("/tools/orders", { method: "DELETE", by: globex })).toMatchObject({
      status: 404,
      body: { resource: "tool-api" }
    })
    await call("/secrets", { body: { name: "orders", value: "the-one-of-globex" }, by: globex })
    expect((await register({ prefix: "g_" }, globex)).status).toBe(201)
    expect(await names(globex)).toEqual(["clock", "g_listOrders", "g_failOrder"])
    await call("/tools/g_listOrders/test", { body: {}, by: globex })
    expect(calls.at(-1)!.headers.authorization).toBe("Bearer the-one-of-globex")
    expect(await names()).toEqual(["clock", "listOrders", "failOrder"])
    for (const [path, options] of [
      ["/tools", { body: {} }],
      ["/tools/orders", { method: "DELETE" }],
      ["/tools/policy", { method: "PUT", body: {} }]
    ] as const)
      expect(await call(path, { ...options, by: acme.operator })).toMatchObject({
        status: 403,
        body: { scope: "tools:write" }
      })
  })

  it("send a secret only where a key that may set it says so", async () => {
    const by = await Keys.make(server, { scopes: ["tools:read", "tools:write", "tools:test"] })
    for (const secret of ["orders", "none"])
      expect(await register({ name: "other", prefix: "o_", auth: { ...bearer, secret } }, by)).toMatchObject({
        status: 403,
        body: { scope: "secrets:write" }
      })
    expect((await register({ name: "other", prefix: "o_", auth: undefined }, by)).status).toBe(201)
    expect((await call("/tools/other", { method: "DELETE", by })).status).toBe(204)
  })

  it("are refused with all that is wrong, each at its place", async () => {
    const problem = async (more: object) => {
      const { body, status } = await register({ name: "other", ...more })
      return [status, body.code, body.errors.map(({ code, path }: Server.Answered["body"]) => [code, path.join(".")])]
    }
    const document = (more: object) => ({ ...documentOf("s"), ...more })
    const [where, listed] = ["document.paths./a.get", { "/a": { get: { operationId: "listOrders" } } }]
    for (const [more, expected] of [
      [{ document: "openapi: [" }, [422, "tool-invalid", [["yaml-syntax", "document"]]]],
      [{ document: "{" }, [422, "tool-invalid", [["json-syntax", "document"]]]],
      [{ document: document({ openapi: "2.0" }) }, [422, "tool-invalid", [["unsupported", "document.openapi"]]]],
      [
        { hosts: ["api.example.com"] },
        [
          422,
          "tool-invalid",
          [
            ["unlisted-host", "document.servers.0.url"],
            ["unlisted-host", "document.servers.0.url"]
          ]
        ]
      ],
      [{ server: "https://evil.example" }, [422, "tool-invalid", [["unlisted-host", "server"]]]],
      [{ auth: { type: "bearer", secret: "none" } }, [422, "tool-invalid", [["unknown-secret", "auth.secret"]]]],
      [{ document: document({ paths: listed }) }, [422, "tool-invalid", [["name-taken", "document"]]]],
      [
        { document: document({ paths: { "/a": { get: { operationId: "clock" } } } }) },
        [422, "tool-invalid", [["name-taken", "document"]]]
      ],
      [
        { document: document({ paths: { "/a": { get: { requestBody: { $ref: "https://evil.example/a" } } } } }) },
        [422, "tool-invalid", [["remote-reference", `${where}.requestBody`]]]
      ],
      [{ hosts: ["*"] }, [400, "invalid-request", [["invalid-value", "hosts.0"]]]],
      [{ command: "rm" }, [400, "invalid-request", [["unknown-key", "command"]]]]
    ] as const)
      expect(await problem(more)).toEqual(expected)
    const { detail } = (await register({ name: "other", document: document({ paths: listed }) })).body
    expect(detail).toContain('set a "prefix"')
    const late = JSON.stringify({ name: "a", hosts, document: document({ paths: { a: {} } }) }, null, 1)
    const { errors } = (await call("/tools", { text: late, headers: acme.admin.headers })).body
    expect(errors).toMatchObject([
      { path: ["document", "paths", "a"], line: late.split("\n").findIndex((line) => line.includes('"a": {')) + 1 }
    ])
  })

  it("may be a document in YAML, and are removed by name", async () => {
    const yaml = `openapi: 3.0.3\nservers:\n  - url: http://127.0.0.1:${port}\npaths:\n  /status:\n    get:\n      operationId: status\n`
    expect((await register({ name: "yaml", document: yaml })).body.tools).toMatchObject([{ name: "status" }])
    expect(await names()).toContain("status")
    expect((await call("/tools/yaml", { method: "DELETE" })).status).toBe(204)
    expect(await names()).not.toContain("status")
    expect((await call("/tools/yaml", { method: "DELETE" })).status).toBe(404)
    const { items } = (await call("/audit?limit=200")).body
    expect(
      items.map(({ details, operation, status }: Server.Answered["body"]) => [operation, status, details?.name])
    ).toEqual(
      expect.arrayContaining([
        ["tools.register", 201, "yaml"],
        ["tools.remove", 204, "yaml"]
      ])
    )
  })

  it("ask again in an execution that was started with another definition, and are called as approved", async () => {
    await register()
    before = async () => {
      before = () => Promise.resolve()
      await register({ document: documentOf("Now lists orders of all customers.") })
    }
    const { body } = await start("listOrders", 2)
    const { items } = await until("/inbox?state=open", ({ items }) => items.length > 0)
    expect(items).toMatchObject([
      {
        kind: "approval",
        executionId: body.id,
        shown: { tool: "listOrders", reason: "The definition of the tool has changed since the execution started." }
      }
    ])
    expect(calls).toHaveLength(1)
    // Changed once more: what was approved is not what would be called.
    await register({ document: documentOf("Now deletes orders.") })
    expect((await call(`/inbox/${items[0].id}/answer`, { body: { answer: "approve" } })).status).toBe(200)
    const again = (await until("/inbox?state=open", ({ items }) => items.length > 0)).items
    expect(again[0].shown.description).toBe("Now deletes orders.")
    await call(`/inbox/${again[0].id}/answer`, { body: { answer: "approve" } })
    expect(await ended(body.id)).toMatchObject({ status: "completed" })
    const decisions = (await eventsOf(body.id)).flatMap(({ decision, type }: Server.Answered["body"]) =>
      type === "ToolCalled" ? [decision?.by] : []
    )
    expect(decisions).toEqual(["author", "definition"])
    expect(calls).toHaveLength(2)
  })

  it("and all others are bound by the tenant's policy, which crews and trials cannot lift", async () => {
    expect((await call("/tools/policy")).body).toEqual({})
    const policy = { deny: [{ tool: "list*", reason: "Not now." }] }
    expect(await call("/tools/policy", { method: "PUT", body: policy })).toMatchObject({ status: 200, body: policy })
    expect((await call("/tools/policy")).body).toEqual(policy)
    expect((await call("/tools/policy", { by: globex })).body).toEqual({})
    expect(await call("/tools/listOrders/test", { body: {} })).toMatchObject({
      status: 422,
      body: { code: "policy-denied", detail: "A rule of the policy of the tenant denies list*. Not now." }
    })
    const { body } = await start("listOrders")
    await ended(body.id)
    expect(await eventsOf(body.id)).toContainEqual(
      expect.objectContaining({
        type: "ToolCalled",
        code: "policy-denied",
        decision: expect.objectContaining({ by: "rule" })
      })
    )
    expect(calls).toEqual([])
    // Every event of a call that a rule decides about contains its reason.
    const long = { deny: [{ tool: "list*", reason: "x".repeat(100_000) }] }
    expect(await call("/tools/policy", { method: "PUT", body: long })).toMatchObject({
      status: 400,
      body: { errors: [{ code: "too-large" }] }
    })
    expect(await call("/tools/policy", { method: "PUT", body: { deny: [{ arguments: { type: 7 } }] } })).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["deny", 0, "arguments"] }] }
    })
    await call("/tools/policy", { method: "PUT", body: {} })
    expect((await call("/tools/listOrders/test", { body: {} })).status).toBe(200)
  })

  it("bind a call in a running task when the policy changes", async () => {
    before = async () => {
      before = () => Promise.resolve()
      await call("/tools/policy", { method: "PUT", body: { deny: ["listOrders"] } })
    }
    const { body } = await start("listOrders", 2)
    await ended(body.id)
    expect(calls).toHaveLength(1)
    await call("/tools/policy", { method: "PUT", body: {} })
  })

  it("are there after a restart", async () => {
    const listed = (await call("/tools")).body
    await server.stop()
    server = await startServer()
    expect((await call("/tools")).body).toEqual(listed)
    const { body } = await start("listOrders")
    expect(await ended(body.id)).toMatchObject({ status: "completed" })
  })
})
