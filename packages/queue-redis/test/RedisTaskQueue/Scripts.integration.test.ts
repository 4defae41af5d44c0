/**
 * The contract on servers without functions: one that does not support them, and one that forbids
 * them.
 */
import { TaskQueueContract } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as RedisConnection from "../../src/RedisConnection.ts"
import * as QueueServer from "../QueueServer.ts"
import * as RedisProcess from "../RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined).each([
  ["knows none", 'rename-command FCALL ""'],
  ["forbids them", "user default on nopass ~* &* +@all -function|load"]
])(missing ?? "on a server that %s", (_, config) => {
  const scope = Scope.makeUnsafe("sequential")
  let redis: RedisProcess.RedisProcess

  beforeAll(async () => {
    redis = await Effect.runPromise(Scope.provide(RedisProcess.make({ config: [config] }), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  TaskQueueContract.suite(
    "Redis, by scripts",
    (limits) =>
      QueueServer.layer({
        ...limits,
        connection: Layer.unwrap(
          Effect.sync(() => RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${redis.port}`) }))
        )
      }),
    QueueServer
  )

  it("they were all evaluated", async () => {
    assert.strictEqual(await redis.cli("function", "list"), "")
    assert.match(await redis.cli("info", "commandstats"), /cmdstat_evalsha:calls=\d{2}/)
  })
})
