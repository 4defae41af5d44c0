import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "../fake/Server.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start({ listen: { host: "127.0.0.1", port: 0, allowedHosts: ["localhost"] } })
})
afterAll(() => server.stop())

const page = "http://localhost:5173"

describe("a page of an allowed host", { timeout: 60_000 }, () => {
  it("can read responses", async () => {
    const { headers, status } = await fetch(`${server.url}/api/v1/crews`, { headers: { origin: page } })
    expect(status).toBe(200)
    expect(headers.get("access-control-allow-origin")).toBe(page)
    expect(headers.get("vary")).toMatch(/origin/i)
  })

  it("can send preflight requests", async () => {
    const { headers, status } = await fetch(`${server.url}/api/v1/crews`, {
      method: "OPTIONS",
      headers: {
        origin: page,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,authorization"
      }
    })
    expect(status).toBe(204)
    expect(headers.get("access-control-allow-origin")).toBe(page)
    expect(headers.get("access-control-allow-methods")).toContain("POST")
    expect(headers.get("access-control-allow-headers")).toBe("content-type,authorization")
  })

  it("is the only one allowed: others are refused, and pages of the server need no header", async () => {
    const foreign = await fetch(`${server.url}/api/v1/crews`, { headers: { origin: "http://evil.example" } })
    expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([403, null])
    const own = await fetch(`${server.url}/api/v1/crews`, { headers: { origin: server.url } })
    expect([own.status, own.headers.get("access-control-allow-origin")]).toEqual([200, null])
  })
})

describe("an idle connection", () => {
  it("stays open for longer than those of common proxies", async () => {
    const { headers } = await fetch(`${server.url}/health/live`)
    expect(headers.get("keep-alive")).toBe("timeout=75")
  })
})
