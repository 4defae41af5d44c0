import * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.stop())

const get = (path: string, options?: Parameters<typeof Server.request>[1]) => Server.request(server.url + path, options)

describe("the edge", () => {
  it("answers with a welcome page, and is alive and ready", async () => {
    expect((await get("/")).body).toMatchObject({ name: "Crewline", docs: "/docs" })
    expect(await get("/health/live")).toMatchObject({ status: 200, body: { status: "live" } })
    expect(await get("/health/ready")).toMatchObject({
      status: 200,
      body: { status: "ready", parts: { database: "ok", worker: "ok" } }
    })
  })

  it("describes itself", async () => {
    const { body } = await get("/openapi.json")
    expect(body.openapi).toBe("3.1.0")
    expect(Object.keys(body.paths)).toContain("/api/v1/executions/{id}/events")
    expect(body.components.schemas.CrewBody.properties).toHaveProperty("tasks")
    const { parameters } = body.paths["/api/v1/executions"].get
    for (const { name, schema, description } of parameters) {
      if (name === "limit") expect(schema.description ?? description).toContain("Default: 50")
    }
    const docs = await get("/docs")
    expect(docs.status).toBe(200)
    // The page is large: assert only that it matches.
    expect(/<(script|link|img)[^>]+(src|href)="https?:/.test(docs.body)).toBe(false)
    expect(docs.headers.get("content-security-policy")).toMatch(/^default-src 'none'/)
  })

  it("answers with problems for unknown addresses and wrong methods", async () => {
    const unknown = await get("/api/v1/crew")
    expect(unknown).toMatchObject({
      status: 404,
      body: { code: "no-such-route", type: "/problems/no-such-route", status: 404 }
    })
    expect(unknown.headers.get("content-type")).toBe("application/problem+json")
    const wrong = await get("/api/v1/crews", { method: "PATCH", body: {} })
    expect(wrong).toMatchObject({ status: 405, body: { code: "method-not-allowed", allow: ["GET", "POST", "HEAD"] } })
    expect(wrong.headers.get("allow")).toBe("GET, POST, HEAD")
    expect(await get("/api/v1/executions/x/ws")).toMatchObject({ status: 426, body: { code: "upgrade-required" } })
  })

  it("documents every problem that it has", async () => {
    const { body } = await get("/problems")
    for (const code of Object.keys(body)) expect((await get(`/problems/${code}`)).body).toMatchObject({ code })
    expect((await get("/problems/toString")).status).toBe(404)
  })

  it("reports where JSON is invalid", async () => {
    const broken = await get("/api/v1/agents", { text: '{\n  "name": "a",\n  "role": }' })
    expect(broken).toMatchObject({ status: 400, body: { code: "invalid-syntax", line: 3, column: 11 } })
    expect(await get("/api/v1/agents", { text: "" })).toMatchObject({ status: 400, body: { code: "invalid-syntax" } })
  })

  it("does not guess the type of a body, and rejects bodies that are too large", async () => {
    const plain = await get("/api/v1/agents", { text: "{}", headers: { "content-type": "text/plain" } })
    expect(plain).toMatchObject({ status: 415, body: { supported: ["application/json"] } })
    const large = await get("/api/v1/agents", { text: JSON.stringify({ name: "x".repeat(5 * 1024 * 1024) }) })
    expect(large).toMatchObject({ status: 413, body: { code: "payload-too-large" } })
  })

  it("names every invalid parameter", async () => {
    const { body, status } = await get("/api/v1/crews?limit=0&cursor=nonsense")
    expect(status).toBe(400)
    expect(body.errors).toHaveLength(1)
    expect(body.errors[0].path).toEqual(["query", "limit"])
    expect((await get("/api/v1/crews?cursor=nonsense")).body.errors).toMatchObject([
      { path: ["query", "cursor"], code: "invalid-cursor" }
    ])
  })

  it("discloses nothing about its faults", async () => {
    const faulty = await Server.start({
      toolbox: Layer.succeed(Toolbox.Toolbox, {
        list: Effect.die(new Error("the secret")),
        get: (tool) => Effect.fail(new Toolbox.UnknownTool({ tool, known: [] }))
      })
    })
    const { body, headers, status } = await Server.request(`${faulty.url}/api/v1/tools`)
    expect(status).toBe(500)
    expect(headers.get("content-type")).toBe("application/problem+json")
    expect(body).toMatchObject({ code: "internal-error", status: 500 })
    expect(JSON.stringify(body)).not.toContain("secret")
    await faulty.stop()
  })

  it("lists the tools", async () => {
    expect((await get("/api/v1/tools")).body.items).toMatchObject([{ name: "clock", idempotent: true }])
  })

  it("refuses pages of other sites and rebound host names", async () => {
    const foreign = await get("/api/v1/crews", { headers: { origin: "https://evil.example" } })
    expect(foreign).toMatchObject({ status: 403, body: { code: "foreign-origin" } })
    expect((await get("/api/v1/crews", { headers: { origin: server.url } })).status).toBe(200)
  })
})
