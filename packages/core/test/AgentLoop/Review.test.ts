/** Outputs that a person reviews before they count. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

describe("a person's review", () => {
  it.effect("accepts, or sends back with feedback in the same conversation", () =>
    running(
      { a: { humanInput: { onSilence: "deny" } }, b: { context: ["a"] } },
      { answers: { a: [World.text("first"), World.text("second")], b: [World.text("b")] } },
      Effect.fnUntraced(function* ({ asked, crewline, events, id, task }) {
        const [ask] = yield* crewline.asks({ state: "open" })
        assert.deepInclude(ask!, { kind: "review", onSilence: "deny" })
        assert.deepInclude(ask!.shown as object, { output: "first" })
        assert.strictEqual((yield* task()).output, undefined)
        yield* crewline.answer(ask!.id, { answer: "revise", feedback: "shorter" })
        yield* pass(100)
        const [again] = yield* crewline.asks({ state: "open" })
        assert.deepInclude(again!.shown as object, { output: "second" })
        assert.notStrictEqual(again!.id, ask!.id)
        assert.include(lastMessage(asked[1]!), "shorter")
        assert.include(JSON.stringify(asked[1]!.messages), "first")
        yield* crewline.answer(again!.id, { answer: "accept" })
        yield* pass(100)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.strictEqual((yield* task()).output, "second")
        assert.strictEqual(ofType(yield* events, "TurnCompleted").length, 3)
      })
    )
  )

  it.effect("one revision too many fails the task, and silence has the declared meaning", () =>
    Effect.gen(function* () {
      yield* running(
        { a: { humanInput: { onSilence: "deny" }, maxTurns: 1 } },
        { answers: { a: [1, 2, 3, 4].map((n) => World.text(`answer ${n}`)) } },
        Effect.fnUntraced(function* ({ crewline, task }) {
          for (let n = 0; n < 3; n++) {
            const [ask] = yield* crewline.asks({ state: "open" })
            yield* crewline.answer(ask!.id, { answer: "revise", feedback: `no ${n}` })
            yield* pass(100)
          }
          const { error, status } = yield* task()
          assert.deepStrictEqual([status, error?.code], ["failed", "review-refused"])
          assert.include(error!.message, "no 2")
        })
      )
      for (const [onSilence, status] of [
        ["deny", "failed"],
        ["accept", "completed"]
      ] as const) {
        yield* running(
          { a: { humanInput: { onSilence, timeoutMillis: 1_000 } } },
          { answers: { a: [World.text("x")] } },
          Effect.fnUntraced(function* ({ crewline, id }) {
            yield* pass(2_000)
            assert.strictEqual((yield* crewline.get(id)).status, status)
            assert.strictEqual((yield* crewline.asks({ state: "closed" })).length, 1)
          })
        )
      }
    })
  )

  it.effect("covers only outputs accepted by schema and guardrails", () =>
    running(
      { a: { humanInput: { onSilence: "deny" }, output: { type: "object", required: ["ok"] } } },
      { answers: { a: [World.text("no json"), World.text('{"ok":1}')] } },
      Effect.fnUntraced(function* ({ crewline }) {
        const asks = yield* crewline.asks()
        assert.deepStrictEqual(
          asks.map(({ shown }) => (shown as { output: unknown }).output),
          [{ ok: 1 }]
        )
      })
    )
  )
})
