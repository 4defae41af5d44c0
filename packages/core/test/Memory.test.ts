import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Memory from "../src/Memory.ts"
import * as Tenant from "../src/Tenant.ts"

const texts = (recalled: ReadonlyArray<Memory.Recalled>) => recalled.map((each) => each.text)

describe("Memory.layerLocal", () => {
  it.effect("recalls texts that share words with the query, nearest first, and nothing else", () =>
    Effect.gen(function* () {
      const memory = yield* Memory.Memory
      yield* memory.remember([
        { kind: "long-term", text: "Sea otters hold hands while they sleep.", scope: {} },
        { kind: "long-term", text: "Otters eat sea urchins and crabs.", scope: {} },
        { kind: "long-term", text: "The kettle boils at a hundred degrees.", scope: {} }
      ])
      assert.deepStrictEqual(texts(yield* memory.recall({ text: "what do otters eat?", scope: {} })), [
        "Otters eat sea urchins and crabs.",
        "Sea otters hold hands while they sleep."
      ])
      assert.deepStrictEqual(yield* memory.recall({ text: "volcano", scope: {} }), [])
    }).pipe(Effect.provide(Memory.layerLocal))
  )

  it.effect("remembering the same again changes nothing", () =>
    Effect.gen(function* () {
      const memory = yield* Memory.Memory
      const entry = { kind: "entity", text: "Ada wrote the first program", scope: { crew: "history" } } as const
      yield* memory.remember([entry, entry])
      yield* memory.remember([entry, { ...entry, text: "  " }])
      assert.strictEqual((yield* memory.recall({ text: "Ada program", scope: { crew: "history" } })).length, 1)
    }).pipe(Effect.provide(Memory.layerLocal))
  )

  it.effect("sees its scope and wider ones, never another scope or another tenant", () =>
    Effect.gen(function* () {
      const memory = yield* Memory.Memory
      yield* memory.remember([
        { kind: "long-term", text: "otters everywhere", scope: {} },
        { kind: "long-term", text: "otters of crew one", scope: { crew: "one" } },
        { kind: "short-term", text: "otters of execution x", scope: { crew: "one", execution: "x" } }
      ])
      yield* Effect.provideService(
        memory.remember([{ kind: "long-term", text: "otters of acme", scope: {} }]),
        Tenant.Current,
        "acme"
      )
      const from = (scope: Memory.Scope, kinds?: ReadonlyArray<Memory.Kind>) =>
        Effect.map(memory.recall({ text: "otters", scope, ...(kinds === undefined ? {} : { kinds }) }), (all) =>
          texts(all).sort()
        )
      assert.deepStrictEqual(yield* from({ crew: "two" }), ["otters everywhere"])
      assert.deepStrictEqual(yield* from({ crew: "one" }), ["otters everywhere", "otters of crew one"])
      assert.deepStrictEqual(yield* from({ crew: "one", execution: "x" }, ["short-term"]), ["otters of execution x"])
      assert.strictEqual((yield* memory.forget({ scope: { crew: "one" } })).count, 2)
      assert.deepStrictEqual(yield* from({ crew: "one", execution: "x" }), ["otters everywhere"])
    }).pipe(Effect.provide(Memory.layerLocal))
  )

  it.effect("enforces its limits", () =>
    Effect.gen(function* () {
      const memory = yield* Memory.Memory
      yield* memory.remember(
        Array.from({ length: 20 }, (_, n) => ({ kind: "long-term" as const, text: `otter number ${n}`, scope: {} }))
      )
      assert.strictEqual((yield* memory.recall({ text: "otter", scope: {} })).length, 5)
      assert.strictEqual((yield* memory.recall({ text: "otter", scope: {}, maxTokens: 8 })).length, 2)
    }).pipe(Effect.provide(Memory.layerLocal))
  )
})
