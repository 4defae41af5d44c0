import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Access from "../src/Api/Access.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

const local = { credential: Redacted.make("the-credential-of-the-data-directory"), name: "me" }
const localHeaders = { authorization: `Bearer ${Redacted.value(local.credential)}` }

let server: Server.Running
let admin: Keys.Made
beforeAll(async () => {
  server = await Server.start({ credentials: { mode: "required", local } })
  admin = await Keys.make(server)
})
afterAll(() => server.stop())

const call = (path: string, options: Parameters<typeof Server.request>[1] = {}) =>
  Server.request(server.url + path, options)
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
const create = (body: object, headers: Record<string, string> = admin.headers) =>
  call("/api/v1/keys", { body, headers })

describe("API keys", { timeout: 60_000 }, () => {
  it("are shown once, and identify the caller", async () => {
    const { body, headers, status } = await create({ name: "ci", role: "operator", expires: "90d" })
    expect(status).toBe(201)
    expect(body).toMatchObject({ tenant: "acme", name: "ci", role: "operator", status: "active" })
    expect(body).toMatchObject({ createdBy: "admin of acme", scopes: Access.scopesOf("operator") })
    expect(body.key).toMatch(new RegExp(`^${body.prefix}_[\\w-]{43}$`))
    expect(Date.parse(body.expiresAt) - Date.parse(body.createdAt)).toBe(90 * 24 * 3_600_000)
    const { key, ...shown } = body
    expect((await call(headers.get("location")!, admin)).body).toEqual(shown)
    const list = await call("/api/v1/keys", admin)
    expect(list.body.items[0]).toEqual(shown)
    expect(JSON.stringify(list.body)).not.toContain(key)
    expect((await call("/api/v1/me", bearer(key))).body).toEqual({
      tenant: "acme",
      name: "ci",
      role: "operator",
      scopes: Access.scopesOf("operator"),
      credential: "key",
      keyId: body.id
    })
    // Recorded in the background, shortly after.
    for (;;) {
      const { lastUsedAt } = (await call(`/api/v1/keys/${body.id}`, admin)).body
      if (lastUsedAt === undefined) continue
      expect(Date.parse(lastUsedAt)).toBeGreaterThanOrEqual(Date.parse(body.createdAt))
      break
    }
  })

  it("can have fewer scopes than their role, and never more than their creator", async () => {
    const scopes = ["crews:read", "executions:run"]
    const { key } = (await create({ name: "starter", role: "operator", scopes })).body
    expect((await call("/api/v1/me", bearer(key))).body.scopes).toEqual(scopes)
    expect((await call("/api/v1/crews", bearer(key))).status).toBe(200)
    expect((await call("/api/v1/agents", bearer(key))).body).toMatchObject({ status: 403, scope: "agents:read" })

    const excess = await create({ name: "x", role: "viewer", scopes: ["crews:read", "crews:write"] })
    expect(excess.body).toMatchObject({ status: 400, errors: [{ path: ["scopes"] }] })
    for (const body of [
      { name: "x", role: "owner" },
      { name: "x", role: "viewer", scopes: [] },
      { name: "x", role: "viewer", scopes: ["everything"] },
      { name: "x", role: "viewer", expires: "soon" },
      { name: "x", role: "viewer", tenant: "globex" },
      { role: "viewer" }
    ])
      expect((await create(body)).status, JSON.stringify(body)).toBe(400)

    const clerk = (await create({ name: "clerk", role: "admin", scopes: ["keys:read", "keys:write"] })).body
    const given = await create({ name: "x", role: "admin" }, bearer(clerk.key).headers)
    expect(given.body).toMatchObject({ status: 403, code: "forbidden", scope: "agents:read" })
    expect((await create({ name: "x", role: "admin", scopes: ["keys:read"] }, bearer(clerk.key).headers)).status).toBe(
      201
    )
    const rotated = await call(`/api/v1/keys/${admin.id}/rotate`, { method: "POST", ...bearer(clerk.key) })
    expect(rotated.body).toMatchObject({ status: 403, code: "forbidden" })
  })

  it("are replaced by new ones, with an overlap", async () => {
    const old = (await create({ name: "deploy", role: "viewer", expires: "10d" })).body
    const rotate = (body?: object) =>
      call(`/api/v1/keys/${old.id}/rotate`, { method: "POST", headers: admin.headers, ...(body && { body }) })
    const first = (await rotate({ overlap: "1d" })).body
    expect(first).toMatchObject({ name: "deploy", role: "viewer", tenant: "acme" })
    expect(first.id).not.toBe(old.id)
    for (const { key } of [old, first]) expect((await call("/api/v1/me", bearer(key))).status).toBe(200)
    const lifetime = ({ createdAt, expiresAt }: { createdAt: string; expiresAt: string }) =>
      Date.parse(expiresAt) - Date.parse(createdAt)
    expect(lifetime(first)).toBe(10 * 24 * 3_600_000)
    const overlapping = (await call(`/api/v1/keys/${old.id}`, admin)).body
    expect(Date.parse(overlapping.expiresAt)).toBeLessThan(Date.parse(old.expiresAt))
    // The new one lives as long as the first one was meant to, not as long as the overlap.
    expect(lifetime((await rotate()).body)).toBe(10 * 24 * 3_600_000)

    await Keys.expire(server, { ...old, headers: admin.headers })
    while ((await call("/api/v1/me", bearer(old.key))).status === 200);
    expect((await rotate()).body).toMatchObject({ status: 409, code: "key-inactive" })
    expect((await call("/api/v1/me", bearer(first.key))).status).toBe(200)
  })

  it("are revoked at once, and remain visible", async () => {
    const { id, key } = (await create({ name: "lost", role: "viewer" })).body
    expect((await call("/api/v1/me", bearer(key))).status).toBe(200)
    const revoke = () => call(`/api/v1/keys/${id}`, { method: "DELETE", headers: admin.headers })
    expect((await revoke()).status).toBe(204)
    expect((await call("/api/v1/me", bearer(key))).status).toBe(401)
    const { revokedAt, status } = (await call(`/api/v1/keys/${id}`, admin)).body
    expect(status).toBe("revoked")
    expect((await revoke()).status).toBe(204)
    expect((await call(`/api/v1/keys/${id}`, admin)).body).toMatchObject({ id, revokedAt, status })
    const rotated = await call(`/api/v1/keys/${id}/rotate`, { method: "POST", headers: admin.headers })
    expect(rotated.body).toMatchObject({ status: 409, code: "key-inactive" })
  })

  it("are created for any tenant by the owner of the server, and by no other caller", async () => {
    const forGlobex = { ...localHeaders, [Access.tenantHeader]: "globex" }
    expect((await call("/api/v1/me", { headers: localHeaders })).body).toMatchObject({
      tenant: "default",
      name: "me",
      credential: "local"
    })
    const { key } = (await create({ name: "first", role: "admin" }, forGlobex)).body
    expect((await call("/api/v1/me", bearer(key))).body.tenant).toBe("globex")
    const foreign = await call("/api/v1/me", { headers: { ...admin.headers, [Access.tenantHeader]: "globex" } })
    expect(foreign.body).toMatchObject({ status: 400, errors: [{ path: ["headers", "crewline-tenant"] }] })
    const odd = await call("/api/v1/me", { headers: { ...localHeaders, [Access.tenantHeader]: "../etc" } })
    expect(odd.status).toBe(400)
  })
})

describe("a server on this machine only", { timeout: 60_000 }, () => {
  it("is open until there is a key, and never again", async () => {
    const open = await Server.start({ credentials: { local } })
    const me = (headers: Record<string, string> = {}) => Server.request(`${open.url}/api/v1/me`, { headers })
    const body = { tenant: "default", name: "anonymous", role: "admin", credential: "none" }
    expect((await me()).body).toMatchObject(body)
    // As long as no key exists, credentials are not checked.
    expect((await me({ authorization: "Bearer anything" })).body).toMatchObject(body)
    const made = await Server.request(`${open.url}/api/v1/keys`, { body: { name: "first", role: "admin" } })
    expect(made.status).toBe(201)
    expect((await me()).status).toBe(401)
    expect((await me({ authorization: `Bearer ${made.body.key}` })).body).toMatchObject({ tenant: "default" })
    const path = `${open.url}/api/v1/keys/${made.body.id}`
    await Server.request(path, { method: "DELETE", headers: { authorization: `Bearer ${made.body.key}` } })
    expect((await me()).status).toBe(401)
    expect((await me(localHeaders)).status).toBe(200)
    await open.stop()
  })

  it("closes connections opened without a key when the first key is created", async () => {
    const open = await Server.start()
    const socket = Socket.open(open.url, undefined)
    await new Promise((resolve) => socket.socket.on("open", resolve))
    const stream = await fetch(`${open.url}/api/v1/feed`, { headers: { accept: "text/event-stream" } })
    const { ticket } = (await Server.request(`${open.url}/api/v1/tickets`, { method: "POST" })).body
    await Server.request(`${open.url}/api/v1/keys`, { body: { name: "first", role: "admin" } })
    const made = performance.now()
    expect(await Socket.outcome(open.url, undefined, { query: `?ticket=${ticket}` })).toBe(401)
    expect((await socket.closed).code).toBe(4401)
    await stream.text()
    expect(performance.now() - made).toBeLessThan(1_000)
    await open.stop()
  })

  it("can be opened to everyone explicitly, and still recognizes keys", async () => {
    const open = await Server.start({ credentials: { mode: "none" } })
    const key = await Keys.make(open)
    const me = (headers: Record<string, string> = {}) => Server.request(`${open.url}/api/v1/me`, { headers })
    expect((await me()).body).toMatchObject({ tenant: "default", credential: "none" })
    expect((await me(key.headers)).body).toMatchObject({ tenant: "acme", credential: "key" })
    expect((await me({ authorization: "Bearer wrong" })).status).toBe(401)
    await open.stop()
  })
})

describe("a server that others can reach", { timeout: 60_000 }, () => {
  const listen = { host: "0.0.0.0", port: 0, allowedHosts: [] }

  it.each([undefined, "required"] as const)("does not start without a key (mode: %s)", async (mode) => {
    await expect(Server.start({ listen, credentials: { mode } })).rejects.toThrow(
      /HOST=0\.0\.0\.0 .* neither an API key nor .*crewline keys create .*CREWLINE_AUTH=none/
    )
  })

  it("includes one behind a proxy, whatever address it listens on", async () => {
    await expect(Server.start({ isBehindProxy: true })).rejects.toThrow(
      /CREWLINE_BEHIND_PROXY=true.* neither an API key nor .*crewline keys create .*CREWLINE_AUTH=none/
    )
    const closed = await Server.start({ isBehindProxy: true, credentials: { mode: "required", local } })
    expect((await Server.request(`${closed.url}/api/v1/me`)).status).toBe(401)
    await closed.stop()
  })

  it("starts if that is allowed explicitly", async () => {
    const open = await Server.start({ listen, credentials: { mode: "none" } })
    expect((await Server.request(`${open.url}/api/v1/crews`)).status).toBe(200)
    await open.stop()
  })
})
