import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { alone, everything, idsOf, longTerm, texts, type It } from "./Telling.ts"

export const declare = (it: It): void => {
  it.effect("expired memories are hidden immediately and purged in batches; pinned ones are kept", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const all = Array.from({ length: 6 }, (_, index) => longTerm(`otter number ${index}`))
        const ids: Array<string> = []
        for (const entry of all) ids.push(...idsOf(yield* memory.remember([entry])))
        assert.isTrue((yield* memory.pin(ids[0]!, true)).pinned)
        yield* memory.retain([{ kind: "long-term", maxCount: 2 }])
        const kept = ["otter number 0", "otter number 4", "otter number 5"]
        assert.deepStrictEqual(texts(yield* memory.list()).toSorted(), kept)
        assert.deepStrictEqual(texts(yield* memory.recall({ text: "otter", scope: {} })).toSorted(), kept)
        assert.strictEqual((yield* everything(memory)).length, 6)
        assert.strictEqual(yield* memory.purge(2), 2)
        assert.strictEqual((yield* everything(memory)).length, 4)
        assert.strictEqual(yield* memory.purge(100), 1)
        assert.strictEqual(yield* memory.purge(100), 0)
        assert.deepStrictEqual((yield* everything(memory)).map(({ entry }) => entry.text).toSorted(), kept)
        assert.strictEqual((yield* memory.statistics).pinned, 1)
        yield* memory.retain([])
        assert.deepStrictEqual(yield* memory.retention, [])
      })
    )
  )

  it.effect("by age; short-term memories for 30 days by default", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        assert.deepStrictEqual(yield* memory.retention, [{ kind: "short-term", maxAgeDays: 30 }])
        yield* memory.remember([longTerm("an otter"), longTerm("another otter", { kind: "entity" })])
        yield* Effect.sleep(20)
        yield* memory.retain([{ kind: "long-term", maxAgeDays: 1e-7 }])
        assert.deepStrictEqual(texts(yield* memory.list()), ["another otter"])
        assert.strictEqual(yield* memory.purge(10), 1)
        assert.deepStrictEqual(yield* memory.retention, [{ kind: "long-term", maxAgeDays: 1e-7 }])
      })
    )
  )
}
