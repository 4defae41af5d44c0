/**
 * Two servers on one PostgreSQL: what one of them does with a key takes effect on the other within
 * a second, on open connections too.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Redacted from "effect/Redacted"
import * as Postgres from "./fake/Database.ts"
import * as Keys from "./fake/Keys.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

// Every tenant of this test runs crews on the model shared by all servers here.
vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

if (Postgres.missing !== undefined) console.warn(`Skipped: ${Postgres.missing}`)

const crew = {
  name: "c",
  agents: { a: { role: "r", goal: "g" } },
  tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } }
}

describe.skipIf(Postgres.missing !== undefined)("API keys of two servers", { timeout: 60_000 }, () => {
  const name = `crewline_keys_${process.pid}`
  let one: Server.Running
  let other: Server.Running
  beforeAll(async () => {
    await Postgres.sql(`create database ${name}`)
    const database = { kind: "server", url: Redacted.make(Postgres.urlOf(name)) } as const
    one = await Server.start({ database, worker: { graceMillis: 0 } })
    other = await Server.start({ database, worker: { graceMillis: 0 } })
  }, 60_000)
  afterAll(async () => {
    await one.stop()
    await other.stop()
    await Postgres.sql(`drop database if exists ${name} with (force)`)
  })

  const me = (server: Server.Running, headers: Record<string, string> = {}) =>
    Server.request(`${server.url}/api/v1/me`, { headers })

  it("close both, revoke on both, and disconnect clients on both", async () => {
    expect((await me(other)).status).toBe(200)
    const admin = await Keys.make(one)
    expect((await me(one)).status).toBe(401)
    while ((await me(other)).status !== 401);

    const key = await Keys.make(one, { role: "viewer" })
    const { body: execution } = await Server.request(`${one.url}/api/v1/executions`, {
      body: { crew },
      headers: admin.headers
    })
    const follow = async (server: Server.Running) => {
      const socket = Socket.open(server.url, execution.id, 0, key.headers)
      await socket.until(({ type }) => type === "TaskSuspended")
      const stream = await fetch(`${server.url}/api/v1/executions/${execution.id}/events`, {
        headers: { accept: "text/event-stream", ...key.headers }
      })
      expect(stream.status).toBe(200)
      return { closed: socket.closed, ended: stream.text() }
    }
    const followFeed = async (server: Server.Running) => {
      const socket = Socket.open(server.url, undefined, undefined, key.headers)
      await socket.until(({ type }) => type === "TaskSuspended")
      const stream = await fetch(`${server.url}/api/v1/feed`, {
        headers: { accept: "text/event-stream", ...key.headers }
      })
      expect(stream.status).toBe(200)
      return { closed: socket.closed, ended: stream.text() }
    }
    const following = await Promise.all([follow(one), follow(other), followFeed(one), followFeed(other)])
    // A connection of another key stays open.
    const staying = Socket.open(other.url, execution.id, 0, admin.headers)
    await staying.until(({ type }) => type === "TaskSuspended")

    // In use on both until the end.
    for (const server of [one, other]) expect((await me(server, key.headers)).status).toBe(200)
    await Server.request(`${one.url}/api/v1/keys/${key.id}`, { method: "DELETE", headers: admin.headers })
    const revoked = performance.now()
    const refused = Promise.all(
      [one, other].map(async (server) => {
        while ((await me(server, key.headers)).status !== 401);
        return performance.now() - revoked
      })
    )
    for (const { closed, ended } of following) {
      expect((await closed).code).toBe(4401)
      expect(await ended).toContain("TaskSuspended")
    }
    // Open connections are closed by a check every 0.4 seconds.
    expect(performance.now() - revoked).toBeLessThan(1_000)
    for (const millis of await refused) expect(millis).toBeLessThan(1_000)
    expect(staying.socket.readyState).toBe(staying.socket.OPEN)
    staying.socket.close()
  })

  it("are replaced on both: the old one works for the overlap, and no longer, on open connections too", async () => {
    const admin = await Keys.make(one)
    const old = await Keys.make(one)
    const { body: execution } = await Server.request(`${one.url}/api/v1/executions`, {
      body: { crew },
      headers: admin.headers
    })
    const socket = Socket.open(other.url, execution.id, 0, old.headers)
    await socket.until(({ type }) => type === "TaskSuspended")
    const rotated = await Server.request(`${one.url}/api/v1/keys/${old.id}/rotate`, {
      body: { overlap: "2s" },
      headers: admin.headers
    })
    const at = performance.now()
    const fresh = { authorization: `Bearer ${rotated.body.key}` }
    for (const server of [one, other])
      for (const headers of [old.headers, fresh]) expect((await me(server, headers)).status).toBe(200)
    expect((await socket.closed).code).toBe(4401)
    expect(performance.now() - at).toBeGreaterThan(1_500)
    expect(performance.now() - at).toBeLessThan(3_000)
    for (const server of [one, other]) {
      expect((await me(server, old.headers)).status).toBe(401)
      expect((await me(server, fresh)).status).toBe(200)
    }
  })

  it("are read once for all concurrent requests", async () => {
    const key = await Keys.make(one)
    const answers = await Promise.all(Array.from({ length: 20 }, () => me(other, key.headers)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  })

  it("end connections when they expire", async () => {
    const admin = await Keys.make(one)
    const brief = await Keys.make(one, { expires: "2s" })
    const { body: execution } = await Server.request(`${one.url}/api/v1/executions`, {
      body: { crew },
      headers: admin.headers
    })
    const socket = Socket.open(other.url, execution.id, 0, brief.headers)
    await socket.until(({ type }) => type === "TaskSuspended")
    expect((await socket.closed).code).toBe(4401)
    expect((await me(other, brief.headers)).status).toBe(401)
  })
})
