import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Flights from "../src/Flights.ts"

it.effect(
  "runs a shared effect once for concurrent callers, and again afterwards; an interrupted caller does not affect the others",
  () =>
    Effect.gen(function* () {
      const share = yield* Flights.make<number, string>()
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const count = Effect.andThen(
        Deferred.await(gate),
        Effect.sync(() => ++runs)
      )
      const [first, second] = [
        yield* Effect.forkChild(share("a", count), { startImmediately: true }),
        yield* Effect.forkChild(share("a", count), { startImmediately: true })
      ]
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.deepStrictEqual(
        yield* Effect.all([share("a", count), share("b", count)], { concurrency: "unbounded" }),
        [2, 3]
      )
      const failures = yield* Effect.replicateEffect(Effect.flip(share("c", Effect.fail("no"))), 2, {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(failures, ["no", "no"])
    })
)
