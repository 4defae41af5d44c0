/**
 * How often dependencies are checked. Detection of failures is tested in
 * `Dependencies.integration.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as Dependencies from "../src/Dependencies.ts"
import * as Queue from "../src/Queue.ts"

describe("Dependencies", () => {
  it.effect("that hang are checked once for concurrent callers, and each is answered in time", () => {
    let looks = 0
    const hanging = Effect.suspend(() => {
      looks++
      return Effect.never
    })
    // The rest of the client is not used.
    const sql = { unsafe: () => hanging } as unknown as SqlClient.SqlClient
    return Effect.gen(function* () {
      const { outages } = yield* Dependencies.Dependencies
      yield* TestClock.adjust("2 seconds")
      looks = 0
      const first = yield* Effect.forkChild(outages)
      const others = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 500 }, () => outages),
          { concurrency: 500 }
        )
      )
      yield* TestClock.adjust("1 millis")
      // The first caller leaves: the others are still answered.
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("4 seconds")
      const answers = yield* Fiber.join(others)
      expect(answers.map((answer) => answer.map(({ part }) => part))).toEqual(
        Array.from({ length: 500 }, () => ["database", "redis"])
      )
      expect(looks).toBeLessThanOrEqual(4)
    }).pipe(
      Effect.provide(Dependencies.layer),
      Effect.provideService(SqlClient.SqlClient, sql),
      Effect.provideService(Queue.Probe, { stillWorks: "Nothing.", check: hanging }),
      Effect.scoped
    )
  })
})
