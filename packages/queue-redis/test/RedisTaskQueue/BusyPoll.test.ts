import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import * as BusyPoll from "../../src/RedisTaskQueue/BusyPoll.ts"

/** Whether the event loop is kept busy. */
const isAwake = Effect.promise(async () => {
  await turn()
  return process.getActiveResourcesInfo().includes("Immediate")
})

/** A call in progress. */
const called = Effect.fnUntraced(function* (micros: number) {
  const reply = Deferred.makeUnsafe<string>()
  const fiber = yield* Effect.forkChild(BusyPoll.make(micros)(Deferred.await(reply)), { startImmediately: true })
  return { reply, fiber }
})

describe("BusyPoll", () => {
  it.live("keeps the process awake until the reply arrives", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* isAwake)
      const { fiber, reply } = yield* called(60_000_000)
      assert.isTrue(yield* isAwake)
      yield* Effect.promise(() => sleep(20))
      assert.isTrue(yield* isAwake)
      yield* Deferred.succeed(reply, "reply")
      assert.strictEqual(yield* Fiber.join(fiber), "reply")
      yield* isAwake
      assert.isFalse(yield* isAwake)
    })
  )

  it.live("stays awake no longer than its limit, and not at all for an abandoned call", () =>
    Effect.gen(function* () {
      const short = yield* called(1)
      yield* Effect.promise(() => sleep(5))
      assert.isFalse(yield* isAwake)
      yield* Fiber.interrupt(short.fiber)
      const long = yield* called(60_000_000)
      assert.isTrue(yield* isAwake)
      yield* Fiber.interrupt(long.fiber)
      yield* isAwake
      assert.isFalse(yield* isAwake)
    })
  )

  it.live("sleeps by default", () =>
    Effect.gen(function* () {
      const { fiber } = yield* called(0)
      assert.isFalse(yield* isAwake)
      yield* Fiber.interrupt(fiber)
    })
  )
})
