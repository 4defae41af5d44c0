import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Memory from "../../Memory.ts"
import { alone, elsewhere, everything, idsOf, longTerm, texts, type It } from "./Telling.ts"

const name = fc.option(fc.constantFrom("a", "b"), { nil: undefined })
const scope = fc
  .record({ crew: name, agent: name, user: name, session: name, execution: name })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Memory.Scope)

export const declare = (it: It): void => {
  it.effect("a memory is visible only if every part of its scope matches", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const scopes = fc.sample(scope, { numRuns: 40, seed: 7 })
        yield* memory.remember(scopes.map((scope, index) => longTerm(`otter of place ${index}`, { scope })))
        for (const seen of fc.sample(scope, { numRuns: 25, seed: 8 })) {
          const recalled = yield* memory.recall({ text: "otter", scope: seen, limit: 100, maxTokens: 10_000 })
          const expected = scopes.flatMap((each, index) =>
            Memory.Visibility.isSeenFrom(each, seen) ? [`otter of place ${index}`] : []
          )
          assert.deepStrictEqual(texts(recalled).toSorted(), expected.toSorted(), JSON.stringify(seen))
          const any = ["crew", "session"] as const
          const wider = scopes.flatMap((each, index) =>
            Memory.Visibility.isSeenFrom(each, seen, any) ? [`otter of place ${index}`] : []
          )
          const found = yield* memory.recall({ text: "otter", scope: seen, any, limit: 100, maxTokens: 10_000 })
          assert.deepStrictEqual(texts(found).toSorted(), wider.toSorted(), JSON.stringify(seen))
          const listed = yield* memory.list({ seenFrom: { scope: seen, any }, limit: 100 })
          assert.deepStrictEqual(texts(listed).toSorted(), wider.toSorted(), JSON.stringify(seen))
          const within = yield* memory.list({ scope: seen, limit: 100 })
          const held = scopes.flatMap((each, index) =>
            Memory.Visibility.isWithin(each, seen) ? [`otter of place ${index}`] : []
          )
          assert.deepStrictEqual(texts(within).toSorted(), held.toSorted(), JSON.stringify(seen))
        }
      })
    )
  )

  it.effect("no result depends on the memories of another tenant", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const entries = ["Acme keeps an otter", "Otters of Acme sleep", "A heron watches"].map((text) =>
          longTerm(text, { relations: [{ from: "Acme", relation: "owns", to: "Otter" }], subject: text })
        )
        const [id] = idsOf(yield* memory.remember(entries))
        const query = { text: "which otter does Acme keep?", scope: {}, asOf: "2100-01-01" }
        const looks = Effect.all([
          memory.recall(query),
          memory.explain(query, id!),
          memory.list(),
          memory.entities({ scope: {} }),
          memory.relations({ scope: {} }),
          memory.statistics,
          memory.retention,
          everything(memory)
        ])
        const before = yield* looks
        yield* elsewhere(
          Effect.gen(function* () {
            yield* memory.remember([...entries, ...entries])
            for (let index = 0; index < 20; index++) yield* memory.remember([longTerm(`Acme keeps otter ${index}`)])
            yield* memory.retain([{ kind: "long-term", maxCount: 3 }])
          })
        )
        assert.deepStrictEqual(yield* looks, before)
      })
    )
  )

  it.effect("no operation returns memories of another tenant", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const relations = [{ from: "Acme", relation: "owns", to: "Otter" }]
        const [id] = idsOf(
          yield* memory.remember([longTerm("Acme keeps an otter", { subject: "s", key: "k", relations })])
        )
        const before = yield* everything(memory)
        yield* elsewhere(
          Effect.gen(function* () {
            const query = { text: "otter", scope: {} }
            assert.deepStrictEqual(yield* memory.recall(query), [])
            assert.deepStrictEqual(yield* memory.list(), [])
            assert.deepStrictEqual(yield* memory.entities({ scope: {} }), [])
            assert.deepStrictEqual(yield* memory.relations({ scope: {} }), [])
            assert.deepStrictEqual(yield* everything(memory), [])
            const looks: ReadonlyArray<
              Effect.Effect<unknown, Memory.MemoryError | Memory.InvalidMemory | Memory.UnknownMemory>
            > = [memory.get(id!), memory.explain(query, id!), memory.pin(id!, true), memory.quarantine(id!, true)]
            for (const look of looks) assert.strictEqual((yield* Effect.flip(look))._tag, "UnknownMemory")
            assert.deepStrictEqual(yield* memory.forget({ ids: [id!] }), { count: 0, executions: [] })
            assert.deepStrictEqual(yield* memory.forget({ scope: {} }), { count: 0, executions: [] })
            yield* memory.retain([{ kind: "long-term", maxCount: 0 }])
            assert.strictEqual(yield* memory.purge(100), 0)
            // Neither its keys, nor its subjects, nor its texts are known here.
            const [receipt] = yield* memory.remember([longTerm("Acme keeps an otter", { subject: "s", key: "k" })])
            assert.strictEqual(receipt!._tag, "Stored")
            yield* memory.forget({ scope: {} })
          })
        )
        assert.deepStrictEqual(yield* everything(memory), before)
        assert.strictEqual((yield* memory.recall({ text: "otter", scope: {} })).length, 1)
      })
    )
  )
}

/** Which of what is visible. */
export const declareChoosing = (it: It): void => {
  it.effect("only the requested kinds, with sufficient trust", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([
          longTerm("otters by a user", { origin: "user" }),
          longTerm("otters by an agent"),
          longTerm("otters by a tool", { origin: "tool", kind: "short-term" }),
          longTerm("otters by a page", { origin: "web", kind: "entity" })
        ])
        const ask = (more: Partial<Memory.Query>) =>
          Effect.map(memory.recall({ text: "otters", scope: {}, ...more }), (all) => texts(all).toSorted())
        assert.deepStrictEqual(yield* ask({ minTrust: "agent" }), ["otters by a user", "otters by an agent"])
        assert.deepStrictEqual(yield* ask({ minTrust: "user" }), ["otters by a user"])
        assert.strictEqual((yield* ask({})).length, 4)
        assert.deepStrictEqual(yield* ask({ kinds: ["short-term", "entity"] }), [
          "otters by a page",
          "otters by a tool"
        ])
        assert.deepStrictEqual(yield* ask({ kinds: [] }), [])
      })
    )
  )

  it.effect("lists newest first, in pages, by filter", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const all = Array.from({ length: 7 }, (_, index) => `memory number ${index}`)
        for (const text of all)
          yield* memory.remember([longTerm(text, { origin: text.endsWith("3") ? "web" : "agent" })])
        const first = yield* memory.list({ limit: 3 })
        const second = yield* memory.list({ limit: 3, after: first.at(-1)!.id })
        const third = yield* memory.list({ limit: 3, after: second.at(-1)!.id })
        assert.deepStrictEqual(texts([...first, ...second, ...third]), all.toReversed())
        assert.deepStrictEqual(yield* memory.list({ after: third.at(-1)!.id }), [])
        assert.deepStrictEqual(texts(yield* memory.list({ origin: "web" })), ["memory number 3"])
        yield* memory.forget({ ids: [first.at(-1)!.id] })
        assert.deepStrictEqual(yield* memory.list({ limit: 3, after: first.at(-1)!.id }), second)
      })
    )
  )

  it.effect("quarantined memories are kept, but neither recalled nor listed", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const [id] = idsOf(yield* memory.remember([longTerm("Otters are fish"), longTerm("Otters are mammals")]))
        assert.isTrue((yield* memory.quarantine(id!, true)).quarantined)
        assert.deepStrictEqual(texts(yield* memory.recall({ text: "otters", scope: {} })), ["Otters are mammals"])
        assert.deepStrictEqual(texts(yield* memory.list()), ["Otters are mammals"])
        assert.deepStrictEqual(texts(yield* memory.list({ quarantined: true })), ["Otters are fish"])
        assert.strictEqual((yield* memory.statistics).quarantined, 1)
        yield* memory.quarantine(id!, false)
        assert.strictEqual((yield* memory.recall({ text: "otters", scope: {} })).length, 2)
      })
    )
  )
}
