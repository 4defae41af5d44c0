import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import * as Refusals from "../../src/AuditLog/Refusals.ts"

interface Noted extends Refusals.Refusal {
  readonly times?: number
}

const refusal = (more: Partial<Refusals.Refusal> = {}): Refusals.Refusal => ({
  tenant: "acme",
  operation: "crews.get",
  address: "10.0.0.1",
  status: 401,
  code: "unauthenticated",
  ...more
})

const make = Effect.fnUntraced(function* () {
  const noted: Array<Noted> = []
  const refused = yield* Refusals.make<Refusals.Refusal>((entry) => Effect.sync(() => void noted.push(entry)))
  return { noted, refused }
})

describe("refusals", () => {
  it.effect("are one entry for the first, and one entry per minute for all later ones of a caller", () =>
    Effect.gen(function* () {
      const { noted, refused } = yield* make()
      for (let n = 0; n < 1_000; n++) yield* refused(refusal({ operation: `o${n}` }))
      assert.deepStrictEqual(noted, [refusal({ operation: "o0" })])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(noted.slice(1), [{ ...refusal({ operation: "o999" }), times: 999 }])
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(noted.length, 2)
      yield* refused(refusal())
      assert.strictEqual(noted.length, 3)
    })
  )

  it.effect("of an unlimited number of callers are limited in number", () =>
    Effect.gen(function* () {
      const { noted, refused } = yield* make()
      for (let n = 0; n < 10_000; n++) yield* refused(refusal({ address: `10.0.${n >> 8}.${n & 255}` }))
      yield* refused(refusal({ tenant: "globex" }))
      yield* TestClock.adjust("1 minute")
      assert.isBelow(noted.length, 60)
      const times = noted.filter(({ tenant }) => tenant === "acme").reduce((sum, { times = 1 }) => sum + times, 0)
      assert.strictEqual(times, 10_000)
      assert.strictEqual(noted.filter(({ tenant }) => tenant === "globex").length, 1)
    })
  )

  it.effect("that concern a resource are grouped by it", () =>
    Effect.gen(function* () {
      const { noted, refused } = yield* make()
      for (const resource of ["a", "b", "a"]) yield* refused(refusal({ status: 404, code: "not-found", resource }))
      assert.deepStrictEqual(
        noted.map(({ resource }) => resource),
        ["a", "b"]
      )
    })
  )

  it.effect("that were counted are recorded when the process ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { noted, refused } = yield* Scope.provide(make(), scope)
      yield* refused(refusal())
      yield* refused(refusal())
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(
        noted.map(({ times = 1 }) => times),
        [1, 1]
      )
    })
  )
})
