/** A server and a worker whose database is behind a pooler in transaction mode. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import * as PgBouncer from "../../memory-pg/test/PgBouncer.ts"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as Process from "./Cli/Process.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import { ended, open, typesOf } from "./fake/Site.ts"

const missing = PgBouncer.missing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** A database that its owner has migrated, for a user that acts as the role, through the pooler. */
const pooled = Effect.gen(function* () {
  const url = yield* PostgresServer.emptyDatabase
  const { code } = yield* Effect.promise(() => Process.start(["migrate"], { env: { DATABASE_URL: url.href } }).ended)
  expect(code).toBe(0)
  return yield* PgBouncer.through(url, yield* PostgresServer.user)
})

describe.skipIf(missing !== undefined)(missing ?? "behind a pooler in transaction mode", { timeout: 120_000 }, () => {
  const scope = Effect.runSync(Scope.make())
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), 60_000)

  it("a server takes executions, a worker runs them, and readers see each event", async () => {
    const url = await Effect.runPromise(Scope.provide(pooled, scope))
    const site = await open({ DATABASE_URL: url.href })
    try {
      const [address] = await Promise.all([site.serve("--no-worker"), site.work("--concurrency", "2")])
      const crew = {
        name: "pooled",
        agents: { a: { role: "r", goal: "g", model: "openai/fake" } },
        tasks: {
          one: { description: "Do it.", expectedOutput: "text", agent: "a" },
          two: { description: "Do it.", expectedOutput: "text", agent: "a", context: ["one"] }
        }
      }
      const begun = await Promise.all(
        [1, 2, 3].map(() => Server.request(`${address}/api/v1/executions`, { body: { crew } }))
      )
      for (const { body, status } of begun) {
        expect(status).toBe(202)
        expect(await ended(address, body.id)).toMatchObject({ status: "completed" })
        expect((await typesOf(address, body.id)).at(-1)).toBe("ExecutionEnded")
      }
    } finally {
      await site.close()
    }
  })
})
