/** How many tasks a worker may start. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Slots } from "../../src/Worker/Slots.ts"

describe("slots", () => {
  it.effect("are noticed if they become free between a check and the wait for one", () =>
    Effect.gen(function* () {
      const slots = new Slots(1, undefined)
      slots.free--
      slots.begin("default")
      slots.end("default")
      yield* slots.hasRoom
    })
  )

  it.effect("wake one of the waiting fibers", () =>
    Effect.gen(function* () {
      const slots = new Slots(1, undefined)
      slots.free--
      slots.begin("default")
      const [first, second] = [yield* Effect.forkChild(slots.hasRoom), yield* Effect.forkChild(slots.hasRoom)]
      yield* Effect.yieldNow
      slots.end("default")
      yield* Fiber.join(first)
      assert.isUndefined(second.pollUnsafe())
      yield* Fiber.interrupt(second)
    })
  )
})
