import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Memory from "../../Memory.ts"
import { alone, everything, idsOf, longTerm, moment, texts, type It } from "./Telling.ts"

export const declare = (it: It): void => {
  it.effect("by id, scope, subject, time and origin; all given conditions must match", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const fill = Effect.gen(function* () {
          yield* memory.forget({ scope: {} })
          yield* memory.remember([longTerm("an old memory of nobody")])
          const since = yield* moment
          yield* memory.remember([
            longTerm("of user u in crew c", { scope: { user: "u", crew: "c" } }),
            longTerm("of user u", { scope: { user: "u" }, subject: "s" }),
            longTerm("of user v", { scope: { user: "v" }, origin: "web" }),
            longTerm("of a session", { scope: { session: "z" }, kind: "short-term" })
          ])
          return since
        })
        const cases: ReadonlyArray<readonly [(since: string) => Memory.Filter, ReadonlyArray<string>]> = [
          [() => ({ scope: { user: "u" } }), ["of user u", "of user u in crew c"]],
          [() => ({ scope: { user: "u" }, subject: "s" }), ["of user u"]],
          [() => ({ subject: "s" }), ["of user u"]],
          [() => ({ origin: "web" }), ["of user v"]],
          [() => ({ origin: "web", scope: { user: "u" } }), []],
          [() => ({ kinds: ["short-term"] }), ["of a session"]],
          [(before) => ({ before }), ["an old memory of nobody"]],
          [(since) => ({ since, kinds: ["long-term"] }), ["of user u", "of user u in crew c", "of user v"]],
          [() => ({ ids: [] }), []],
          [
            () => ({ seenFrom: { scope: {}, any: ["session", "execution"] } }),
            ["an old memory of nobody", "of a session"]
          ]
        ]
        for (const [filter, gone] of cases) {
          const named = filter(yield* fill)
          const all = texts(yield* memory.list())
          assert.strictEqual((yield* memory.forget(named)).count, gone.length, JSON.stringify(named))
          const left = texts(yield* memory.list())
          assert.deepStrictEqual(
            all.filter((text) => !left.includes(text)).toSorted(),
            gone.toSorted(),
            JSON.stringify(named)
          )
        }
      })
    )
  )

  it.effect("leaves no traces in terms, neighbours, entities, relations or exports", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const said = (text: string, more: Partial<Memory.Remembered> = {}) =>
          longTerm(text, { kind: "short-term", scope: { session: "s" }, ...more })
        const ids = idsOf(
          yield* memory.remember([
            said("The password of Zanzibar is xyzzy", {
              relations: [{ from: "Zanzibar", relation: "has", to: "xyzzy" }],
              outcome: { lesson: "xyzzy opens it" }
            }),
            said("That was said at noon"),
            said("And nobody wrote it down")
          ])
        )
        const near = yield* memory.recall({ text: "xyzzy", scope: { session: "s" } })
        assert.strictEqual(near.length, 3)
        yield* memory.forget({ ids: [ids[0]!] })
        assert.deepStrictEqual(yield* memory.recall({ text: "xyzzy Zanzibar password", scope: { session: "s" } }), [])
        assert.deepStrictEqual(yield* memory.entities({ scope: { session: "s" }, name: "Zanzibar" }), [])
        assert.notInclude(JSON.stringify(yield* everything(memory)), "xyzzy")
        assert.strictEqual((yield* Effect.flip(memory.get(ids[0]!)))._tag, "UnknownMemory")
        const explained = yield* memory.explain({ text: "xyzzy", scope: { session: "s" } }, ids[1]!)
        assert.deepStrictEqual(explained.terms, [])
        // It may be said again: only its key would be known.
        assert.strictEqual((yield* memory.remember([said("The password of Zanzibar is xyzzy")]))[0]!._tag, "Stored")
      })
    )
  )

  it.effect("names the executions whose events may quote it", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        yield* memory.remember([longTerm("Otters swim at night", { source: { execution: "made" } })])
        yield* memory.recall({ text: "otters", scope: { execution: "shown-1" } })
        yield* memory.recall({ text: "otters", scope: { execution: "shown-2" } })
        yield* memory.recall({ text: "volcano", scope: { execution: "not shown" } })
        assert.deepStrictEqual(yield* memory.forget({ scope: {} }), {
          count: 1,
          executions: ["made", "shown-1", "shown-2"]
        })
        assert.deepStrictEqual(yield* memory.forget({ scope: {} }), { count: 0, executions: [] })
      })
    )
  )

  it.effect("a subject whose value was forgotten has no value, and can get a new one", () =>
    alone(
      Effect.fnUntraced(function* (memory) {
        const value = (text: string) => longTerm(text, { subject: "s" })
        yield* memory.remember([value("the first value")])
        const [second] = idsOf(yield* memory.remember([value("the second value")]))
        yield* memory.forget({ ids: [second!] })
        assert.deepStrictEqual(yield* memory.list(), [])
        const [third] = yield* memory.remember([value("the third value")])
        assert.notProperty(third, "supersedes")
        yield* memory.forget({ subject: "s" })
        assert.deepStrictEqual(yield* everything(memory), [])
      })
    )
  )
}
