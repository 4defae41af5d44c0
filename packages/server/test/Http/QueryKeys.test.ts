import { Api } from "@crewline/server/Api"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "../fake/Server.ts"
import * as Socket from "../fake/Socket.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.stop())

const operations = Object.values(Api.groups).flatMap((group) =>
  Object.values(group.endpoints).map((endpoint) => [`${group.identifier}.${endpoint.identifier}`, endpoint] as const)
)

describe("an unknown query key", { timeout: 60_000 }, () => {
  it.each(operations)("is refused by %s", async (_, { method, path }) => {
    const target = path.replaceAll(/:\w+/g, "x")
    const answer = await Server.request(`${server.url}${target}?limitt=5`, { method })
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "invalid-request", errors: [{ path: ["query", "limitt"], code: "unknown-key" }] }
    })
  })

  it.each(["/", "/docs", "/openapi.json", "/problems", "/problems/gone"])("is refused by %s", async (path) => {
    expect((await fetch(server.url + path)).status).toBe(200)
    expect(await Server.request(`${server.url}${path}?v=1`)).toMatchObject({
      status: 400,
      body: { code: "invalid-request", errors: [{ path: ["query", "v"], code: "unknown-key" }] }
    })
  })

  it("is told with the keys that there are, beside other mistakes", async () => {
    const { body } = await Server.request(`${server.url}/api/v1/crews?nmae=x&limit=0`)
    expect(body.errors).toHaveLength(2)
    expect(body.errors).toContainEqual({
      path: ["query", "nmae"],
      code: "unknown-key",
      message: "query.nmae is not a valid key; the valid keys are limit, cursor, name."
    })
    const none = await Server.request(`${server.url}/api/v1/tools?all=true&all=false`)
    expect(none.body.errors).toEqual([
      {
        path: ["query", "all"],
        code: "unknown-key",
        message: "query.all is not a valid key: this endpoint has no query parameters."
      }
    ])
  })

  it("is told to those who may call, and to nobody else", async () => {
    const closed = await Server.start({ credentials: { mode: "required" } })
    const tries = ["/api/v1/tools?all=true", "/api/v1/crews?nmae=x"].map(async (path) => {
      expect((await Server.request(closed.url + path)).status).toBe(401)
    })
    await Promise.all(tries)
    await closed.stop()
  })

  it("closes a WebSocket", async () => {
    expect(await Socket.outcome(server.url, undefined, { query: "?aftr=1" })).toBe(4400)
    expect(await Socket.outcome(server.url, "exec_none", { query: "?aftr=1" })).toBe(4400)
    expect(await Socket.outcome(server.url, "exec_none", { query: "?after=1" })).toBe(4404)
  })
})
