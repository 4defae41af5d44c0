import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { alone, everything, idsOf, longTerm, texts, type It } from "./Telling.ts"

export const declare = (it: It): void => {
  it.effect("returns the id of each entry in order, and stores all given fields", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const given = {
          ...longTerm("The invoice of Acme was paid.", { scope: { crew: "books", user: "u1" } }),
          importance: 0.9,
          origin: "document" as const,
          speaker: "Ada",
          subject: "acme/invoice",
          happenedAt: "2026-03-01",
          saidAt: "2026-03-02T10:00:00Z",
          source: { execution: "x1", task: "read" },
          outcome: { score: 0.8, lesson: "Look at the second page." },
          relations: [{ from: "Acme", relation: "paid", to: "invoice" }]
        }
        const receipts = yield* memory.remember([longTerm("Otters sleep in the sea."), given])
        assert.deepStrictEqual(
          receipts.map(({ _tag }) => _tag),
          ["Stored", "Stored"]
        )
        const ids = idsOf(receipts)
        assert.strictEqual(new Set(ids).size, 2)
        const entry = yield* memory.get(ids[1]!)
        const { mentions, storedAt, ...rest } = entry
        assert.deepStrictEqual(rest, {
          ...given,
          id: ids[1]!,
          saidAt: "2026-03-02T10:00:00.000Z",
          trust: "document",
          corroborations: 0,
          pinned: false,
          quarantined: false
        })
        assert.include(
          mentions.map(({ name }) => name),
          "Acme"
        )
        assert.isFalse(Number.isNaN(Date.parse(storedAt)))
        assert.strictEqual((yield* memory.get(ids[0]!)).trust, "agent")
      })
    )
  )

  it.effect("has the trust of its least trusted source", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const ids = idsOf(
          yield* memory.remember([
            longTerm("Made by an agent of a page of the web", { origin: "agent", trust: "web" }),
            longTerm("A page of the web is not trusted for being called so", { origin: "web", trust: "user" })
          ])
        )
        for (const id of ids) assert.strictEqual((yield* memory.get(id)).trust, "web")
      })
    )
  )

  it.effect("the same text of the same kind and scope is one memory, corroborated", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const [first] = idsOf(yield* memory.remember([longTerm("Ada wrote the first program")]))
        const again = yield* memory.remember([
          longTerm("  ada wrote the FIRST program. "),
          longTerm("Ada wrote the first program", { scope: { crew: "c" } }),
          longTerm("Ada wrote the first program", { kind: "entity" }),
          longTerm("Ada wrote the first 2 programs")
        ])
        assert.deepStrictEqual(again[0], { _tag: "Known", id: first! })
        assert.deepStrictEqual(
          again.slice(1).map(({ _tag }) => _tag),
          ["Stored", "Stored", "Stored"]
        )
        assert.strictEqual((yield* memory.get(first!)).corroborations, 1)
      })
    )
  )

  it.effect("the same key changes nothing, regardless of the text, even if the memory was erased since", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const entry = longTerm("The tide is high at noon", { key: "x/7/0" })
        const [id] = idsOf(yield* memory.remember([entry]))
        const before = yield* everything(memory)
        const statistics = yield* memory.statistics
        assert.deepStrictEqual(yield* memory.remember([entry, { ...entry, text: "The tide is low" }]), [
          { _tag: "Known", id: id! },
          { _tag: "Known", id: id! }
        ])
        assert.deepStrictEqual(yield* everything(memory), before)
        assert.deepStrictEqual(yield* memory.statistics, statistics)
        yield* memory.forget({ ids: [id!] })
        assert.deepStrictEqual(yield* memory.remember([entry]), [{ _tag: "Refused", reason: "erased" }])
        assert.deepStrictEqual(yield* everything(memory), [])
      })
    )
  )

  it.effect("50 writers at once: one memory for each text, and no corroboration is lost", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const all = ["otters", "beavers", "weasels"].map((animal) => longTerm(`All ${animal} can swim`))
        yield* Effect.forEach(
          Array.from({ length: 50 }, (_, index) => [...all.slice(index % 3), ...all.slice(0, index % 3)]),
          (entries) => memory.remember(entries),
          { concurrency: "unbounded" }
        )
        const stored = yield* memory.list()
        assert.deepStrictEqual(texts(stored).toSorted(), texts(all).toSorted())
        for (const { corroborations } of stored) assert.strictEqual(corroborations, 49)
      })
    )
  )
}
