/** The memory of a database recalls what the one in process recalls, after the same operations. */
import { assert, it } from "@effect/vitest"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as TestClock from "effect/testing/TestClock"
import * as Database from "../../src/Database.ts"
import * as PgMemory from "../../src/PgMemory.ts"

const animal = fc.constantFrom("otter", "beaver", "weasel", "heron", "salmon", "mink")
const act = fc.constantFrom("eats", "hunts", "sees", "never fears", "likes", "follows")
const sentence = fc
  .tuple(animal, act, animal, fc.nat(20))
  .map(([one, act, other, count]) => `The ${one} ${act} the ${other} ${count} times`)
const name = fc.option(fc.constantFrom("a", "b"), { nil: undefined })
const scope = fc
  .record({ crew: name, user: name, session: name })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Memory.Scope)
const kind = fc.constantFrom(...Memory.Kind.literals)
const origin = fc.constantFrom(...Memory.Origin.literals)
const remembered: fc.Arbitrary<Memory.Remembered> = fc.record(
  {
    kind,
    text: sentence,
    scope,
    origin,
    speaker: fc.constantFrom("Ada", "Bob"),
    subject: fc.nat(7).map((number) => `subject ${number}`),
    conversation: fc.constantFrom("one", "two"),
    key: fc.nat(20).map((number) => `key ${number}`),
    importance: fc.constantFrom(0, 0.3, 1),
    saidAt: fc.constantFrom("2026-01-05", "2026-11-02T10:00:00Z"),
    outcome: fc.constant({ lesson: "ask a heron first" })
  },
  { requiredKeys: ["kind", "text", "scope"] }
)
/** Memories are named by their number, because ids differ. */
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ remember: fc.array(remembered, { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ quarantine: fc.nat(30), to: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ pin: fc.nat(30), to: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ retain: fc.record({ kind, maxCount: fc.nat(6) }) }) }
)
const query = fc.record(
  {
    text: fc.oneof(sentence, fc.constant("what did Ada say of otters, beavers and herons in January 2026?")),
    scope: fc.oneof(
      scope,
      fc.constantFrom({ crew: "a", user: "a", session: "a" }, { crew: "b", user: "a", session: "b" })
    ),
    kinds: fc.uniqueArray(kind, { minLength: 2 }),
    minTrust: origin,
    any: fc.constant(["session"] as const),
    /** Seconds ago, for now. */
    asOf: fc.nat(6).map(String),
    limit: fc.constant(50),
    maxTokens: fc.constant(10_000)
  },
  { requiredKeys: ["text", "scope"] }
)

type Operation = typeof operation extends fc.Arbitrary<infer A> ? A : never

/** Ids of the memories that are there, in the order of storing. */
const idsOf = (memory: Memory.Memory["Service"]) =>
  Effect.map(memory.list({ superseded: true, limit: 1_000 }), (all) => all.map(({ id }) => id).reverse())

const run = Effect.fnUntraced(function* (memory: Memory.Memory["Service"], operation: Operation) {
  const ids = yield* idsOf(memory)
  const named = (number: number) => ids[number % ids.length] ?? "nothing"
  if ("remember" in operation)
    return (yield* memory.remember(operation.remember)).map((receipt) =>
      receipt._tag === "Refused" ? receipt.reason : receipt._tag
    )
  if ("forget" in operation) return (yield* memory.forget({ ids: [named(operation.forget)] })).count
  if ("retain" in operation) return yield* memory.retain([operation.retain])
  const change =
    "pin" in operation
      ? memory.pin(named(operation.pin), operation.to)
      : memory.quarantine(named(operation.quarantine), operation.to)
  return (yield* Effect.exit(change))._tag
})

/** Without ids, which differ. */
const answer = (recalled: Memory.Recalled) => {
  const { id: _, parts, score, supersededBy: __, ...rest } = recalled
  return {
    ...rest,
    score: score.toFixed(9),
    parts: Object.values(parts).map((part) => (part ?? 0).toFixed(9))
  }
}

const orderOf = ({ kind, score, scope, storedAt, text }: ReturnType<typeof answer>) =>
  [score, text, kind, storedAt, Memory.Visibility.keyOf(scope)].join()

const compared = (all: ReadonlyArray<Memory.Recalled>) =>
  // Of equal scores the ids decide, and those differ.
  all.map(answer).sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1))

it.effect(
  "recalls the same, for the same reasons",
  () =>
    Effect.gen(function* () {
      const [local, stored] = yield* Effect.all(
        [
          Layer.build(Layer.fresh(Memory.layerLocal)),
          Layer.build(PgMemory.layer.pipe(Layer.provide(Database.layer({ kind: "memory" }))))
        ].map(Effect.map((context) => Context.get(context, Memory.Memory)))
      )
      const cases = fc.sample(
        fc.record({
          operations: fc.array(operation, { minLength: 6, maxLength: 14 }),
          queries: fc.array(query, { minLength: 3, maxLength: 6 })
        }),
        { numRuns: 8, seed: 20_261_130 }
      )
      let found = 0
      for (const [index, { operations, queries }] of cases.entries())
        yield* Effect.gen(function* () {
          for (const operation of operations) {
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(yield* run(stored!, operation), yield* run(local!, operation))
          }
          const now = yield* Clock.currentTimeMillis
          for (const { asOf, ...rest } of queries) {
            const asked =
              asOf === undefined ? rest : { ...rest, asOf: new Date(now - 1_000 * Number(asOf)).toISOString() }
            const [one, other] = [yield* stored!.recall(asked), yield* local!.recall(asked)]
            found += one.length
            assert.deepStrictEqual(compared(one), compared(other), JSON.stringify({ operations, asked }))
          }
          assert.deepStrictEqual(yield* stored!.statistics, yield* local!.statistics)
        }).pipe(Effect.provideService(Tenant.Current, `tenant ${index}`))
      assert.isAbove(found, 30)
    }).pipe(Effect.scoped),
  120_000
)
