import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Memory from "../../Memory.ts"
import { alone, everything, longTerm, texts, type It } from "./Telling.ts"

export const declare = (it: It): void => {
  it.effect("does not store status reports, tool errors and texts without words, but counts them", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const junk = [
          "Task completed successfully.",
          "Done!",
          "TypeError: x is not a function",
          "  ",
          "...!?",
          "HTTP 503"
        ]
        const receipts = yield* memory.remember([
          ...junk.map((text) => longTerm(text)),
          longTerm("The error in the invoice was found: the tax was wrong."),
          longTerm("Otters are done with breakfast at eight.")
        ])
        assert.deepStrictEqual(
          receipts.map((receipt) => (receipt._tag === "Refused" ? receipt.reason : receipt._tag)),
          ["status", "status", "error", "no-words", "no-words", "error", "Stored", "Stored"]
        )
        const { offered, refused, refusedShare } = yield* memory.statistics
        assert.deepStrictEqual(
          { offered, refused, refusedShare },
          {
            offered: 8,
            refused: { status: 2, error: 2, "no-words": 2 },
            refusedShare: 0.75
          }
        )
        assert.strictEqual((yield* memory.list()).length, 2)
      })
    )
  )

  it.effect("a memory that an execution recalled is not stored again as a new fact", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([longTerm("The harbour of Oslo freezes in hard winters.")])
        const recall = (execution: string) => memory.recall({ text: "Does the harbour freeze?", scope: { execution } })
        assert.strictEqual((yield* recall("x1")).length, 1)
        const source = { execution: "x1" }
        const scope = { crew: "other" }
        const [whole, part] = yield* memory.remember([
          longTerm("the harbour of Oslo freezes in hard winters", { scope, source }),
          longTerm("The harbour of Oslo freezes in hard winters. Ferries stop when that happens.", { scope, source })
        ])
        assert.deepStrictEqual(whole, { _tag: "Refused", reason: "recalled" })
        assert.strictEqual(part!._tag, "Stored")
        assert.deepStrictEqual(texts(yield* memory.list({ scope })), ["Ferries stop when that happens."])
        const [others] = yield* memory.remember([
          longTerm("The harbour of Oslo freezes in hard winters.", {
            scope: { crew: "third" },
            source: { execution: "x2" }
          })
        ])
        assert.strictEqual(others!._tag, "Stored")
      })
    )
  )

  const invalid = (effect: Effect.Effect<unknown, Memory.MemoryError | Memory.InvalidMemory>, path: string) =>
    Effect.map(Effect.flip(effect), (error) => {
      assert.strictEqual(error._tag, "InvalidMemory")
      assert.include(error.message, path)
    })

  it.effect("refuses invalid entries with their path, and stores none of the others", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const fine = longTerm("This one is fine")
        const wrong: ReadonlyArray<readonly [Partial<Memory.Remembered>, string]> = [
          [{ text: "a\0b" }, "entries[1].text"],
          [{ text: "x".repeat(2 ** 20 + 1) }, "entries[1].text"],
          [{ scope: { crew: "" } }, "entries[1].scope.crew"],
          [{ scope: { user: "a\0" } }, "entries[1].scope.user"],
          [{ subject: "s".repeat(513) }, "entries[1].subject"],
          [{ importance: 1.5 }, "entries[1].importance"],
          [{ importance: Number.NaN }, "entries[1].importance"],
          [{ saidAt: "yesterday" }, "entries[1].saidAt"]
        ]
        for (const [change, path] of wrong) yield* invalid(memory.remember([fine, longTerm("wrong", change)]), path)
        assert.deepStrictEqual(yield* everything(memory), [])
        yield* invalid(memory.recall({ text: "\0", scope: {} }), "query.text")
        yield* invalid(memory.recall({ text: "x", scope: {}, limit: 0 }), "query.limit")
        yield* invalid(memory.recall({ text: "x", scope: {}, asOf: "soon" }), "query.asOf")
        yield* invalid(memory.forget({}), "filter")
        yield* invalid(memory.retain([{ kind: "entity", maxCount: -1 }]), "retention[0].maxCount")
      })
    )
  )
}
