import * as FastCheck from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.stop())

const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
  Server.request(server.url + path, options)

const agent = (name: string) => ({ name, role: "Researcher", goal: "Find out" })
const provider = (name: string) => ({ name, kind: "openai-compatible", baseUrl: "http://127.0.0.1:9/v1" })

describe.each([
  { path: "/api/v1/agents", prefix: "agent_", make: agent, resource: "agent" },
  { path: "/api/v1/llm-providers", prefix: "provider_", make: provider, resource: "llm-provider" },
  {
    path: "/api/v1/crews",
    prefix: "crew_",
    make: (name: string) => ({
      name,
      agents: { zoe: { role: "Z", goal: "z" }, al: { role: "A", goal: "a" } },
      tasks: {
        second: { description: "Do", expectedOutput: "Done", agent: "zoe" },
        first: { description: "Do", expectedOutput: "Done", agent: "al", context: ["second"] }
      }
    }),
    resource: "crew"
  }
])("$path", ({ path, prefix, make, resource }) => {
  it("stores, returns, replaces and removes, version by version", async () => {
    const body = make("one")
    const created = await call(path, { body })
    expect(created.status).toBe(201)
    const { id } = created.body
    expect(id.startsWith(prefix)).toBe(true)
    expect(created.headers.get("location")).toBe(`${path}/${id}`)
    expect(created.headers.get("etag")).toBe('"1"')
    expect(created.body).toMatchObject({ ...body, version: 1 })
    expect(created.body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

    const got = await call(`${path}/${id}`)
    expect(got.body).toEqual(created.body)
    // The order of the declaration is kept.
    if ("tasks" in body) expect(Object.keys(got.body.tasks)).toEqual(["second", "first"])
    expect(got.headers.get("etag")).toBe('"1"')

    const replaced = await call(`${path}/${id}`, { method: "PUT", body: make("two"), headers: { "if-match": '"1"' } })
    expect(replaced).toMatchObject({
      status: 200,
      body: { name: "two", version: 2, createdAt: created.body.createdAt }
    })

    const stale = await call(`${path}/${id}`, { method: "PUT", body: make("three"), headers: { "if-match": '"1"' } })
    expect(stale).toMatchObject({ status: 412, body: { code: "version-mismatch", version: 2 } })
    expect((await call(`${path}/${id}`)).body.name).toBe("two")

    // A response may be sent back unchanged, and its version is then expected to be current.
    const echoed = await call(`${path}/${id}`, { method: "PUT", body: { ...replaced.body, name: "four" } })
    expect(echoed).toMatchObject({ status: 200, body: { name: "four", version: 3 } })
    expect(await call(`${path}/${id}`, { method: "PUT", body: replaced.body })).toMatchObject({ status: 412 })

    expect(await call(`${path}/${id}`, { method: "DELETE", headers: { "if-match": 'W/"3"' } })).toMatchObject({
      status: 412
    })
    expect(await call(`${path}/${id}`, { method: "DELETE", headers: { "if-match": '"2", "3"' } })).toMatchObject({
      status: 204
    })
    expect(await call(`${path}/${id}`)).toMatchObject({ status: 404, body: { code: "not-found", resource, id } })
    expect(await call(`${path}/${id}`, { method: "DELETE" })).toMatchObject({ status: 404 })
    expect(await call(`${path}/${id}`, { method: "PUT", body: make("five") })).toMatchObject({ status: 404 })
  })

  it("lets one of two concurrent changes win", async () => {
    const { body: created } = await call(path, { body: make("contended") })
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        call(`${path}/${created.id}`, { method: "PUT", body: make(`c${n}`), headers: { "if-match": '"1"' } })
      )
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412, 412])
    await call(`${path}/${created.id}`, { method: "DELETE" })
  })

  it("pages without repetitions and gaps, even if resources are added and removed in between", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.integer({ min: 0, max: 7 }),
        FastCheck.integer({ min: 1, max: 4 }),
        FastCheck.array(FastCheck.constantFrom("insert", "remove-seen", "remove-last"), { maxLength: 4 }),
        async (count, limit, changes) => {
          const unique = `p${Math.random().toString(36).slice(2)}`
          const ids: Array<string> = []
          for (let n = 0; n < count; n++) ids.push((await call(path, { body: make(`${unique}-${n}`) })).body.id)
          const seen: Array<string> = []
          const extra: Array<string> = []
          let cursor: string | undefined
          for (let page = 0; ; page++) {
            const query = `limit=${limit}${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`
            const { body } = await call(`${path}?${query}`)
            expect(body.items.length).toBeLessThanOrEqual(limit)
            seen.push(...body.items.map((item: { id: string }) => item.id))
            const change = changes[page]
            if (change === "insert") extra.push((await call(path, { body: make(`${unique}-x${page}`) })).body.id)
            // The item in the cursor may have been deleted before it is used.
            if (change === "remove-last" && seen.length > 0) {
              await call(`${path}/${seen.at(-1)}`, { method: "DELETE" })
            }
            if (change === "remove-seen" && seen.length > 0) await call(`${path}/${seen[0]}`, { method: "DELETE" })
            cursor = body.nextCursor
            if (cursor === undefined) break
          }
          // Newest first, each once, and nothing created after the first page.
          expect(seen).toEqual([...ids].reverse())
          for (const id of [...ids, ...extra]) await call(`${path}/${id}`, { method: "DELETE" })
        }
      ),
      { numRuns: 12 }
    )
  })

  it("finds by name", async () => {
    const { body: created } = await call(path, { body: make("findable") })
    expect((await call(`${path}?name=findable`)).body.items).toHaveLength(1)
    expect((await call(`${path}?name=other`)).body.items).toHaveLength(0)
    await call(`${path}/${created.id}`, { method: "DELETE" })
  })
})

describe("lists", () => {
  /** The only item of a list, without fields added by the server, and the whole resource. */
  const listed = async (path: string, body: object) => {
    const created = await call(path, { body })
    const { id, version, createdAt, updatedAt } = created.body
    const list = await call(`${path}?limit=140`)
    const whole = await call(`${path}/${id}`)
    await call(`${path}/${id}`, { method: "DELETE" })
    expect(whole.body).toEqual(created.body)
    expect(list.body.items).toHaveLength(1)
    expect(list.body.items[0]).toMatchObject({ id, version, createdAt, updatedAt })
    const { createdAt: _c, id: _i, updatedAt: _u, version: _v, ...summary } = list.body.items[0]
    return summary
  }

  it("contain summaries of crews, and nothing as long as a crew", async () => {
    const task = { description: "Do", expectedOutput: "Done", agent: "al" }
    const crew = {
      name: "long",
      agents: { al: { role: "A", goal: "g".repeat(1_000_000) }, zoe: { role: "Z", goal: "z" } },
      tasks: { one: task, two: task, three: task }
    }
    // Cut within a surrogate pair.
    expect(
      await listed("/api/v1/crews", { ...crew, description: `${"d".repeat(298)}${"😀".repeat(500_000)}` })
    ).toEqual({ name: "long", description: `${"d".repeat(298)}…`, agentCount: 2, taskCount: 3 })
    expect(await listed("/api/v1/crews", crew)).toEqual({ name: "long", agentCount: 2, taskCount: 3 })
  })

  it("contain summaries of agents and providers", async () => {
    expect(
      await listed("/api/v1/agents", { ...agent("long"), role: "r".repeat(1_000_000), goal: "g".repeat(1_000_000) })
    ).toEqual({ name: "long", role: `${"r".repeat(299)}…` })
    expect(await listed("/api/v1/llm-providers", { ...provider("long"), models: ["m".repeat(1_000_000)] })).toEqual({
      name: "long",
      kind: "openai-compatible",
      hasApiKey: false
    })
  })

  it("show the replacement of a resource", async () => {
    const { body } = await call("/api/v1/agents", { body: agent("before") })
    await call(`/api/v1/agents/${body.id}`, { method: "PUT", body: { ...agent("after"), role: "Editor" } })
    expect((await call("/api/v1/agents")).body.items).toMatchObject([{ name: "after", role: "Editor", version: 2 }])
    await call(`/api/v1/agents/${body.id}`, { method: "DELETE" })
  })
})

describe("refusals", () => {
  it("name every invalid field of an agent at once", async () => {
    const { status, body } = await call("/api/v1/agents", {
      body: { name: " ", role: 7, maxTurns: 0, colour: "red" }
    })
    expect(status).toBe(400)
    expect(body.errors.map((error: { path: Array<string> }) => error.path.join(".")).sort()).toEqual([
      "colour",
      "goal",
      "maxTurns",
      "name",
      "role"
    ])
    expect(body.errors.find((error: { code: string }) => error.code === "unknown-key")).toMatchObject({
      path: ["colour"],
      message: expect.stringMatching(/^colour is not a valid key; the valid keys are name, .*role, /)
    })
    expect((await call("/api/v1/agents")).body.items).toEqual([])
  })

  it("name an invalid page size once", async () => {
    const { status, body } = await call("/api/v1/agents?limit=many")
    expect(status).toBe(400)
    expect(body.errors).toMatchObject([{ path: ["query", "limit"], code: "invalid-value" }])
  })

  it("name duplicate keys", async () => {
    const { status, body } = await call("/api/v1/agents", {
      text: '{"name": "a", "role": "r", "goal": "g",\n"goal": "h"}'
    })
    expect(status).toBe(400)
    expect(body.errors).toMatchObject([{ path: ["goal"], code: "duplicate-name", line: 2, column: 1 }])
  })

  it("include the name of an existing provider, an invalid address, a key instead of its variable", async () => {
    const first = await call("/api/v1/llm-providers", { body: provider("twin") })
    expect(first.status).toBe(201)
    const second = await call("/api/v1/llm-providers", { body: provider("twin") })
    expect(second).toMatchObject({ status: 409, body: { code: "name-taken", errors: [{ path: ["name"] }] } })
    const bad = await call("/api/v1/llm-providers", {
      body: { name: "a/b", kind: "openai-compatible", baseUrl: "ftp://x", apiKeyVariable: "sk-secret" }
    })
    expect(bad.status).toBe(400)
    expect(bad.body.errors.map((error: { path: Array<string> }) => error.path[0]).sort()).toEqual([
      "apiKeyVariable",
      "baseUrl",
      "name"
    ])
    expect(await call("/api/v1/llm-providers", { body: { name: "x", kind: "openai-compatible" } })).toMatchObject({
      status: 400,
      body: { errors: [{ path: ["baseUrl"] }] }
    })
    // Other secrets of the server cannot be sent to an address chosen by the client.
    expect(
      await call("/api/v1/llm-providers", { body: { ...provider("thief"), apiKeyVariable: "DATABASE_URL" } })
    ).toMatchObject({ status: 400, body: { errors: [{ path: ["apiKeyVariable"] }] } })
  })
})
