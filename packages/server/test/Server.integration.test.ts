/**
 * The server on a PostgreSQL server: two servers on one database, with and without notifications
 * between them.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Queue from "@crewline/server/Queue"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Database from "./fake/Database.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

const name = `crewline_server_${process.pid}`

describe.skipIf(Database.missing !== undefined)("two servers on one PostgreSQL", { timeout: 60_000 }, () => {
  let servers: ReadonlyArray<Server.Running> = []
  let calls = 0
  beforeAll(async () => {
    await Database.sql(`create database ${name}`)
    const options: Server.Options = {
      database: { kind: "server", url: Redacted.make(Database.urlOf(name)) },
      worker: { graceMillis: 0 },
      answer: (request) =>
        Effect.as(
          Effect.delay(
            Effect.sync(() => calls++),
            20
          ),
          `Done: ${request.caller?.taskId}.`
        )
    }
    servers = await Promise.all([Server.start(options), Server.start(options)])
  })
  afterAll(async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await Database.sql(`drop database if exists ${name} with (force)`)
  })

  const crew = {
    name: "wide",
    agents: { a: { role: "r", goal: "g" } },
    tasks: Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`t${n}`, { description: "d", expectedOutput: "e" }]))
  }

  it("share what is stored, and a follower at one sees what the other does", async () => {
    const [first, second] = servers as [Server.Running, Server.Running]
    const { body: stored } = await Server.request(`${first.url}/api/v1/crews`, { body: crew })
    expect((await Server.request(`${second.url}/api/v1/crews/${stored.id}`)).body).toEqual(stored)
    const starts = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        Server.request(`${servers[n % 2]!.url}/api/v1/executions`, {
          body: { crewId: stored.id },
          headers: { "idempotency-key": `key-${n % 3}` }
        })
      )
    )
    expect(new Set(starts.map(({ status }) => status))).toEqual(new Set([202]))
    const ids = [...new Set(starts.map(({ body }) => body.id))]
    expect(ids).toHaveLength(3)
    const followers = ids.flatMap((id) => [Socket.open(first.url, id), Socket.open(second.url, id)])
    for (const follower of followers) {
      expect((await follower.closed).code).toBe(1000)
      expect(follower.seqs()).toEqual(Socket.upTo(follower.seqs().at(-1)!))
    }
    expect(calls).toBe(3 * 8)
  })

  it("report which dependency is down, and that it may recover", async () => {
    const [first] = servers as [Server.Running, Server.Running]
    expect(await Server.request(`${first.url}/health/ready`)).toMatchObject({ status: 200 })
    await Database.sql(`drop database ${name} with (force)`)
    expect(await Server.request(`${first.url}/health/ready`)).toMatchObject({
      status: 503,
      body: { status: "not-ready", parts: { database: "failed", worker: "ok" } }
    })
    expect(await Server.request(`${first.url}/health/live`)).toMatchObject({ status: 200 })
    const failed = await Server.request(`${first.url}/api/v1/crews`)
    expect([500, 503]).toContain(failed.status)
    expect(JSON.stringify(failed.body)).not.toContain("postgres")
  })
})

// The environment is read once: set before the first server of this file.
vi.stubEnv("REDIS_URL", Redis.url)
const missing = Database.missing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)("servers without notifications between them", { timeout: 60_000 }, () => {
  const lonely = `${name}_lonely`
  let servers: ReadonlyArray<Server.Running> = []
  beforeAll(async () => {
    await Database.sql(`create database ${lonely}`)
    servers = await Promise.all(
      // Each on a separate channel.
      ["one", "two"].map((each) =>
        Server.start({
          database: { kind: "server", url: Redacted.make(Database.urlOf(lonely)) },
          queue: { ...Queue.local, events: "redis", prefix: `test-${lonely}-${each}` },
          answer: (request) => Effect.succeed(`Done: ${request.caller?.taskId}.`)
        })
      )
    )
  })
  afterAll(async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await Database.sql(`drop database if exists ${lonely} with (force)`)
  })

  it("still send every follower exactly 1 to n, wherever it reconnects", async () => {
    const [first, second] = servers as [Server.Running, Server.Running]
    const tasks = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [
        `t${n}`,
        { description: "d", expectedOutput: "e", ...(n > 0 && { context: [`t${n - 1}`] }) }
      ])
    )
    const { body } = await Server.request(`${first.url}/api/v1/executions`, {
      body: { crew: { name: "long", agents: { a: { role: "r", goal: "g" } }, tasks } }
    })
    const whole = Socket.open(second.url, body.id)
    const cut = Socket.open(second.url, body.id)
    await cut.until(({ seq }) => seq !== undefined)
    const last = cut.seqs().at(-1)!
    cut.socket.terminate()
    const back = Socket.open(second.url, body.id, last)
    expect((await whole.closed).code).toBe(1000)
    expect((await back.closed).code).toBe(1000)
    const { items } = (await Server.request(`${first.url}/api/v1/executions/${body.id}/events?limit=1000`)).body
    const seqs = items.map(({ seq }: { readonly seq: number }) => seq)
    expect(seqs).toEqual(Socket.upTo(seqs.length))
    expect(whole.seqs()).toEqual(seqs)
    expect([...cut.seqs().filter((seq) => seq <= last), ...back.seqs()]).toEqual(seqs)
    expect(whole.messages.some(({ type }) => type === "TextDelta")).toBe(false)
  })
})
