/**
 * Starting: the first event, and idempotency keys.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect("start stores the first event, with number and time", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      const started = yield* log.start(executionId, Story.executionStarted("crew name"))
      assert.deepStrictEqual(started, { executionId, existing: false })
      const [event, ...rest] = yield* log.read(executionId)
      assert.deepStrictEqual(rest, [])
      const { at, ...without } = event!
      assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.deepStrictEqual(without, { ...Story.executionStarted("crew name"), seq: 1, executionId })
    })
  )

  it.effect("a start sent again answers with the execution that stands", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      assert.deepStrictEqual(yield* log.start(executionId, Story.executionStarted()), { executionId, existing: true })
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )

  it.effect("the same idempotency key and request again answers with the first execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const key = yield* Story.fresh("key")
      const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
      const idempotency = { key, requestHash: "hash" }
      assert.isFalse((yield* log.start(first, Story.executionStarted(), { idempotency })).existing)
      assert.deepStrictEqual(yield* log.start(second, Story.executionStarted(), { idempotency }), {
        executionId: first,
        existing: true
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

  it.effect("of racing starts with one idempotency key one execution comes", () =>
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
