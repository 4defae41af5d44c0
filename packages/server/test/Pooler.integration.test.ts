/**
 * A server and a worker behind a pooler in transaction mode: no connection of theirs can listen,
 * keep a role or a prepared statement.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as PgBouncer from "../../memory-pg/test/PgBouncer.ts"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as Process from "./Cli/Process.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"
import { ended, open, type Site } from "./fake/Site.ts"
import * as Socket from "./fake/Socket.ts"

const missing = PgBouncer.missing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const crew = {
  name: "pooled",
  agents: { a: { role: "r", goal: "g", model: "openai/fake" } },
  tasks: {
    first: { description: "Do it.", expectedOutput: "text", agent: "a" },
    second: { description: "Do it.", expectedOutput: "text", agent: "a", context: ["first"] }
  }
}

describe.skipIf(missing !== undefined)(missing ?? "behind a pooler in transaction mode", { timeout: 120_000 }, () => {
  const scope = Scope.makeUnsafe()
  let site: Site
  beforeAll(async () => {
    const within = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Scope.provide(effect, scope))
    const direct = await within(PostgresServer.emptyDatabase)
    const migrated = await Process.start(["migrate"], { env: { DATABASE_URL: direct.href } }).ended
    expect(migrated).toMatchObject({ code: 0 })
    // The migration has made the role that the user acts as.
    const pooled = await within(Effect.flatMap(PostgresServer.user, (user) => PgBouncer.through(direct, user)))
    site = await open({ DATABASE_URL: pooled.href })
  }, 120_000)
  afterAll(async () => {
    await site?.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }, 60_000)

  it("a worker runs an execution that a server accepted, and clients follow it to its end", async () => {
    const [url] = await Promise.all([site.serve("--no-worker"), site.work("--concurrency", "4")])
    const count = 8
    for (let n = 0; n < count * 2; n++) void site.gates.next("none").then((call) => call.answer("done"))
    const ids = await Promise.all(
      Array.from({ length: count }, async () => {
        const { body, status } = await Server.request(`${url}/api/v1/executions`, { body: { crew } })
        expect(status).toBe(202)
        return String(body.id)
      })
    )
    const followers = ids.map((id) => Socket.open(url, id))
    for (const id of ids) expect(await ended(url, id)).toMatchObject({ status: "completed" })
    for (const follower of followers) {
      await follower.until(({ type }) => type === "ExecutionEnded")
      const seqs = follower.seqs()
      expect(seqs).toEqual(seqs.map((_, index) => index + 1))
      follower.socket.terminate()
    }
  })
})
