import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Timeout from "../src/Timeout.ts"
import * as Wrapped from "./Wrapped.ts"

describe("Timeout", () => {
  it.effect("interrupts a call that takes too long", () =>
    Effect.gen(function* () {
      let closed = false
      const { model } = Wrapped.model(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (closed = true))))
      const limited = Timeout.make({ wholeMillis: 1_000 })(model)
      const fiber = yield* Effect.forkChild(Wrapped.outcome(limited.generate(Wrapped.request())))
      yield* TestClock.adjust(999)
      assert.isFalse(closed)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), "Timeout")
      assert.isTrue(closed)
    })
  )

  it.effect("interrupts a stream that stops, not one that continues", () =>
    Effect.gen(function* () {
      const streaming = (pauses: ReadonlyArray<number>) =>
        Wrapped.model(({ onDelta }) =>
          Effect.as(
            Effect.forEach(pauses, (pause) =>
              Effect.andThen(
                Effect.sleep(pause),
                Effect.sync(() => onDelta?.("x"))
              )
            ),
            Wrapped.answer("whole")
          )
        ).model
      const run = Effect.fnUntraced(function* (pauses: ReadonlyArray<number>) {
        const limited = Timeout.make({ betweenDeltasMillis: 1_000 })(streaming(pauses))
        const call = limited.generate(Wrapped.request("x", { onDelta: () => {} }))
        const fiber = yield* Effect.forkChild(Wrapped.outcome(call))
        yield* TestClock.adjust(60_000)
        return yield* Fiber.join(fiber)
      })
      // Before the first piece a model may think without a limit.
      assert.strictEqual(yield* run([5_000, 900, 900, 900]), "whole")
      assert.strictEqual(yield* run([10, 900, 2_001]), "Timeout")
    })
  )
})
