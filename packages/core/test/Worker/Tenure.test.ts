/**
 * A process that could not renew its executions starts nothing more of them until it has read the
 * log.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { Tenure } from "../../src/Worker/Tenure.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

describe("the tenure of a process", () => {
  it.effect("lasts as long as its leases, from the time of the request to the log", () =>
    Effect.gen(function* () {
      const tenure = yield* Tenure
      yield* TestClock.adjust("1 hour")
      assert.isFalse(tenure.isOver())
      const askedAt = tenure.now()
      yield* TestClock.adjust("10 seconds")
      tenure.renew(askedAt, 15_000)
      yield* TestClock.adjust("4999 millis")
      assert.isFalse(tenure.isOver())
      yield* TestClock.adjust("1 millis")
      assert.isTrue(tenure.isOver())
      tenure.renew(tenure.now(), 15_000)
      assert.isFalse(tenure.isOver())
    }).pipe(Effect.provide(Tenure.layer))
  )

  it.effect("is required for tasks: none starts while it is over", () => {
    let isAnswering = true
    const log = FaultyLog.layer({
      adopt: (next, options) => (isAnswering ? next(options) : Effect.fail(FaultyLog.unavailable(true)))
    })
    return Effect.gen(function* () {
      const asked: Array<unknown> = []
      const { crewline } = yield* Process.start({ model: World.llm(() => World.text("done"), asked as never) })
      yield* TestClock.adjust("1 second")
      isAnswering = false
      yield* TestClock.adjust("1 minute")
      const handle = yield* crewline.startPlan(World.plan({ a: {} }))
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(asked, 0)
      isAnswering = true
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* handle.result).output, "done")
      assert.lengthOf(asked, 1)
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(log)))
  })
})
