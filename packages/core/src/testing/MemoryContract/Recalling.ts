import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Memory from "../../Memory.ts"
import { alone, elsewhere, everything, longTerm, texts, type It } from "./Telling.ts"

const animals = ["otter", "beaver", "weasel", "heron", "salmon", "mink"]
const acts = ["eats", "hunts", "sees", "fears", "likes", "follows"]
/** Texts that have much in common. */
const sentence = fc
  .tuple(fc.constantFrom(...animals), fc.constantFrom(...acts), fc.constantFrom(...animals), fc.nat(20))
  .map(([one, act, other, count]) => `The ${one} ${act} the ${other} ${count} times`)

export const declare = (it: It): void => {
  finding(it)
  choosing(it)
}

const finding = (it: It): void => {
  it.effect("only memories that share words with the query, best first", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([
          longTerm("Sea otters hold hands while they sleep."),
          longTerm("Otters eat sea urchins and crabs."),
          longTerm("The kettle boils at a hundred degrees.")
        ])
        const recalled = yield* memory.recall({ text: "what does an otter eat?", scope: {} })
        assert.deepStrictEqual(texts(recalled), [
          "Otters eat sea urchins and crabs.",
          "Sea otters hold hands while they sleep."
        ])
        for (const { match } of recalled.map(({ parts }) => parts)) assert.isTrue(match > 0 && match <= 1)
        assert.strictEqual(recalled[0]!.parts.lexical, 1)
        assert.match(recalled[0]!.why, /^\d+ % of the query matches/)
        assert.deepStrictEqual(yield* memory.recall({ text: "volcano", scope: {} }), [])
        assert.deepStrictEqual(yield* memory.recall({ text: "", scope: {} }), [])
        assert.strictEqual((yield* memory.recall({ text: "otter eat", scope: {}, threshold: 0.4 })).length, 1)
      })
    )
  )

  it.effect("in any language, by emoji, by words that all texts contain, and by dates", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const pairs = [
          ["水獺在海裡睡覺的時候手牽手", "海裡睡覺"],
          ["Кошка спит на крыше", "кошка"],
          ["الثعالب تصطاد في الليل", "الثعالب"],
          ["Über die Brücke fährt ein Zug", "uber brucke"],
          ["นากทะเลนอนจับมือกัน", "นอนจับมือ"],
          ["🎉🎉 🦦", "🦦"],
          ["The Who", "the who"]
        ] as const
        yield* memory.remember(pairs.map(([text]) => longTerm(text)))
        for (const [text, query] of pairs)
          assert.deepStrictEqual(texts(yield* memory.recall({ text: query, scope: {} })), [text], query)
        yield* memory.remember([
          longTerm("We met last Tuesday", { saidAt: "2023-05-12T12:00:00Z" }),
          longTerm("We met again", { saidAt: "2023-06-20T12:00:00Z" })
        ])
        assert.deepStrictEqual(texts(yield* memory.recall({ text: "9 May 2023", scope: {} }))[0], "We met last Tuesday")
      })
    )
  )

  it.effect("with the messages around it, and by the author that the query names", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const scope = { session: "s" }
        const said = (speaker: string, text: string): Memory.Remembered => ({
          kind: "short-term",
          text,
          scope,
          speaker
        })
        yield* memory.remember([
          said("Ada", "How was your holiday in Norway?"),
          said("Bob", "Wonderful, it rained for a week."),
          said("Ada", "Back to work, then."),
          said("Bob", "A pity."),
          said("Ada", "Let us begin."),
          said("Bob", "It rained for a week in Kent, too.")
        ])
        const recalled = texts(yield* memory.recall({ text: "how was the weather in Norway", scope }))
        assert.include(recalled.slice(0, 2), "Wonderful, it rained for a week.")
        const named = yield* memory.recall({ text: "did Bob see it rain a week?", scope })
        assert.isAbove(named[0]!.parts.entity, 0)
      })
    )
  )
}

const choosing = (it: It): void => {
  it.effect("within its token budget and limit, in a stable order, independently of other tenants", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const cases = fc.sample(
          fc.record({
            stored: fc.array(sentence, { minLength: 1, maxLength: 12 }),
            query: sentence,
            limit: fc.integer({ min: 1, max: 8 }),
            maxTokens: fc.integer({ min: 1, max: 60 })
          }),
          { numRuns: 25, seed: 18 }
        )
        for (const [index, { limit, maxTokens, query, stored }] of cases.entries()) {
          const scope = { crew: `crew ${index}` }
          yield* memory.remember(stored.map((text) => longTerm(text, { scope })))
          const ask = memory.recall({ text: query, scope, limit, maxTokens, asOf: "2100-01-01" })
          const recalled = yield* ask
          assert.isAtMost(recalled.length, limit)
          const tokens = recalled.reduce((sum, { text }) => sum + Memory.Ranking.tokensOf(text), 0)
          assert.isAtMost(tokens, maxTokens)
          assert.deepStrictEqual(
            recalled.map(({ score }) => score),
            recalled.map(({ score }) => score).toSorted((one, other) => other - one)
          )
          yield* elsewhere(memory.remember([...stored, query].map((text) => longTerm(text, { scope }))))
          assert.deepStrictEqual(yield* ask, recalled)
        }
      })
    )
  )

  it.effect("duplicates are recalled once; texts with different numbers are not duplicates", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const limit = "The limit of a request of the service is 500 lines of text"
        yield* memory.remember([
          longTerm(limit),
          longTerm(limit, { scope: { crew: "c" } }),
          longTerm(limit.replace("500", "1000"), { scope: { crew: "c" } })
        ])
        const recalled = texts(yield* memory.recall({ text: "limit of a request", scope: { crew: "c" } }))
        assert.deepStrictEqual(recalled.toSorted(), [limit.replace("500", "1000"), limit])
      })
    )
  )

  it.effect("a read-only recall writes nothing", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([longTerm("Otters swim")])
        const before = yield* everything(memory)
        const [recalled] = yield* memory.recall({ text: "otters", scope: { execution: "x1" }, readOnly: true })
        yield* memory.explain({ text: "otters", scope: { execution: "x1" } }, recalled!.id)
        assert.deepStrictEqual(yield* everything(memory), before)
        assert.deepStrictEqual(yield* memory.forget({ ids: [recalled!.id] }), { count: 1, executions: [] })
      })
    )
  )

  it.effect("explains what is recalled, and what is not", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([longTerm("Otters eat crabs"), longTerm("Herons eat fish", { scope: { crew: "c" } })])
        const [herons, otters] = yield* memory.list()
        const query = { text: "what do otters eat", scope: {} }
        const explained = yield* memory.explain(query, otters!.id)
        const [recalled] = yield* memory.recall(query)
        assert.strictEqual(explained.rank, 1)
        assert.closeTo(explained.score, recalled!.score, 1e-6)
        assert.deepStrictEqual(explained.terms.map(({ term }) => term).toSorted(), ["eat", "otter"])
        const hidden = yield* memory.explain(query, herons!.id)
        assert.isUndefined(hidden.rank)
        assert.include(hidden.why, "out of scope")
        const other = yield* memory.explain({ ...query, text: "volcano" }, otters!.id)
        assert.include(other.why, "shares no term")
        assert.strictEqual((yield* Effect.flip(memory.explain(query, "mem_nothing")))._tag, "UnknownMemory")
      })
    )
  )
}
