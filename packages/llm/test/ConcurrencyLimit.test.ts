import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as ConcurrencyLimit from "../src/ConcurrencyLimit.ts"
import * as Wrapped from "./Wrapped.ts"

describe("ConcurrencyLimit", () => {
  it.effect("limits the number of concurrent calls over all models it wraps", () =>
    Effect.gen(function* () {
      let open = 0
      let most = 0
      const slow = () =>
        Wrapped.model(() =>
          Effect.gen(function* () {
            most = Math.max(most, ++open)
            yield* Effect.sleep(100)
            open--
            return Wrapped.answer("fine")
          })
        ).model
      const limit = ConcurrencyLimit.make({ concurrency: 3 })
      const models = [limit(slow()), limit(slow())]
      const said = Wrapped.notices()
      const fiber = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 12 }, (_, index) => models[index % 2]!),
          (model) => model.generate(Wrapped.request("x", said)),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust(400)
      yield* Fiber.join(fiber)
      assert.strictEqual(most, 3)
      assert.strictEqual(said.all.length, 9)
      assert.deepStrictEqual(
        said.all.map(({ delayMillis }) => delayMillis),
        [100, 100, 100, 200, 200, 200, 300, 300, 300]
      )
    })
  )

  it.effect("passes the slot of an interrupted call to the next", () =>
    Effect.gen(function* () {
      const { model, asked } = Wrapped.model((_, call) =>
        call === 1 ? Effect.never : Effect.succeed(Wrapped.answer("fine"))
      )
      const limited = ConcurrencyLimit.make({ concurrency: 1 })(model)
      const first = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      const waiting = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      const last = yield* Effect.forkChild(limited.generate(Wrapped.request()), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(asked.length, 1)
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* Fiber.join(last)).model, "model")
    })
  )
})
