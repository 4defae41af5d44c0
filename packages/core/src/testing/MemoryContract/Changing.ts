import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { alone, everything, idsOf, longTerm, moment, texts, type It } from "./Telling.ts"

const address = (text: string, more: object = {}) => longTerm(text, { subject: "ada/address", ...more })

export const declare = (it: It): void => {
  it.effect("a new value of a subject supersedes the old one, which is kept with its end time", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const [oslo] = idsOf(yield* memory.remember([address("Ada lives in Oslo")]))
        const [receipt] = yield* memory.remember([address("Ada lives in Bergen")])
        assert.strictEqual(receipt!._tag, "Stored")
        assert.deepInclude(receipt, { supersedes: oslo! })
        assert.deepStrictEqual(texts(yield* memory.recall({ text: "where does Ada live", scope: {} })), [
          "Ada lives in Bergen"
        ])
        assert.deepStrictEqual(texts(yield* memory.list()), ["Ada lives in Bergen"])
        const old = yield* memory.get(oslo!)
        const [bergen] = yield* memory.list()
        assert.deepInclude(old, { supersededBy: bergen!.id, validTo: bergen!.storedAt })
        assert.deepStrictEqual(texts(yield* memory.list({ superseded: true, subject: "ada/address" })), [
          "Ada lives in Bergen",
          "Ada lives in Oslo"
        ])
        // Back again: another memory, since the first one ended.
        const [back] = yield* memory.remember([address("Ada lives in Oslo")])
        assert.strictEqual(back!._tag, "Stored")
        assert.deepStrictEqual(texts(yield* memory.list()), ["Ada lives in Oslo"])
        // Of another scope, and the same value again.
        const others = yield* memory.remember([
          address("Ada lives in Rome", { scope: { user: "u" } }),
          address("Ada lives in Oslo!")
        ])
        assert.deepStrictEqual(
          others.map(({ _tag }) => _tag),
          ["Stored", "Known"]
        )
        assert.strictEqual((yield* memory.statistics).superseded, 2)
      })
    )
  )

  it.effect("results as of a time do not change when memories are added later", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const said = (text: string) => longTerm(text, { kind: "short-term", scope: { session: "s" } })
        const relation = { from: "Ada", relation: "lives in", to: "Oslo" }
        yield* memory.remember([
          address("Ada lives in Oslo", { relations: [relation] }),
          said("Ada is at home"),
          said("She cooks")
        ])
        const asOf = yield* moment
        const query = { text: "where does Ada live, at home?", scope: { session: "s" }, asOf }
        const recalled = yield* memory.recall(query)
        const listed = yield* memory.list({ asOf })
        const entities = yield* memory.entities({ scope: {}, asOf })
        const relations = yield* memory.relations({ scope: {}, asOf })
        const explained = yield* memory.explain(query, recalled[0]!.id)
        assert.strictEqual(recalled.length, 3)
        assert.strictEqual(relations.length, 1)
        yield* memory.remember([
          address("Ada lives in Bergen now"),
          said("Ada is out"),
          said("Ada sold her home, and lives elsewhere"),
          longTerm("Where does Ada live? At home.", { relations: [{ ...relation, to: "Bergen" }] })
        ])
        const exported = yield* everything(memory)
        const imported = exported.map((each, index) => ({
          ...each,
          entry: { ...each.entry, id: `mem_later_${index}` }
        }))
        yield* memory.import(imported.filter(({ entry }) => Date.parse(entry.storedAt) > Date.parse(asOf)))
        assert.deepStrictEqual(yield* memory.recall(query), recalled)
        assert.deepStrictEqual(yield* memory.list({ asOf }), listed)
        assert.deepStrictEqual(yield* memory.entities({ scope: {}, asOf }), entities)
        assert.deepStrictEqual(yield* memory.relations({ scope: {}, asOf }), relations)
        assert.deepStrictEqual(yield* memory.explain(query, recalled[0]!.id), explained)
        // What is known of a memory changes, but not whether it is found.
        const ranks = (all: typeof recalled) => all.map(({ id, score }) => ({ id, score }))
        yield* memory.remember([said("ada is AT HOME")])
        yield* memory.pin(recalled[0]!.id, true)
        assert.deepStrictEqual(ranks(yield* memory.recall(query)), ranks(recalled))
        assert.deepStrictEqual(yield* memory.recall({ ...query, asOf: "2001-01-01" }), [])
        assert.include(
          texts(yield* memory.recall({ text: "where does Ada live", scope: {} })),
          "Ada lives in Bergen now"
        )
      })
    )
  )

  it.effect("50 writers of the same subjects: one live value each, and each of the others was superseded", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const subjects = ["a", "b", "c"]
        yield* Effect.forEach(
          Array.from({ length: 50 }, (_, index) => index),
          (index) => {
            const entries = subjects.map((subject) => longTerm(`${subject} has the value ${index}`, { subject }))
            // Each in another order: a lock of one and then of another must not meet its opposite.
            return memory.remember(index % 2 === 0 ? entries : entries.toReversed())
          },
          { concurrency: "unbounded" }
        )
        for (const subject of subjects) {
          const live = yield* memory.list({ subject })
          assert.strictEqual(live.length, 1)
          const all = yield* memory.list({ subject, superseded: true, limit: 100 })
          assert.strictEqual(all.length, 50)
          const followed = all.flatMap(({ supersededBy }) => supersededBy ?? [])
          assert.strictEqual(new Set(followed).size, 49)
          assert.strictEqual(all.filter(({ validTo }) => validTo === undefined).length, 1)
        }
        assert.strictEqual((yield* everything(memory)).length, 150)
      })
    )
  )
}
