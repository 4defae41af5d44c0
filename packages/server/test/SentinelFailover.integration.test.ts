/** Two servers on a Redis server behind a sentinel that changes the primary under load. */
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

const name = `crewline_sentinel_${process.pid}`
const missing = postgresMissing ?? RedisProcess.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)("Redis behind a sentinel", { timeout: 120_000 }, () => {
  const scope = Scope.makeUnsafe()
  const inScope = <A>(effect: Effect.Effect<A, never, Scope.Scope>) => Effect.runPromise(Scope.provide(effect, scope))
  const { answer, counts } = Failovers.counted()
  let sentinel: RedisProcess.RedisProcess
  let servers: ReadonlyArray<Server.Running> = []

  /** The port of the primary, once a replica is ready to follow it. */
  const settled = async (): Promise<string | undefined> => {
    const port = (await sentinel.cli("sentinel", "get-master-addr-by-name", "main")).split("\n")[1]
    const replicas = await sentinel.cli("sentinel", "replicas", "main")
    return replicas.includes("master-link-status\nok") && replicas.includes("flags\nslave\n") ? port : undefined
  }

  beforeAll(async () => {
    const first = await inScope(RedisProcess.make({ config: ["repl-diskless-sync-delay 0"] }))
    const config = [`replicaof 127.0.0.1 ${first.port}`, "repl-diskless-sync-delay 0"]
    await inScope(RedisProcess.make({ config }))
    sentinel = await inScope(
      RedisProcess.sentinelOf(first, {
        config: ["sentinel down-after-milliseconds main 1000", "sentinel failover-timeout main 2000"]
      })
    )
    // Otherwise its information about the servers is up to ten seconds old.
    await sentinel.cli("sentinel", "debug", "info-period", "200")
    await until("the replica is known", async () => (await settled()) !== undefined, 30)
    vi.stubEnv("REDIS_URL", `redis+sentinel://127.0.0.1:${sentinel.port}/main`)
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

  it("may fail over three times: every execution completes, and only answers in flight are paid twice", () =>
    Failovers.survive({
      servers,
      counts,
      failOver: async () => {
        const before = await settled()
        await sentinel.cli("sentinel", "failover", "main")
        // Ready for the next failover: another server is the primary, and the old one follows it.
        await until("another is the primary", async () => ![undefined, before].includes(await settled()), 30)
      }
    }))
})
