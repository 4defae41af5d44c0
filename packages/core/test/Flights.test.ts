import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
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

it.effect("a fresh result is of a run that began after the call; calls during one run share the next", () =>
  Effect.gen(function* () {
    const share = Flights.makeFresh<number, string>()
    const gates = yield* Effect.replicateEffect(Deferred.make<void>(), 3)
    let runs = 0
    const count = Effect.suspend(() => {
      const run = runs++
      return Effect.as(Deferred.await(gates[run]!), run)
    })
    const call = Effect.forkChild(share("a", count), { startImmediately: true })
    const first = yield* call
    const second = yield* call
    const third = yield* call
    const other = yield* Effect.forkChild(share("b", Effect.fail("no")), { startImmediately: true })
    assert.strictEqual(yield* Effect.flip(Fiber.join(other)), "no")
    assert.strictEqual(runs, 1)
    yield* Deferred.succeed(gates[0]!, undefined)
    assert.strictEqual(yield* Fiber.join(first), 0)
    const fourth = yield* call
    yield* Deferred.succeed(gates[1]!, undefined)
    assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], [1, 1])
    yield* Deferred.succeed(gates[2]!, undefined)
    assert.strictEqual(yield* Fiber.join(fourth), 2)
  })
)

it.effect("an interrupted run is repeated by the calls that wait for it; failures are shared", () =>
  Effect.gen(function* () {
    const share = Flights.makeFresh<number, string>()
    const gate = yield* Deferred.make<void>()
    let runs = 0
    const fail = Effect.andThen(
      Deferred.await(gate),
      Effect.suspend(() => Effect.fail(`${++runs}`))
    )
    const call = Effect.forkChild(share("a", fail), { startImmediately: true })
    const running = yield* call
    const [next, last] = [yield* call, yield* call]
    yield* Fiber.interrupt(running)
    yield* Effect.yieldNow
    yield* Fiber.interrupt(next)
    yield* Deferred.succeed(gate, undefined)
    assert.strictEqual(yield* Effect.flip(Fiber.join(last)), "1")
  })
)

it.effect("later calls do not wait for a run that takes too long", () =>
  Effect.gen(function* () {
    const share = Flights.makeFresh<string, never>()
    yield* Effect.forkChild(share("a", Effect.never), { startImmediately: true })
    const early = yield* Effect.forkChild(share("a", Effect.succeed("early")), { startImmediately: true })
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual(yield* share("a", Effect.succeed("late")), "late")
    assert.isUndefined(early.pollUnsafe())
  })
)
