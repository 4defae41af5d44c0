import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as EventLog from "../src/EventLog.ts"
import * as LocalEventLog from "../src/LocalEventLog.ts"
import * as EventLogContract from "../src/testing/EventLogContract.ts"
import * as Story from "../src/testing/EventLogContract/Story.ts"

/** A follower that signals the first event it sees, and continues when allowed. */
const halting = Effect.fnUntraced(function* (log: EventLog.EventLog["Service"], id: string) {
  const begun = yield* Latch.make(false)
  const goOn = yield* Latch.make(false)
  const events = log
    .follow(id)
    .pipe(Stream.mapEffect((event) => Effect.as(Effect.andThen(begun.open, goOn.await), event)))
  return { begun, events, goOn }
})

EventLogContract.suite("LocalEventLog.layerLocal", LocalEventLog.layerLocal)

describe("LocalEventLog.layerLocal", () => {
  it.effect("takes its time from the Clock, and never goes back with it", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      yield* TestClock.setTime(Date.UTC(2026, 10, 22, 12))
      const id = yield* Story.begin
      yield* TestClock.adjust("1500 millis")
      yield* log.append(id, [Story.taskStarted("a")])
      yield* TestClock.setTime(0)
      yield* log.append(id, [Story.ended()])
      assert.deepStrictEqual(
        (yield* log.read(id)).map(({ at }) => at),
        ["2026-11-22T12:00:00.000Z", "2026-11-22T12:00:01.500Z", "2026-11-22T12:00:01.500Z"]
      )
    }).pipe(Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("expires leases by the Clock", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const adopt = (owner: string) => log.adopt({ owner, leaseMillis: 1_000, limit: 10 })
      assert.strictEqual((yield* adopt("first")).length, 1)
      yield* TestClock.adjust(999)
      assert.strictEqual((yield* adopt("second")).length, 0)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* adopt("second"), [{ executionId, tenant: "default", lastSeq: 1 }])
    }).pipe(Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("removes the oldest ended executions, with their keys, and never a running one", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const idempotency = { key: "key", requestHash: "hash" }
      const running = yield* Story.begin
      const first = yield* Story.fresh("execution")
      yield* log.start(first, Story.executionStarted(), { idempotency })
      const [second, third] = [yield* Story.begin, yield* Story.begin]
      for (const id of [first, second]) yield* log.append(id, [Story.ended()])
      assert.strictEqual((yield* log.read(first)).length, 2)

      yield* log.append(third, [Story.ended()])
      assert.strictEqual((yield* Story.reasonOf(log.read(first)))._tag, "UnknownExecution")
      assert.strictEqual((yield* Story.reasonOf(Stream.runDrain(log.follow(first))))._tag, "UnknownExecution")
      assert.deepStrictEqual(
        (yield* log.list()).map(({ id }) => id),
        [third, second, running]
      )
      const again = yield* Story.fresh("execution")
      assert.isFalse((yield* log.start(again, Story.executionStarted(), { idempotency })).existing)
    }).pipe(Effect.provide(LocalEventLog.layerLocalWith({ keepEnded: 2 })))
  )

  it.effect("informs an active follower that the rest was deleted", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      const { begun, events, goOn } = yield* halting(log, id)
      const follower = yield* events.pipe(Stream.runDrain, Story.reasonOf, Effect.forkChild)
      yield* begun.await
      yield* log.append(id, [Story.completed("a"), Story.ended()])
      yield* log.remove(id)
      yield* goOn.open
      assert.deepStrictEqual(yield* Fiber.join(follower), new EventLog.Gone({ executionId: id }))
    }).pipe(Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("deletes by the Clock, and keeps a record of that for a while", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      yield* log.append(id, [Story.ended()])
      const prune = log.prune({ endedForMillis: 1_000, limit: 10, rememberMillis: 5_000 })
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(yield* prune, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* prune, [{ executionId: id, tenant: "default" }])
      yield* TestClock.adjust(4_999)
      yield* prune
      assert.strictEqual((yield* Story.reasonOf(log.summary(id)))._tag, "Gone")
      yield* TestClock.adjust(1)
      yield* prune
      assert.strictEqual((yield* Story.reasonOf(log.summary(id)))._tag, "UnknownExecution")
    }).pipe(Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("lets a follower finish an execution that is removed meanwhile", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      const { begun, events, goOn } = yield* halting(log, id)
      const follower = yield* events.pipe(Stream.runCollect, Effect.forkChild)
      yield* begun.await
      yield* log.append(id, [Story.completed("a"), Story.ended()])
      assert.strictEqual((yield* Story.reasonOf(log.read(id)))._tag, "UnknownExecution")
      yield* goOn.open
      assert.deepStrictEqual(
        (yield* Fiber.join(follower)).map(({ type }) => type),
        ["ExecutionStarted", "TaskCompleted", "ExecutionEnded"]
      )
    }).pipe(Effect.provide(LocalEventLog.layerLocalWith({ keepEnded: 0 })))
  )
})
