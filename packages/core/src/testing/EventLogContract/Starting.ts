/**
 * Starting: the first event, and idempotency keys.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect("start stores the first event with its seq and time", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      const started = yield* log.start(executionId, Story.executionStarted("crew name"))
      const [event, ...rest] = yield* log.read(executionId)
      assert.deepStrictEqual(rest, [])
      const { at, ...without } = event!
      assert.deepStrictEqual(started, { executionId, existing: false, at })
      assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.deepStrictEqual(without, { ...Story.executionStarted("crew name"), seq: 1, executionId })
    })
  )

  it.effect("repeating a start returns the existing execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const [first, ...rest] = yield* log.read(executionId)
      assert.deepStrictEqual(yield* log.start(executionId, Story.executionStarted()), {
        executionId,
        existing: true,
        at: first!.at
      })
      assert.deepStrictEqual(rest, [])
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )

  it.effect("repeating a request with its idempotency key returns the first execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const key = yield* Story.fresh("key")
      const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
      const idempotency = { key, requestHash: "hash" }
      const started = yield* log.start(first, Story.executionStarted(), { idempotency })
      assert.isFalse(started.existing)
      assert.deepStrictEqual(yield* log.start(second, Story.executionStarted(), { idempotency }), {
        executionId: first,
        existing: true,
        at: started.at
      })
      assert.strictEqual((yield* Story.reasonOf(log.read(second)))._tag, "UnknownExecution")
    })
  )

  it.effect("the same idempotency key with another request fails with KeyReused", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const key = yield* Story.fresh("key")
      const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
      yield* log.start(first, Story.executionStarted(), { idempotency: { key, requestHash: "hash" } })
      const reason = yield* Story.reasonOf(
        log.start(second, Story.executionStarted(), { idempotency: { key, requestHash: "another" } })
      )
      assert.deepStrictEqual(reason, new EventLog.KeyReused({ key }))
      assert.strictEqual((yield* Story.reasonOf(log.read(second)))._tag, "UnknownExecution")
    })
  )

  it.effect("concurrent starts return the same results as separate ones", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const [one, other] = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
      const key = yield* Story.fresh("key")
      const id = yield* Story.fresh("execution")
      const start = (tenant: string, name: string, requestHash?: string) =>
        log
          .start(
            `${id}-${name}`,
            Story.executionStarted(`crew of ${name}`),
            requestHash === undefined ? {} : { idempotency: { key, requestHash } }
          )
          .pipe(
            Effect.map(({ executionId, existing }) => [executionId, existing] as const),
            Effect.catchReason("EventLogError", "KeyReused", () => Effect.succeed("reused" as const)),
            Story.inTenant(tenant)
          )
      const starts = [
        start(one, "first"),
        start(one, "keyed", "hash"),
        start(other, "keyed", "hash"),
        start(one, "again", "hash"),
        start(one, "different", "another hash"),
        start(other, "last")
      ]
      assert.deepStrictEqual(yield* Effect.all(starts, { concurrency: "unbounded" }), [
        [`${id}-first`, false],
        [`${id}-keyed`, false],
        [`${id}-keyed`, false],
        [`${id}-keyed`, true],
        "reused",
        [`${id}-last`, false]
      ])
      const names = Effect.map(log.list(), (list) => list.map(({ crewName }) => crewName).sort())
      assert.deepStrictEqual(yield* Story.inTenant(one)(names), ["crew of first", "crew of keyed"])
      assert.deepStrictEqual(yield* Story.inTenant(other)(names), ["crew of keyed", "crew of last"])
    })
  )

  it.effect("concurrent starts with one idempotency key start one execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const idempotency = { key: yield* Story.fresh("key"), requestHash: "hash" }
      const starts = yield* Effect.forEach(
        Story.upTo(Story.appenders),
        () =>
          Effect.flatMap(Story.fresh("execution"), (id) => log.start(id, Story.executionStarted(), { idempotency })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(starts.filter((start) => !start.existing).length, 1)
      assert.strictEqual(new Set(starts.map((start) => start.executionId)).size, 1)
    })
  )
}
