import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Patience from "../src/Patience.ts"

const over = { duration: "2 seconds", orElse: () => Effect.succeed("over") } as const

describe("Patience", () => {
  it.effect("ends after its time, even if the awaited effect cannot be interrupted", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Patience.within(Effect.uninterruptible(Effect.never), over))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(fiber)).toBe("over")
    })
  )

  it.effect("interrupts the awaited effect when the time is over, and when the caller is interrupted", () =>
    Effect.gen(function* () {
      let stopped = 0
      const waiting = Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      const overdue = yield* Effect.forkChild(Patience.within(waiting, over))
      const left = yield* Effect.forkChild(Patience.within(waiting, over))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(overdue)
      yield* Effect.yieldNow
      expect(stopped).toBe(2)
    })
  )

  it.effect("returns a value or failure that arrives in time", () =>
    Effect.gen(function* () {
      expect(yield* Patience.within(Effect.succeed(1), over)).toBe(1)
      expect(yield* Effect.exit(Patience.within(Effect.fail("no"), over))).toEqual(Exit.fail("no"))
    })
  )
})
