/**
 * What processes share beside tasks, on a Redis cluster, which rejects scripts whose keys are in
 * different slots.
 */
import * as BudgetStore from "@crewline/llm/BudgetStore"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as RedisProcess from "../../queue-redis/test/RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "on a cluster", () => {
  it.live("a call is checked against all of its budgets at once", () =>
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster()
      yield* Effect.gen(function* () {
        const store = yield* BudgetStore.makeRedis()
        const spent = { tokens: 0, requests: 0, nanoUsd: 0 }
        const entries = ["task:a", "execution:b", "tenant:c"].map((key) => ({ key, limit: { tokens: 100 }, spent }))
        const want = { inputTokens: 10, minOutputTokens: 10, maxOutputTokens: 70, inputNanoUsd: 0, outputNanoUsd: 0 }
        const first = yield* store.reserve({ want, entries })
        assert.deepInclude(first, { _tag: "Reserved", outputTokens: 70 })
        if (first._tag !== "Reserved") return
        assert.deepInclude(yield* store.reserve({ want: { ...want, minOutputTokens: 70 }, entries }), {
          _tag: "Refused"
        })
        yield* store.settle(first.reservation, { tokens: 20, requests: 1, nanoUsd: 0 })
        assert.deepInclude(yield* store.reserve({ want, entries }), { _tag: "Reserved", outputTokens: 70 })
      }).pipe(Effect.provide(RedisConnection.layer({ url: Redacted.make(`redis+cluster://127.0.0.1:${node.port}`) })))
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )
})
