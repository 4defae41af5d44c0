/**
 * What is kept of executions on PostgreSQL and Redis: outputs that a retry takes over, and nothing
 * after they expired.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import * as Llm from "@crewline/core/Llm"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Retention from "../src/Retention.ts"
import * as Storage from "./crash/Storage.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import * as Socket from "./fake/Socket.ts"

const missing = Storage.postgresMissing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Larger than what is stored in the event, and with characters that databases reject. */
const large = "ü\u0000 🦦".repeat(50_000)

describe.skipIf(missing !== undefined)(missing ?? "on PostgreSQL and Redis", { timeout: 120_000 }, () => {
  const prefix = `test-${process.pid}-${Math.random().toString(36).slice(2)}`
  let storage: Storage.Storage
  let server: Server.Running
  let isGood = false
  let asked: Array<string> = []
  beforeAll(async () => {
    storage = await Storage.postgres()
    vi.stubEnv("REDIS_URL", Redis.url)
    server = await Server.start({
      database: { kind: "server", url: Redacted.make(storage.env["DATABASE_URL"]!) },
      queue: { kind: "redis", events: "postgres", lanes: {}, buckets: 1, prefix },
      answer: (request) => {
        const task = request.caller!.taskId
        asked.push(task)
        if (task === "gather") return Effect.succeed(large)
        return isGood
          ? Effect.succeed(`Done: ${task}.`)
          : Effect.fail(
              new Llm.LlmError({ model: "fake/model", reason: new Llm.InvalidRequest({ description: "no" }) })
            )
      }
    })
  }, 60_000)
  afterAll(async () => {
    await server.stop()
    await storage.dispose()
    vi.unstubAllEnvs()
    await Redis.clear(prefix)
  }, 60_000)

  const rows = () =>
    Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql`select (select count(*) from crewline_execution)::int as executions,
        (select count(*) from crewline_event)::int as events, (select count(*) from crewline_blob)::int as blobs`
    ).pipe(
      Effect.provide(Postgres.layer({ url: Redacted.make(storage.env["DATABASE_URL"]!), maxConnections: 1 })),
      Effect.runPromise
    )

  const crew = {
    name: "brief",
    agents: { a: { role: "r", goal: "g" } },
    tasks: {
      gather: { description: "d", expectedOutput: "e" },
      write: { description: "d", expectedOutput: "e", context: ["gather"] }
    }
  }

  const call = (path: string, options?: Parameters<typeof Server.request>[1]) =>
    Server.request(`${server.url}/api/v1/${path}`, options)

  it("a retry takes over a large output unchanged; after expiry both stores are empty", async () => {
    const { body: first } = await call("executions", { body: { crew } })
    await Socket.open(server.url, first.id).closed
    const failed = (await call(`executions/${first.id}`)).body
    expect(failed).toMatchObject({ status: "failed", tasks: { gather: { status: "completed" } } })
    expect(failed.tasks.gather.output === large).toBe(true)

    asked = []
    isGood = true
    const crewline = Context.get(server.services, Crewline.Crewline)
    const again = await Effect.runPromise(crewline.retry(first.id))
    expect(await Effect.runPromise(again.result)).toMatchObject({ output: "Done: write." })
    expect(asked).toEqual(["write"])
    const second = (await call(`executions/${again.id}`)).body
    expect(second).toMatchObject({ status: "completed", retryOf: first.id, tasks: { gather: { reused: true } } })
    expect(second.tasks.gather.output === large).toBe(true)
    expect(await rows()).toMatchObject([{ executions: 2, blobs: expect.any(Number) }])

    // The source may be deleted: outputs that were taken over are independent of it.
    expect(await call(`executions/${first.id}`, { method: "DELETE" })).toMatchObject({ status: 204 })
    expect((await call(`executions/${again.id}`)).body.tasks.gather.output === large).toBe(true)
    expect(await call(`queue/dead-letters/${first.id}/retry`, { method: "POST" })).toMatchObject({ status: 410 })

    expect(await Effect.runPromiseWith(server.services)(Retention.pass(Duration.zero))).toBe(1)
    expect(await rows()).toEqual([{ executions: 0, events: 0, blobs: 0 }])
    await server.stop()
    const kept = await Redis.use((client) =>
      Effect.gen(function* () {
        const keys = yield* client.send<ReadonlyArray<string>>("KEYS", `{${prefix}:*`)
        return yield* Effect.filter(keys, (key) => Effect.map(client.send<number>("PTTL", key), (ttl) => ttl === -1))
      })
    )
    expect(kept).toEqual([])
  })
})
