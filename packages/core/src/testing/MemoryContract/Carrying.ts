import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Memory from "../../Memory.ts"
import { alone, contents, elsewhere, everything, idsOf, longTerm, type It } from "./Telling.ts"

/** Few texts, subjects and keys, so that they collide. */
const remembered = fc
  .record(
    {
      kind: fc.constantFrom("short-term" as const, "long-term" as const, "entity" as const),
      text: fc
        .tuple(fc.constantFrom("otters", "herons", "Ada Lovelace"), fc.constantFrom("swim", "sleep", "eat"), fc.nat(3))
        .map(([who, act, count]) => `${who} ${act} ${count} times`),
      scope: fc.constantFrom<Memory.Scope>({}, { crew: "c" }, { session: "s", user: "u" }),
      subject: fc.constantFrom("s1", "s2"),
      key: fc.constantFrom("k1", "k2", "k3"),
      speaker: fc.constantFrom("Ada", "Bob"),
      origin: fc.constantFrom("user" as const, "web" as const),
      importance: fc.constantFrom(0, 0.25, 1)
    },
    { requiredKeys: ["kind", "text", "scope"] }
  )
  .map((entry): Memory.Remembered => entry)

export const declare = (it: It): void => {
  it.effect("an import restores the exported memories, with the same query results", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const said = (text: string, speaker: string) =>
          longTerm(text, { kind: "short-term", scope: { session: "s" }, speaker })
        const ids = idsOf(
          yield* memory.remember([
            longTerm("The price is 5", { subject: "price", key: "x/1/0" }),
            longTerm("The price is 6", { subject: "price" }),
            said("What is the price of an otter?", "Ada"),
            said("this will be forgotten", "Bob"),
            said("Six, since Monday", "Bob"),
            longTerm("Otters are priceless", { relations: [{ from: "otter", relation: "has", to: "no price" }] })
          ])
        )
        yield* memory.remember([longTerm("otters are priceless")])
        yield* memory.pin(ids[5]!, true)
        yield* memory.quarantine(ids[2]!, true)
        yield* memory.forget({ ids: [ids[3]!] })
        const exported = yield* everything(memory)
        const queries: ReadonlyArray<Memory.Query> = ["price of an otter", "what did Bob say on Monday?"].map(
          (text) => ({
            text,
            scope: { session: "s" },
            asOf: "2100-01-01"
          })
        )
        const answers = yield* Effect.forEach(queries, memory.recall)
        yield* elsewhere(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* memory.import(exported), { stored: 5, known: 0 })
            assert.deepStrictEqual(contents(yield* everything(memory)), contents(exported))
            assert.deepStrictEqual(yield* Effect.forEach(queries, memory.recall), answers)
            // Again, it changes nothing.
            assert.deepStrictEqual(yield* memory.import(exported), { stored: 0, known: 5 })
            assert.deepStrictEqual(contents(yield* everything(memory)), contents(exported))
            // Keys and subjects came along.
            const receipts = yield* memory.remember([
              longTerm("The price is 5", { subject: "price", key: "x/1/0" }),
              longTerm("The price is 7", { subject: "price" })
            ])
            assert.deepStrictEqual(receipts[0], { _tag: "Known", id: ids[0]! })
            assert.deepInclude(receipts[1], { supersedes: ids[1]! })
          })
        )
      })
    )
  )

  it.effect("an import of any export is exported as the same", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const cases = fc.sample(fc.array(remembered, { minLength: 4, maxLength: 10 }), { numRuns: 6, seed: 18 })
        for (const entries of cases) {
          yield* memory.forget({ scope: {} })
          for (const entry of entries) yield* memory.remember([entry])
          const [first] = yield* memory.list()
          yield* memory.pin(first!.id, true)
          const exported = yield* everything(memory)
          const again = yield* elsewhere(Effect.andThen(memory.import(exported), everything(memory)))
          assert.deepStrictEqual(contents(again), contents(exported))
        }
      })
    )
  )

  it.effect("exports one scope", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([
          longTerm("of everybody"),
          longTerm("of user u", { scope: { user: "u" } }),
          longTerm("of user u in crew c", { scope: { user: "u", crew: "c" } })
        ])
        const exported = yield* everything({ ...memory, export: () => memory.export({ user: "u" }) })
        assert.deepStrictEqual(
          exported.map(({ entry }) => entry.text),
          ["of user u", "of user u in crew c"]
        )
      })
    )
  )
}
