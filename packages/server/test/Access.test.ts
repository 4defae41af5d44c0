/**
 * Every operation of the OpenAPI document and both kinds of connections that follow an execution,
 * by every kind of caller. A new operation is tried without a change here; a new kind of resource
 * needs one to be made in `resources`.
 */
import { isDeepStrictEqual } from "node:util"
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Access from "../src/Api/Access.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"
import { Statements } from "./fake/Statements.ts"

// Every tenant of this test runs crews on the model that all servers here have.
vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly access: Access.Access
}

const local = "the-credential-of-the-data-directory"
const provider = { name: "p", kind: "openai-compatible", baseUrl: "http://127.0.0.1:9/v1" }
const agents = { a: { role: "r", goal: "g" } }
const crew = { name: "c", agents, tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } } }

/**
 * What bodies must hold for a request to get as far as its resource; others are `{}`, and those of
 * PUT what GET has answered.
 */
const bodies: { readonly [operation: string]: unknown } = {
  "inbox.answer": { answer: "accept" },
  "executions.message": { text: "x", taskId: "t" },
  "memories.change": { pinned: false },
  "memories.explain": { query: "otters" }
}

/** Leaves a dead letter of all that executions are to remember. */
const forgetful = Layer.effect(
  Memory.Memory,
  Effect.map(Memory.Memory, (local) => ({
    ...local,
    remember: (entries) =>
      entries.some(({ source }) => source !== undefined)
        ? Effect.fail(new Memory.MemoryError({ operation: "remember", description: "no paper", isRetryable: false }))
        : local.remember(entries)
  }))
).pipe(Layer.provide(Memory.layerLocal))

const statements = new Statements()
let server: Server.Running
let operations: ReadonlyArray<Operation>
let acme: { readonly [Role in Access.Role]: Keys.Made }
let globex: Keys.Made
/** An id of each collection, of the tenant acme. */
let resources: { readonly [collection: string]: string }

const call = (path: string, options: Parameters<typeof Server.request>[1] = {}) =>
  Server.request(server.url + path, options)

beforeAll(async () => {
  server = await Server.start({
    observe: statements.layer,
    credentials: { mode: "required", local: { credential: Redacted.make(local), name: "me" } },
    masterKeys: { current: Redacted.make(Buffer.alloc(32).toString("base64")) },
    worker: { graceMillis: 0 },
    memory: forgetful
  })
  const { paths } = (await call("/openapi.json")).body
  operations = Object.entries<Record<string, { operationId: string; "x-crewline-access": Access.Access }>>(
    paths
  ).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      access: operation["x-crewline-access"]
    }))
  )
  const made = (role: Access.Role) => Keys.make(server, { role })
  acme = { viewer: await made("viewer"), operator: await made("operator"), admin: await made("admin") }
  globex = await Keys.make(server, { tenant: "globex" })
  const { headers } = acme.admin
  const create = async (path: string, body: unknown) => String((await call(path, { body, headers })).body.id)
  const execution = await create("/api/v1/executions", { crew })
  const { humanInput: _, ...forgotten } = crew.tasks.t
  await create("/api/v1/executions", { crew: { ...crew, memory: true, tasks: { t: forgotten } } })
  let row: string | undefined
  while (row === undefined) row = (await call("/api/v1/outbox?state=dead", { headers })).body.items[0]?.id
  let ask: string | undefined
  while (ask === undefined) ask = (await call("/api/v1/inbox?state=open", { headers })).body.items[0]?.id
  resources = {
    "/api/v1/crews": await create("/api/v1/crews", crew),
    "/api/v1/agents": await create("/api/v1/agents", { name: "a", role: "r", goal: "g" }),
    "/api/v1/llm-providers": await create("/api/v1/llm-providers", provider),
    "/api/v1/secrets": await create("/api/v1/secrets", { name: "s", value: "0123456789" }),
    "/api/v1/keys": acme.viewer.id,
    "/api/v1/executions": execution,
    "/api/v1/queue/dead-letters": execution,
    "/api/v1/inbox": ask,
    "/api/v1/memories": await create("/api/v1/memories", { text: "Otters hold hands." }),
    "/api/v1/outbox": row
  }
})
afterAll(() => server.stop())

const collectionOf = ({ path }: Operation) => path.slice(0, path.indexOf("/{id}"))
const at = ({ path }: Operation, id: string) => path.replace("{id}", id).replaceAll(/\{\w+\}/g, "x")

const send = ({ id, method, path }: Operation, target: string, headers: Record<string, string>, body?: unknown) =>
  call(target, {
    method,
    headers,
    ...(["POST", "PUT", "PATCH"].includes(method) && path !== "/api/v1/tickets" && { body: body ?? bodies[id] ?? {} })
  })

describe("every operation", { timeout: 120_000 }, () => {
  it("says what it asks for, and only the health of the process is public", () => {
    expect(operations.filter(({ access }) => access === undefined)).toEqual([])
    expect(operations.filter(({ access }) => access === "public").map(({ path }) => path)).toEqual([
      "/health/live",
      "/health/ready"
    ])
    expect(operations.length).toBeGreaterThan(40)
  })

  it("answers 401 to whoever shows no credential, or one that is forged, expired or revoked", async () => {
    const [expired, revoked] = [await Keys.make(server), await Keys.make(server)]
    await Keys.expire(server, expired)
    await Keys.revoke(server, revoked)
    const secret = acme.admin.key.slice(acme.admin.prefix.length)
    const forged = [
      {},
      { authorization: "Bearer nonsense" },
      { authorization: `Basic ${Buffer.from(`admin:${acme.admin.key}`).toString("base64")}` },
      { authorization: `Bearer ${globex.prefix}${secret}` },
      { authorization: `Bearer ${acme.admin.key}x` },
      { authorization: `Bearer ${local}x` },
      expired.headers,
      revoked.headers
    ]
    for (const operation of operations) {
      for (const headers of forged) {
        const { headers: answered, status } = await send(operation, at(operation, "none"), headers)
        expect(status === 401, `${operation.id} ${JSON.stringify(headers)}`).toBe(operation.access !== "public")
        if (status === 401) expect(answered.get("www-authenticate")).toBe("Bearer")
      }
    }
  })

  it("answers 403 to a role without its scope, and no other", async () => {
    for (const operation of operations) {
      for (const role of Access.roles) {
        const { body, status } = await send(operation, at(operation, "none"), acme[role].headers)
        const { access } = operation
        const isAllowed =
          access === "public" || access === "authenticated" || Access.scopesOf(role).some((scope) => scope === access)
        expect(status, `${operation.id} as ${role}`).not.toBe(401)
        expect(status === 403, `${operation.id} as ${role}`).toBe(!isAllowed)
        if (!isAllowed) expect(body).toMatchObject({ code: "forbidden", scope: access })
      }
    }
  })

  it("answers 404 for what is another tenant's, as for what is not there, after the same statements", async () => {
    for (const operation of operations.filter(({ path }) => path.includes("{id}"))) {
      const id = resources[collectionOf(operation)]
      if (id === undefined) throw new Error(`Make a resource of ${collectionOf(operation)} at the top of this test.`)
      const target = at(operation, id)
      const own = operation.method === "PUT" ? (await call(target, { headers: acme.admin.headers })).body : undefined
      const absentId = id.replace(/[0-9a-f]{4}(?=$|\/)/, "0000")
      const statementsOf = async (target: string) => {
        statements.take()
        const answer = await send(operation, target, globex.headers, own)
        return { answer, made: statements.take() }
      }
      const compare = async (times: number): Promise<{ foreign: Server.Answered; absent: Server.Answered }> => {
        const foreign = await statementsOf(target)
        const absent = await statementsOf(at(operation, absentId))
        // The server also does what nobody has asked for: once in a while, and not each time at the
        // same one of the two.
        if (times > 1 && !isDeepStrictEqual(foreign.made, absent.made)) return compare(times - 1)
        expect(foreign.made, operation.id).toEqual(absent.made)
        return { foreign: foreign.answer, absent: absent.answer }
      }
      const { absent, foreign } = await compare(4)
      expect(foreign.status, operation.id).toBe(404)
      const text = (answer: Server.Answered, id: string) =>
        JSON.stringify([answer.status, answer.body, answer.headers.get("content-type")]).replaceAll(id, "ID")
      expect(text(foreign, id), operation.id).toBe(text(absent, absentId))
    }
  })

  it("shows and counts nothing of another tenant", async () => {
    const { "/api/v1/outbox": _, ...named } = resources
    const ids = Object.values(named)
    // The audit log of globex has what globex has asked for above; one that has asked for nothing
    // is shown nothing.
    const initech = await Keys.make(server, { tenant: "initech" })
    for (const operation of operations) {
      if (operation.method !== "GET" || operation.path.includes("{") || operation.path === "/api/v1/me") continue
      const text = JSON.stringify((await send(operation, operation.path, initech.headers)).body)
      for (const id of [...ids, "acme"]) expect(text, operation.id).not.toContain(id)
    }
    const key = { "idempotency-key": "the-same" }
    const start = ({ headers }: Keys.Made) =>
      call("/api/v1/executions", { body: { crew }, headers: { ...headers, ...key } })
    const [first, second] = [await start(acme.operator), await start(globex)]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.body.id).not.toBe(first.body.id)
    const cursor = (await call("/api/v1/executions?limit=1", acme.viewer)).body.nextCursor
    expect((await call(`/api/v1/executions?cursor=${cursor}`, globex)).body).toEqual({ items: [] })
  })

  it("changes nothing of another tenant", async () => {
    for (const [collection, id] of Object.entries(resources)) {
      if (/inbox|outbox|dead-letters/.test(collection)) continue
      expect((await call(`${collection}/${id}`, acme.admin)).body).toMatchObject({ id })
    }
    const { items } = (await call("/api/v1/inbox?state=open", acme.viewer)).body
    expect(items.map((item: { id: string }) => item.id)).toContain(resources["/api/v1/inbox"])
  })
})

describe("connections that follow an execution", { timeout: 60_000 }, () => {
  const execution = () => resources["/api/v1/executions"]!
  const stream = async (id: string, options: { headers?: Record<string, string>; query?: string }) => {
    const response = await fetch(`${server.url}/api/v1/executions/${id}/events${options.query ?? ""}`, {
      headers: { accept: "text/event-stream", ...options.headers }
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    while (response.status === 200 && !text.includes("TaskSuspended")) {
      const { done, value } = await reader!.read()
      if (done) throw new Error(`The stream ended after ${text}`)
      text += value
    }
    await reader?.cancel()
    return response.status
  }
  const socket = (id: string, options: { headers?: Record<string, string>; query?: string }) =>
    Socket.outcome(server.url, id, options)

  it("are refused like requests", async () => {
    const expired = await Keys.make(server)
    await Keys.expire(server, expired)
    const deaf = await Keys.make(server, { scopes: ["crews:read"] })
    for (const open of [stream, socket]) {
      expect(await open(execution(), {})).toBe(401)
      expect(await open(execution(), { headers: { authorization: "Bearer x" } })).toBe(401)
      expect(await open(execution(), { headers: expired.headers })).toBe(401)
      expect(await open(execution(), { headers: deaf.headers })).toBe(403)
      expect(await open(execution(), { query: "?ticket=x" })).toBe(401)
    }
    for (const id of [execution(), "none"]) {
      expect(await stream(id, globex)).toBe(404)
      expect(await socket(id, globex)).toBe(4404)
    }
    // One who follows it does not open it to the others.
    const client = Socket.open(server.url, execution(), 0, acme.viewer.headers)
    await client.until(({ type }) => type === "TaskSuspended")
    expect(await socket(execution(), globex)).toBe(4404)
    client.socket.close()
  })

  it("are opened by a ticket, once and by nothing else", async () => {
    const ticket = async () => {
      const { body } = await call("/api/v1/tickets", { method: "POST", headers: acme.viewer.headers })
      expect(body.expiresInSeconds).toBe(30)
      return `?ticket=${body.ticket}`
    }
    const query = await ticket()
    expect((await call(`/api/v1/crews${query}`)).status).toBe(401)
    expect(await stream(execution(), { query })).toBe(200)
    expect(await stream(execution(), { query })).toBe(401)
    expect(await socket("none", { query: await ticket() })).toBe(4404)
    const [late, revoked] = [await ticket(), await Keys.make(server)]
    const { body } = await call("/api/v1/tickets", { method: "POST", headers: revoked.headers })
    await Keys.revoke(server, revoked)
    expect((await call("/api/v1/me", revoked)).status).toBe(401)
    expect(await stream(execution(), { query: `?ticket=${body.ticket}` })).toBe(401)
    expect(await stream(execution(), { query: late })).toBe(200)
  })

  it("that read the feed are refused and opened in the same way, and show nothing of another tenant", async () => {
    const deaf = await Keys.make(server, { scopes: ["crews:read"] })
    const feed = async ({ headers = {}, query = "" }: { headers?: Record<string, string>; query?: string }) => {
      const response = await fetch(`${server.url}/api/v1/feed${query}`, {
        headers: { accept: "text/event-stream", ...headers }
      })
      await response.body?.cancel()
      return response.status
    }
    const ticket = async () =>
      `?ticket=${(await call("/api/v1/tickets", { method: "POST", headers: acme.viewer.headers })).body.ticket}`
    for (const open of [feed, (options: object) => Socket.outcome(server.url, undefined, options)]) {
      expect(await open({})).toBe(401)
      expect(await open({ headers: { authorization: "Bearer x" } })).toBe(401)
      expect(await open({ query: "?ticket=x" })).toBe(401)
      expect(await open({ headers: deaf.headers })).toBe(403)
    }
    const query = await ticket()
    expect(await feed({ query })).toBe(200)
    expect(await feed({ query })).toBe(401)
    expect(await Socket.outcome(server.url, undefined, { query: `${await ticket()}&after=x` })).toBe(4400)
    await call("/api/v1/executions", { body: { crew }, headers: globex.headers })
    const socket = Socket.open(server.url, undefined, undefined, globex.headers)
    await socket.until(() => true)
    for (const { executionId } of socket.messages) expect(executionId).not.toBe(execution())
    socket.socket.close()
  })

  it("refuse feed cursors of another tenant, cut or forged, all alike", async () => {
    const { cursor } = (await call("/api/v1/feed?limit=1", acme.viewer)).body.items[0]
    const { body } = await call("/api/v1/executions", { body: { crew }, headers: globex.headers })
    const own = (await call(`/api/v1/feed?executionId=${body.id}&limit=1`, globex)).body.nextAfter
    expect((await call(`/api/v1/feed?after=${own}`, globex)).status).toBe(200)
    const last = own.at(-1) === "A" ? "B" : "A"
    const wrong = [cursor, own.slice(0, -1), own.slice(0, -1) + last, "MTAwMDAwMC4xLjE", "A".repeat(own.length)]
    const answers = new Set<string>()
    for (const after of wrong) {
      const page = await call(`/api/v1/feed?after=${after}`, globex)
      const headers = { ...globex.headers, accept: "text/event-stream", "last-event-id": after }
      const stream = await fetch(`${server.url}/api/v1/feed`, { headers })
      const code = await Socket.outcome(server.url, undefined, { query: `?after=${after}`, headers: globex.headers })
      expect([page.status, stream.status, code], after).toEqual([400, 400, 4400])
      const { detail, errors } = (await stream.json()) as typeof page.body
      answers.add(JSON.stringify([page.body.detail, page.body.errors, detail, errors]))
    }
    expect([...answers]).toHaveLength(1)
  })

  it("take answers only from those who may answer", async () => {
    const answers = async ({ headers }: Keys.Made) => {
      const client = Socket.open(server.url, execution(), 0, headers)
      await client.until(({ type }) => type === "TaskSuspended")
      client.socket.send(JSON.stringify({ type: "answer", id: resources["/api/v1/inbox"], answer: "accept" }))
      const reply = await client.until(({ type }) => type.startsWith("Answer"))
      client.socket.close()
      return reply
    }
    expect(await answers(acme.viewer)).toMatchObject({ type: "AnswerRefused", problem: { code: "forbidden" } })
    expect(await answers(acme.operator)).toMatchObject({
      type: "AnswerAccepted",
      ask: { answeredBy: { name: "operator of acme", role: "operator" } }
    })
  })
})
