/** Limits of requests that two servers share over Redis, and what happens when Redis goes away. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Front from "./fake/Front.ts"
import * as Keys from "./fake/Keys.ts"
import * as Postgres from "./fake/Database.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import * as Redacted from "effect/Redacted"

const missing = Postgres.missing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const name = `crewline_limits_${process.pid}`
const front = await Front.open()
front.pointAt(Number(new URL(Redis.url).port || 6379))
// The environment is read once: before the first server of this file.
vi.stubEnv("REDIS_URL", `redis://127.0.0.1:${front.port}`)
vi.stubEnv("CREWLINE_REDIS_PREFIX", `test-${name}`)
// Executions that wait for a person count until cancelled. Without a model they would fail.
vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(async () => {
  vi.unstubAllEnvs()
  await front.close()
})

describe.skipIf(missing !== undefined)("limits of two servers", { timeout: 60_000 }, () => {
  let servers: ReadonlyArray<Server.Running> = []
  beforeAll(async () => {
    await Postgres.sql(`create database ${name}`)
    const start = () =>
      Server.start({
        database: { kind: "server", url: Redacted.make(Postgres.urlOf(name)) },
        credentials: { mode: "required" },
        rateLimits: { keyPerMinute: 30 },
        maxUnfinished: 3,
        worker: { graceMillis: 0 }
      })
    servers = [await start(), await start()]
  })
  afterAll(async () => {
    for (const server of servers) await server.stop()
    await Postgres.sql(`drop database if exists ${name} with (force)`)
    await Redis.use((redis) =>
      redis.send(
        "EVAL",
        "for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end",
        "0",
        `test-${name}*`
      )
    )
  })

  it("of executions at once are not passed by starts of both at the same moment", async () => {
    const agents = { a: { role: "r", goal: "g" } }
    const crew = { name: "c", agents, tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } } }
    for (const tenant of ["many-1", "many-2", "many-3"]) {
      const { headers } = await Keys.make(servers[0]!, { tenant })
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          Server.request(`${servers[n % 2]!.url}/api/v1/executions`, { body: { crew }, headers })
        )
      )
      const started = answers.filter(({ status }) => status === 202)
      const { body: list } = await Server.request(`${servers[0]!.url}/api/v1/executions`, { headers })
      expect(started, JSON.stringify(list)).toHaveLength(3)
      expect(answers.filter(({ body }) => body.code === "too-many-executions")).toHaveLength(17)
      for (const item of list.items) expect(item.endedAt, JSON.stringify(item)).toBeUndefined()
      for (const { body } of started)
        await Server.request(`${servers[0]!.url}/api/v1/executions/${body.id}/cancel`, { method: "POST", headers })
    }
  })

  it("are one, and let requests through while Redis does not answer", async () => {
    const { headers } = await Keys.make(servers[0]!)
    const statuses: Array<number> = []
    for (let time = 0; time < 60; time++)
      statuses.push((await Server.request(`${servers[time % 2]!.url}/api/v1/crews`, { headers })).status)
    const allowed = statuses.filter((status) => status === 200).length
    expect(allowed).toBeGreaterThanOrEqual(30)
    // What a minute gives back while the test runs.
    expect(allowed).toBeLessThan(45)
    expect(statuses.filter((status) => status === 429).length).toBe(60 - allowed)

    await front.close()
    const began = performance.now()
    for (let time = 0; time < 20; time++)
      expect((await Server.request(`${servers[0]!.url}/api/v1/crews`, { headers })).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
