/**
 * Two servers on a Redis server that is demoted under load or lost: starts do not wait for it, and
 * no work is lost.
 */
import * as Queue from "@crewline/server/Queue"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as RedisProcess from "../../queue-redis/test/RedisProcess.ts"
import { missing as postgresMissing, sql, until, urlOf } from "./fake/Database.ts"
import { start } from "./fake/Chain.ts"
import * as Failovers from "./fake/Failovers.ts"
import * as Front from "./fake/Front.ts"
import * as Server from "./fake/Server.ts"

const prefix = `crewline_failover_${process.pid}`
const missing = postgresMissing ?? RedisProcess.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

// The environment is read once: set before the first server of this file.
const front = await Front.open()
vi.stubEnv("REDIS_URL", `redis://127.0.0.1:${front.port}`)

const ready = ({ url }: Server.Running) => Server.request(`${url}/health/ready`)

describe.skipIf(missing !== undefined)("Redis", { timeout: 120_000 }, () => {
  const name = `${prefix}_redis`
  const scope = Scope.makeUnsafe()
  const redis = () => Effect.runPromise(Scope.provide(RedisProcess.make(), scope))
  let nodes: ReadonlyArray<RedisProcess.RedisProcess> = []
  let servers: ReadonlyArray<Server.Running> = []
  const { answer, counts } = Failovers.counted()

  beforeAll(async () => {
    nodes = [await redis(), await redis()]
    front.pointAt(nodes[0]!.port)
    await nodes[1]!.cli("replicaof", "127.0.0.1", String(nodes[0]!.port))
    await sql(`create database ${name}`)
    const options: Server.Options = {
      database: { kind: "server", url: Redacted.make(urlOf(name)) },
      queue: { ...Queue.local, kind: "redis", prefix },
      lease: Duration.seconds(2),
      worker: { graceMillis: 0 },
      answer
    }
    servers = await Promise.all([Server.start(options), Server.start(options)])
  })
  afterAll(async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await front.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
    vi.unstubAllEnvs()
    await sql(`drop database if exists ${name} with (force)`)
  })

  /**
   * The replica becomes the primary, the address leads to it, and the former primary follows it:
   * existing connections stay open.
   */
  const failOver = async (from: RedisProcess.RedisProcess, to: RedisProcess.RedisProcess) => {
    await to.cli("replicaof", "no", "one")
    front.pointAt(to.port)
    await from.cli("replicaof", "127.0.0.1", String(to.port))
  }

  const outcome = (id: string) => Failovers.outcome(servers[0]!, id)

  it("may be demoted three times under load: every execution completes, and only answers in flight are paid twice", () => {
    const [first, second] = nodes as [RedisProcess.RedisProcess, RedisProcess.RedisProcess]
    return Failovers.survive({
      servers,
      counts,
      failOver: (time) => (time === 1 ? failOver(second, first) : failOver(first, second))
    })
  })

  it("that has lost all data receives it again", async () => {
    const ids = await Promise.all(servers.map(async (server) => (await start(server)).body.id as string))
    await nodes[1]!.cli("flushall")
    await until("done", async () => (await Promise.all(ids.map(outcome))).every((status) => status === "completed"), 60)
  })

  it("that is down blocks no start; readiness and the queue report it; started executions run after recovery", async () => {
    const [server] = servers as [Server.Running]
    const primary = nodes[1]!
    await primary.kill()
    const started = await start(server)
    expect(started.status).toBe(202)
    await until("not ready", async () => (await ready(server)).status === 503)
    expect((await ready(server)).body).toMatchObject({
      parts: { database: "ok", redis: "failed", worker: "failed" },
      outages: [{ part: "redis", stillWorks: expect.stringContaining("accepted"), since: expect.any(String) }]
    })
    for (const path of ["workers", "queue"]) {
      expect(await Server.request(`${server.url}/api/v1/${path}`)).toMatchObject({
        status: 503,
        body: { code: "unavailable" }
      })
    }
    await primary.start()
    await until("ready", async () => (await ready(server)).status === 200)
    await until("done", async () => (await outcome(started.body.id)) === "completed", 60)
  })
})
