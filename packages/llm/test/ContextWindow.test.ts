import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "fast-check"
import * as ContextWindow from "../src/ContextWindow.ts"
import * as PromptEstimate from "../src/PromptEstimate.ts"
import * as Wrapped from "./Wrapped.ts"

type Messages = Llm.Request["messages"]

const opening: Messages = [
  { role: "system", content: "You are a researcher." },
  { role: "user", content: "Find out how warm it is." }
]
const toolTurn = (index: number, words: number): Messages => [
  { role: "assistant", content: [{ type: "tool-call", id: `c${index}`, name: "look", params: { index } }] },
  {
    role: "tool",
    content: [{ type: "tool-result", id: `c${index}`, name: "look", isFailure: false, result: "word ".repeat(words) }]
  }
]
const complaintTurn = (words: number): Messages => [
  { role: "assistant", content: [{ type: "text", text: "word ".repeat(words) }] },
  { role: "user", content: "Your answer was not accepted." }
]

const trim = Effect.fnUntraced(function* (messages: Messages, window: number) {
  const { asked, model } = Wrapped.succeeding()
  const said = Wrapped.notices()
  const self = ContextWindow.make({ windows: { [Wrapped.reference]: window }, outputTokens: 100 })(model)
  yield* self.generate(Wrapped.request("", { messages, ...said }))
  return { sent: asked[0]!.messages, kinds: said.kinds() }
})

describe("ContextWindow", () => {
  it.effect("leaves requests that fit unchanged", () =>
    Effect.gen(function* () {
      const messages = [...opening, ...toolTurn(1, 50)]
      const { kinds, sent } = yield* trim(messages, 1_000)
      assert.strictEqual(sent, messages)
      assert.deepStrictEqual(kinds, [])
    })
  )

  it.effect("drops the oldest turns, and reports it", () =>
    Effect.gen(function* () {
      const messages = [...opening, ...toolTurn(1, 400), ...complaintTurn(300), ...toolTurn(3, 100), ...toolTurn(4, 90)]
      const { kinds, sent } = yield* trim(messages, 900)
      assert.deepStrictEqual(sent, [...opening, ...toolTurn(3, 100), ...toolTurn(4, 90)])
      assert.deepStrictEqual(kinds, ["context-trimmed"])
    })
  )

  it.effect(
    "never separates a call from its result, keeps the opening and the last turn, and stays within the window",
    () =>
      Effect.gen(function* () {
        const counter = yield* PromptEstimate.counter
        const context = yield* Effect.context<never>()
        const turn = FastCheck.record({ words: FastCheck.integer({ min: 0, max: 400 }), tool: FastCheck.boolean() })
        yield* Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(
              FastCheck.array(turn, { minLength: 1, maxLength: 20 }),
              FastCheck.integer({ min: 200, max: 4_000 }),
              async (turns, window) => {
                const groups = turns.map(({ tool, words }, index) =>
                  tool ? toolTurn(index, words) : complaintTurn(words)
                )
                const messages = [...opening, ...groups.flat()]
                const { sent } = await Effect.runPromiseWith(context)(trim(messages, window))
                // The request contains the opening and the last whole turns.
                const kept = groups.findIndex(
                  (_, first) => opening.length + groups.slice(first).flat().length === sent.length
                )
                assert.deepStrictEqual(sent, [...opening, ...groups.slice(kept).flat()])
                const size = counter.request(Wrapped.request("", { messages: sent })) * PromptEstimate.margin("fake")
                if (kept < groups.length - 1) assert.isAtMost(Math.floor(size), window - 100)
              }
            ),
            { numRuns: 60 }
          )
        )
      })
  )

  it.effect("uses the input limit of a model if that is smaller than its window", () =>
    Effect.gen(function* () {
      const messages = [...opening, ...toolTurn(1, 400), ...toolTurn(2, 100)]
      const { asked, model } = Wrapped.succeeding()
      const windows = { [Wrapped.reference]: { total: 100_000, input: 500 } }
      yield* ContextWindow.make({ windows })(model).generate(Wrapped.request("", { messages }))
      assert.deepStrictEqual(asked[0]!.messages, [...opening, ...toolTurn(2, 100)])
    })
  )

  it.effect("does not change requests if the window is unknown", () =>
    Effect.sync(() => {
      const { model } = Wrapped.succeeding()
      assert.strictEqual(ContextWindow.make()(model), model)
      assert.notStrictEqual(
        ContextWindow.make()({ ...model, reference: "openai/gpt-4o-2024-08-06" }).generate,
        model.generate
      )
    })
  )
})
