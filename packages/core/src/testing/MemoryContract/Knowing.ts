import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { alone, idsOf, longTerm, type It } from "./Telling.ts"

export const declare = (it: It): void => {
  it.effect("finds entities in texts, with aliases and descriptions, and names the memories", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const ids = idsOf(
          yield* memory.remember([
            longTerm("The World Health Organization (WHO) met in Geneva."),
            longTerm("Yesterday the WHO published a report."),
            longTerm("It is cold in Geneva", { scope: { user: "u" } })
          ])
        )
        const [who] = yield* memory.entities({ scope: {}, name: "who" })
        assert.deepInclude(who, {
          name: "World Health Organization",
          type: "organization",
          aliases: ["WHO"],
          mentions: 2
        })
        assert.deepStrictEqual(who!.memories, ids.slice(0, 2))
        const [geneva] = yield* memory.entities({ scope: {}, name: "Geneva" })
        assert.strictEqual(geneva!.mentions, 1)
        const [seen] = yield* memory.entities({ scope: { user: "u" }, name: "geneva" })
        assert.strictEqual(seen!.mentions, 2)
        const [wide] = yield* memory.entities({ scope: {}, any: ["user"], name: "Geneva" })
        assert.strictEqual(wide!.mentions, 2)
        assert.strictEqual((yield* memory.entities({ scope: {}, limit: 1 })).length, 1)
      })
    )
  )

  it.effect("keeps facts, entities and relations from the caller as long as their memory", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const [id] = idsOf(
          yield* memory.remember([
            longTerm("she now leads the lab", {
              mentions: [{ name: "Ada Lovelace", type: "person", aliases: ["Ada"], description: "a mathematician" }],
              relations: [{ from: "Ada Lovelace", relation: "leads", to: "Engine Lab" }]
            }),
            longTerm("GPT-4 and GPT-5 are models")
          ])
        )
        const [ada] = yield* memory.entities({ scope: {}, name: "ada" })
        assert.deepInclude(ada, { name: "Ada Lovelace", type: "person", description: "a mathematician" })
        const relation = { from: "Ada Lovelace", relation: "leads", to: "Engine Lab", memory: id! }
        assert.deepStrictEqual(yield* memory.relations({ scope: {}, entity: "engine lab" }), [relation])
        assert.deepStrictEqual(yield* memory.relations({ scope: {}, entity: "Acme" }), [])
        // A number that differs keeps them apart.
        const names = (yield* memory.entities({ scope: {} })).map(({ name }) => name)
        assert.includeMembers(names, ["GPT-4", "GPT-5"])
        yield* memory.forget({ ids: [id!] })
        assert.deepStrictEqual(yield* memory.relations({ scope: {} }), [])
        assert.deepStrictEqual(yield* memory.entities({ scope: {}, name: "ada" }), [])
      })
    )
  )

  it.effect("an entity ranks higher if the query names it", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([
          longTerm("Acme is a company that sells anvils", { kind: "entity" }),
          longTerm("Somebody sells anvils at Acme prices")
        ])
        const [first] = yield* memory.recall({ text: "What does Acme sell?", scope: {} })
        assert.strictEqual(first!.kind, "entity")
        assert.isAbove(first!.parts.entity, 0)
      })
    )
  )
}
