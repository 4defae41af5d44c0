/** How many requests and executions callers and tenants may have. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

const agents = { a: { role: "r", goal: "g" } }
const crew = { name: "c", agents, tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } } }

describe("requests", { timeout: 30_000 }, () => {
  let server: Server.Running
  beforeAll(async () => {
    server = await Server.start({
      credentials: { mode: "required" },
      rateLimits: { keyPerMinute: 60, tenantPerMinute: 90 }
    })
  })
  afterAll(() => server.stop())
  const get = ({ headers }: Keys.Made) => Server.request(`${server.url}/api/v1/crews`, { headers })

  it("of a key and of a tenant are limited, and every answer says what is left", async () => {
    const [first, second] = [await Keys.make(server), await Keys.make(server)]
    const globex = await Keys.make(server, { tenant: "globex" })
    const answer = await get(first)
    expect(answer.status).toBe(200)
    expect(answer.headers.get("ratelimit-policy")).toBe('"key";q=60;w=60, "tenant";q=90;w=60')
    expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=59;t=[12], "tenant";r=89;t=[12]$/)
    let refused = await get(first)
    while (refused.status === 200) refused = await get(first)
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "rate-limited", type: "/problems/rate-limited", limit: "key", retryAfterSeconds: 1 }
    })
    expect(refused.headers.get("retry-after")).toBe("1")
    expect(refused.headers.get("ratelimit")).toBe('"key";r=0;t=1')

    // Another key of the tenant has its own share, and what is left of the tenant's.
    let others = 0
    for (refused = await get(second); refused.status === 200; refused = await get(second)) others++
    expect(refused.body).toMatchObject({ code: "rate-limited", limit: "tenant" })
    expect(others).toBeGreaterThanOrEqual(25)
    expect(others).toBeLessThan(60)
    expect((await get(globex)).status).toBe(200)

    // A socket is a request too.
    expect(await Socket.outcome(server.url, "none", second)).toBe(429)

    // As soon as it says.
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect((await get(first)).status).toBe(200)
  })

  it("that show no credential that is good count for nobody", async () => {
    const victim = await Keys.make(server, { tenant: "victim" })
    const forged = { headers: { authorization: `Bearer ${victim.prefix}_${"x".repeat(43)}` } }
    for (let time = 0; time < 100; time++)
      expect((await Server.request(`${server.url}/api/v1/crews`, forged)).status).toBe(401)
    expect((await get(victim)).headers.get("ratelimit")).toMatch(/^"key";r=59;/)
  })
})

it("with wrong credentials are few from one address, on sockets too, and a key in use is not among them", async () => {
  const server = await Server.start({ credentials: { mode: "required" } })
  const known = await Keys.make(server)
  const get = (key: string) =>
    Server.request(`${server.url}/api/v1/crews`, { headers: { authorization: `Bearer ${key}` } })
  expect((await get(known.key)).status).toBe(200)
  const secret = "x".repeat(43)
  const answers = await Promise.all(
    Array.from({ length: 80 }, (_, n) => get(`crewline_${String(n).padStart(12, "0")}_${secret}`))
  )
  expect(answers.filter(({ status }) => status === 401).length).toBeGreaterThanOrEqual(60)
  // The same for an unknown key, a wrong secret of a known one, and a ticket.
  for (const key of [`crewline_${"f".repeat(12)}_${secret}`, `${known.prefix}_${secret}`]) {
    const refused = await get(key)
    expect(refused).toMatchObject({ status: 429, body: { code: "rate-limited", limit: "address" } })
    expect(refused.headers.get("retry-after")).toBe("1")
  }
  const options = { headers: { authorization: `Bearer crewline_${"e".repeat(12)}_${secret}` } }
  expect(await Socket.outcome(server.url, undefined, options)).toBe(429)
  expect(await Socket.outcome(server.url, undefined, { query: `?ticket=${secret}` })).toBe(429)
  expect((await get(known.key)).status).toBe(200)
  await server.stop()
})

it("are not limited unless it is configured", async () => {
  const server = await Server.start()
  const { headers, status } = await Server.request(`${server.url}/api/v1/crews`)
  expect([status, headers.get("ratelimit"), headers.get("ratelimit-policy")]).toEqual([200, null, null])
  await server.stop()
})

describe("executions", { timeout: 30_000 }, () => {
  let server: Server.Running
  let acme: Keys.Made
  beforeAll(async () => {
    server = await Server.start({ credentials: { mode: "required" }, maxUnfinished: 2, worker: { graceMillis: 0 } })
    acme = await Keys.make(server)
  })
  afterAll(() => server.stop())
  const post = (path: string, body: unknown, { headers }: Keys.Made = acme, more: Record<string, string> = {}) =>
    Server.request(`${server.url}/api/v1${path}`, { body, headers: { ...headers, ...more } })

  it("of a tenant are limited that have not ended, however many start at once", async () => {
    const together = await Promise.all(Array.from({ length: 8 }, () => post("/executions", { crew })))
    const started = together.filter(({ status }) => status === 202).map(({ body }) => String(body.id))
    expect(started).toHaveLength(2)
    for (const { body, status } of together)
      if (status !== 202) expect([status, body.code, body.limit]).toEqual([429, "too-many-executions", 2])
    // Those of others do not count.
    expect((await post("/executions", { crew }, await Keys.make(server, { tenant: "globex" }))).status).toBe(202)

    expect((await post(`/executions/${started[0]}/cancel`, {})).status).toBe(202)
    const keyed = () => post("/executions", { crew }, acme, { "idempotency-key": "k" })
    const third = await keyed()
    expect(third.status).toBe(202)
    // One that stands is not one more.
    expect(await keyed()).toMatchObject({ status: 202, body: { id: third.body.id } })
    expect(await post(`/queue/dead-letters/${started[0]}/retry`, {})).toMatchObject({
      status: 429,
      body: { code: "too-many-executions" }
    })
    await post(`/executions/${third.body.id}/cancel`, {})
    expect((await post(`/queue/dead-letters/${started[0]}/retry`, {})).status).toBe(202)
  })
})
