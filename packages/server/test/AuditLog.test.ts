/**
 * Who did what: by every operation of the OpenAPI document, by sockets, and by whoever is refused.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { ownerOf } from "../../memory-pg/test/Owner.ts"
import { readsByPost } from "../src/Api.ts"
import type { Entry } from "../src/Api/Audit.ts"
import * as AuditLog from "../src/AuditLog.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

const agents = { a: { role: "r", goal: "g" } }
const crew = { name: "c", agents, tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } } }

let server: Server.Running
let admin: Keys.Made
beforeAll(async () => {
  server = await Server.start({ credentials: { mode: "required" }, worker: { graceMillis: 0 } })
  admin = await Keys.make(server)
})
afterAll(() => server.stop())

const call = (path: string, options: Parameters<typeof Server.request>[1] = {}) =>
  Server.request(server.url + path, { headers: admin.headers, ...options })

const entries = async (query = "", headers: Record<string, string> = admin.headers): Promise<ReadonlyArray<Entry>> => {
  const { body, status } = await call(`/api/v1/audit?limit=200${query}`, { headers })
  expect(status, JSON.stringify(body)).toBe(200)
  return body.items
}

/** What is written down soon. */
const soon = async (query: string, headers?: Record<string, string>): Promise<ReadonlyArray<Entry>> => {
  const until = Date.now() + 30_000
  for (;;) {
    const found = await entries(query, headers)
    if (found.length > 0) return found
    if (Date.now() > until) throw new Error(`No entry of ${query}, only ${JSON.stringify(await entries("", headers))}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** As the owner of the tables. */
const sql = <A extends object>(statement: string) => {
  const client = Context.get(server.services, SqlClient.SqlClient)
  return Effect.runPromise(ownerOf(client)(client.unsafe<A>(statement)))
}

/** With its causes: one of them has PostgreSQL's own message. */
const failureOf = (statement: string) =>
  sql(statement).then(
    () => "",
    (error: unknown) => inspect(error, { depth: 10 })
  )

describe("the audit log", { timeout: 60_000 }, () => {
  it("has every operation that is not just a look, and no other", async () => {
    const walker = await Keys.make(server, { tenant: "walked" })
    const { paths } = (await call("/openapi.json")).body
    const done: Array<string> = []
    for (const [path, methods] of Object.entries<Record<string, { operationId: string }>>(paths)) {
      for (const [method, { operationId }] of Object.entries(methods)) {
        const target = path.replace("{id}", "none").replaceAll(/\{\w+\}/g, "x")
        const takesBody = (method === "post" || method === "put") && path !== "/api/v1/tickets"
        await call(target, { method: method.toUpperCase(), headers: walker.headers, ...(takesBody && { body: {} }) })
        if (method !== "get" && !readsByPost.has(operationId)) done.push(operationId)
      }
    }
    expect(done.length).toBeGreaterThan(20)
    await soon(`&operation=${done.at(-1)}`, walker.headers)
    const found = await entries("", walker.headers)
    expect(found.map(({ operation }) => operation).sort()).toEqual(done.sort())
    for (const { actor, address, keyId } of found)
      expect([actor, address, keyId]).toEqual(["admin of walked", expect.stringContaining("127.0.0.1"), walker.id])
  })

  it("says who did what to which resource, from where, and how it ended", async () => {
    const { body } = await call("/api/v1/keys", { body: { name: "ci", role: "operator" } })
    // Written down before it was answered.
    expect(await entries(`&resource=${body.id}`)).toMatchObject([
      {
        operation: "keys.create",
        resource: body.id,
        actor: "admin of acme",
        role: "admin",
        credential: "key",
        keyId: admin.id,
        address: expect.stringContaining("127.0.0.1"),
        status: 201,
        details: { name: "ci", role: "operator" },
        times: 1
      }
    ])
    const rotated = await call(`/api/v1/keys/${body.id}/rotate`, { method: "POST" })
    const [first] = await entries(`&resource=${body.id}&operation=keys.rotate`)
    expect(first).toMatchObject({ status: 201, details: { made: rotated.body.id } })
    expect(first!.at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    // Put where it does not belong, the key itself is not written down.
    await call(`/api/v1/keys/${admin.key}`, { method: "DELETE" })
    expect(await soon(`&resource=${admin.prefix}_%5Bredacted%5D`)).toMatchObject([{ operation: "keys.revoke" }])
    await call("/api/v1/keys/none", { method: "DELETE" })
    expect(await soon("&resource=none&outcome=refused")).toMatchObject([{ status: 404, code: "not-found" }])
  })

  it("has what is done over sockets, and the reason of who denies", async () => {
    const { body } = await call("/api/v1/executions", { body: { crew } })
    expect(await soon(`&resource=${body.id}`)).toMatchObject([{ operation: "executions.start", status: 202 }])
    let ask: string | undefined
    while (ask === undefined) ask = (await call(`/api/v1/inbox?state=open&executionId=${body.id}`)).body.items[0]?.id
    const viewer = await Keys.make(server, { role: "viewer" })
    const client = Socket.open(server.url, body.id, 0, viewer.headers)
    client.socket.on("open", () => client.socket.send(JSON.stringify({ type: "answer", id: ask, answer: "accept" })))
    await client.until(({ type }) => type === "AnswerRefused")
    client.socket.close()
    const refused = await soon(`&operation=inbox.answer&actor=viewer%20of%20acme`)
    expect(refused).toMatchObject([
      { status: 403, code: "forbidden", resource: ask, address: expect.stringContaining("127.0.0.1") }
    ])
    const reason = "password: hunter2hunter2"
    await call(`/api/v1/inbox/${ask}/answer`, { body: { answer: "deny", reason } })
    const details = { answer: "deny", reason: "password: [redacted]" }
    expect(await soon("&operation=inbox.answer&actor=admin%20of%20acme")).toMatchObject([
      { resource: ask, status: 400, details }
    ])
    await call(`/api/v1/executions/${body.id}/cancel`, { method: "POST" })
  })

  it("pages, and finds by operation, actor, time and outcome", async () => {
    for (const name of ["one", "two", "three"]) await call("/api/v1/agents", { body: { name, role: "r", goal: "g" } })
    const seen: Array<string> = []
    let cursor = ""
    do {
      const { body } = await call(`/api/v1/audit?operation=agents.create&limit=1${cursor}`)
      for (const { id } of body.items) seen.push(id)
      cursor = body.nextCursor === undefined ? "" : `&cursor=${body.nextCursor}`
    } while (cursor !== "")
    expect(seen).toEqual((await entries("&operation=agents.create")).map(({ id }) => id))
    expect(seen).toHaveLength(3)
    const [{ at }] = (await entries("&operation=agents.create")) as [Entry]
    expect(await entries(`&operation=agents.create&since=${at}`)).toHaveLength(1)
    expect(await entries(`&operation=agents.create&until=${at}`)).toHaveLength(2)
    expect(await entries("&operation=agents.create&outcome=refused")).toEqual([])
    expect(await entries("&operation=agents.create&actor=nobody")).toEqual([])
    for (const query of ["since=yesterday", "outcome=fine", "cursor=x"])
      expect((await call(`/api/v1/audit?${query}`)).status, query).toBe(400)
  })

  it("has what a caller did not wait for", async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    const { port } = silent.address() as AddressInfo
    const provider = { name: "silent", kind: "openai-compatible", baseUrl: `http://127.0.0.1:${port}/v1` }
    const { body } = await call("/api/v1/llm-providers", { body: provider })
    const leaving = new AbortController()
    const asked = new Promise((resolve) => silent.once("request", resolve))
    const answer = fetch(`${server.url}/api/v1/llm-providers/${body.id}/test`, {
      method: "POST",
      body: JSON.stringify({ model: "m", timeoutMillis: 30_000 }),
      headers: { ...admin.headers, "content-type": "application/json" },
      signal: leaving.signal
    })
    // An answer instead would be a refusal.
    await Promise.race([asked, answer.then(async (early) => Promise.reject(new Error(await early.text())))])
    leaving.abort()
    await expect(answer).rejects.toThrow("abort")
    silent.closeAllConnections()
    expect(await soon(`&operation=llmProviders.test&resource=${body.id}`)).toMatchObject([
      { actor: "admin of acme", status: 200 }
    ])
    silent.close()
  })

  it("has the address that a proxy says, where there is one", async () => {
    const forwarded = { "x-forwarded-for": "6.6.6.6, 203.0.113.7" }
    const create = async (on: Server.Running, { headers }: Keys.Made) => {
      const agent = { name: "far", role: "r", goal: "g" }
      const options = { body: agent, headers: { ...headers, ...forwarded } }
      await Server.request(`${on.url}/api/v1/agents`, options)
      const { body } = await Server.request(`${on.url}/api/v1/audit?operation=agents.create&limit=1`, { headers })
      return body.items[0].address
    }
    expect(await create(server, admin)).toBe("127.0.0.1")
    const behind = await Server.start({ credentials: { mode: "required" }, isBehindProxy: true })
    expect(await create(behind, await Keys.make(behind))).toBe("203.0.113.7")
    await behind.stop()
  })

  it("is for admins, each of their own tenant", async () => {
    const operator = await Keys.make(server, { role: "operator" })
    expect(await call("/api/v1/audit", operator)).toMatchObject({ status: 403, body: { scope: "audit:read" } })
    const globex = await Keys.make(server, { tenant: "globex" })
    expect(await entries("", globex.headers)).toEqual([])
  })

  it("has refusals, of which a flood is few", async () => {
    const home = await Keys.make(server, { tenant: "default" })
    const flood = (headers: Record<string, string>) =>
      Promise.all(Array.from({ length: 300 }, (_, n) => call(`/api/v1/crews/crew_${n}`, { headers })))
    await flood({ authorization: "Bearer nonsense" })
    expect(await soon("&outcome=refused", home.headers)).toMatchObject([
      { operation: "crews.get", status: 401, code: "unauthenticated", times: 1 }
    ])
    // Of a key that was revoked it is known whose it was.
    const robbed = await Keys.make(server, { tenant: "robbed" })
    const weak = await Keys.make(server, { tenant: "robbed", role: "viewer" })
    // A flood from its address locks out only credentials that were never accepted.
    for (const { headers } of [robbed, weak]) expect((await call("/api/v1/me", { headers })).status).toBe(200)
    const revoked = await Keys.make(server, { tenant: "robbed" })
    await Keys.revoke(server, revoked, "robbed")
    await flood(revoked.headers)
    expect(await soon("&outcome=refused", robbed.headers)).toMatchObject([{ keyId: revoked.id, status: 401 }])
    for (let n = 0; n < 100; n++) await call("/api/v1/keys", { body: {}, headers: weak.headers })
    expect(await soon("&actor=viewer%20of%20robbed", robbed.headers)).toMatchObject([{ status: 403 }])
  })

  it("cannot be changed or emptied, not even by the owner of the database, and forgets by age alone", async () => {
    const count = async () =>
      (await sql<{ readonly count: number }>("select count(*)::int as count from crewline_audit"))[0]!.count
    const before = await count()
    expect(before).toBeGreaterThan(0)
    for (const statement of [
      "update crewline_audit set actor = 'nobody'",
      "delete from crewline_audit",
      "truncate crewline_audit"
    ])
      expect(await failureOf(statement), statement).toContain("neither changed nor deleted")
    expect(await count()).toBe(before)

    const old = { tenant: "acme", id: "audit_0", operation: "crews.create", status: 201, times: 1, waited: 3_600_000 }
    await sql(`select crewline_write_audit('${JSON.stringify([old])}')`)
    const log = Context.get(server.services, AuditLog.AuditLog)
    const prune = (age: Duration.Input) => Effect.runPromise(log.prune(Duration.fromInputUnsafe(age)))
    expect(await prune("2 hours")).toBe(0)
    expect(await prune("30 minutes")).toBe(1)
    expect(await count()).toBe(before)
    expect(await failureOf("delete from crewline_audit")).toContain("neither changed nor deleted")
  })

  it("lets operations go on while it cannot be written, and has them afterwards", async () => {
    await sql("alter table crewline_audit rename to crewline_elsewhere")
    const { body, status } = await call("/api/v1/agents", { body: { name: "late", role: "r", goal: "g" } })
    expect(status).toBe(201)
    await sql("alter table crewline_elsewhere rename to crewline_audit")
    expect(await soon(`&resource=${body.id}`)).toMatchObject([{ operation: "agents.create", status: 201 }])
  })
})
