/** Two servers on a Redis cluster whose replica takes over the slots under load. */
import * as Queue from "@crewline/server/Queue"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, it, vi } from "vitest"
import * as RedisProcess from "../../queue-redis/test/RedisProcess.ts"
import { missing as postgresMissing, sql, until, urlOf } from "./fake/Database.ts"
import * as Failovers from "./fake/Failovers.ts"
import * as Server from "./fake/Server.ts"

const name = `crewline_cluster_${process.pid}`
const missing = postgresMissing ?? RedisProcess.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)("Redis as a cluster", { timeout: 120_000 }, () => {
  const scope = Scope.makeUnsafe()
  const { answer, counts } = Failovers.counted()
  let nodes: readonly [RedisProcess.RedisProcess, RedisProcess.RedisProcess]
  let servers: ReadonlyArray<Server.Running> = []

  beforeAll(async () => {
    nodes = await Effect.runPromise(Scope.provide(RedisProcess.clusterOfTwo, scope))
    vi.stubEnv("REDIS_URL", `redis+cluster://127.0.0.1:${nodes[0].port},127.0.0.1:${nodes[1].port}`)
    await sql(`create database ${name}`)
    const options: Server.Options = {
      database: { kind: "server", url: Redacted.make(urlOf(name)) },
      queue: { ...Queue.local, kind: "redis", prefix: name },
      lease: Duration.seconds(2),
      worker: { graceMillis: 0 },
      answer
    }
    servers = await Promise.all([Server.start(options), Server.start(options)])
  }, 60_000)
  afterAll(async () => {
    await Promise.all(servers.map(({ stop }) => stop()))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    vi.unstubAllEnvs()
    await sql(`drop database if exists ${name} with (force)`)
  })

  const isReplica = async (node: RedisProcess.RedisProcess) =>
    (await node.cli("info", "replication")).includes("master_link_status:up")

  it("may fail over three times: every execution completes, and only answers in flight are paid twice", () =>
    Failovers.survive({
      servers,
      counts,
      failOver: async (time) => {
        const [primary, replica] = time % 2 === 0 ? nodes : [nodes[1], nodes[0]]
        await until("the replica is up to date", () => isReplica(replica))
        // The second time the primary dies; otherwise it stays alive, as after a network partition.
        if (time === 1) await primary.kill()
        await replica.cli("cluster", "failover", "takeover")
        if (time === 1) await primary.start()
        await until("the old primary follows", () => isReplica(primary))
      }
    }))
})
