/**
 * Limiting: how many executions of a tenant may be unfinished at once.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect(
    "a start over the limit of a tenant is refused until an execution ends, unless it repeats an existing one",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [one, other] = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
        const key = yield* Story.fresh("key")
        const id = yield* Story.fresh("execution")
        const start = (name: string, tenant = one, maxUnfinished = 2) =>
          log
            .start(`${id}-${name}`, Story.executionStarted(), {
              maxUnfinished,
              ...(name === "keyed" && { idempotency: { key, requestHash: "hash" } })
            })
            .pipe(
              Effect.map(({ existing }) => (existing ? "existing" : "started")),
              Effect.catchReason("EventLogError", "TooManyUnfinished", ({ limit }) => Effect.succeed(limit)),
              Story.inTenant(tenant)
            )
        const together = yield* Effect.all([start("keyed"), start("b"), start("c"), start("d")], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(together.filter((one) => one === 2).length, 2)
        assert.strictEqual(yield* start("keyed", one, 9), together[0] === 2 ? "started" : "existing")
        assert.strictEqual(yield* start("keyed"), "existing")
        assert.strictEqual(yield* start("e"), 2)
        assert.strictEqual(yield* start("e", other), "started")
        const standing = yield* Story.inTenant(one)(log.list())
        for (const { id } of standing) yield* Story.inTenant(one)(log.append(id, [Story.ended("cancelled")]))
        assert.strictEqual(yield* start("f"), "started")
        assert.strictEqual((yield* Story.reasonOf(Story.inTenant(one)(log.read(`${id}-e`))))._tag, "UnknownExecution")
      })
  )
}
