/** Results over the limit of their tool: shown in part, read on, and kept whole by the log. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tool from "../../src/Tool.ts"
import { lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const text = Array.from({ length: 1_000 }, (_, index) => `line ${index} 🦦`).join("\n")

const report = Tool.make({
  name: "report",
  description: "Reports.",
  idempotent: true,
  maxResult: 1_000,
  execute: () => text
})

describe("a result over the limit", () => {
  it.effect("is truncated; the rest can be read, and the log contains the whole result", () =>
    running(
      { a: { tools: ["report"] } },
      {
        answers: {
          a: [
            World.calls(["report", {}, "c1"]),
            World.calls(
              ["tool_result", { call: "c1", from: 999 }, "c2"],
              ["tool_result", { call: "no", from: 0 }, "c3"]
            ),
            World.calls(["tool_result", { call: "c1", from: 1_000_000 }, "c4"]),
            World.text("done")
          ]
        },
        tools: [report]
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        yield* pass(50)
        assert.deepStrictEqual(
          asked[0]!.tools.map(({ name }) => name),
          ["report"]
        )
        assert.deepStrictEqual(
          asked[1]!.tools.map(({ name }) => name),
          ["report", "tool_result"]
        )
        const shown = lastMessage(asked[1]!)
        assert.isBelow(shown.length, 1_500)
        // Where a surrogate pair would be cut in two, one character less is shown.
        assert.match(text[999]!, /[\uD800-\uDBFF]/)
        assert.include(shown, `Characters 1 to 999 of ${text.length}. To continue, call tool_result`)
        const calls = ofType(yield* events, "ToolCalled")
        assert.strictEqual(calls[0]!.result, text)
        const rest = calls[1]!.result as string
        assert.isTrue(rest.startsWith(text.slice(999, 1_100)))
        assert.include(rest, `[Characters 1000 to ${text.length} of ${text.length}.]`)
        assert.include(calls[2]!.result as string, 'Calls that have one: "c1"')
        assert.include(calls[3]!.result as string, "past its end")
      })
    )
  )

  it.effect("stops a call at the time limit of its tool, with a code", () => {
    const slow = Tool.make({ name: "slow", description: "Slow.", timeout: "2 seconds", execute: () => Effect.never })
    return running(
      { a: { tools: ["slow"] } },
      { answers: { a: [World.calls(["slow", {}]), World.text("done")] }, tools: [slow] },
      Effect.fnUntraced(function* ({ events, task }) {
        yield* pass(3_000)
        assert.strictEqual((yield* task()).status, "completed")
        const [call] = ofType(yield* events, "ToolCalled")
        assert.strictEqual(call!.code, "timeout")
        assert.include(call!.result as string, "2000 ms")
      })
    )
  })

  it.effect("reuses earlier results for the same call of a cacheable tool, but not failures", () => {
    let times = 0
    const rate = Tool.make({
      name: "rate",
      description: "The rate.",
      cacheable: true,
      execute: () => {
        if (++times === 1) throw new Error("down")
        return times
      }
    })
    const call = (id: string) => World.calls(["rate", {}, id])
    return running(
      { a: { tools: ["rate"] } },
      { answers: { a: [call("c1"), call("c2"), call("c3"), World.text("done")] }, tools: [rate] },
      Effect.fnUntraced(function* ({ events }) {
        const calls = ofType(yield* events, "ToolCalled").map(({ cached, result }) => [result, cached === true])
        assert.deepStrictEqual(calls, [
          ["down", false],
          [2, false],
          [2, true]
        ])
      })
    )
  })

  it.effect("repairs arguments first, and records the repaired arguments", () => {
    const add = Tool.make({
      name: "add",
      description: "Adds.",
      parameters: { type: "object", properties: { by: { type: "integer" } }, required: ["by"] },
      output: { type: "integer" },
      execute: ({ by }) => (by === 7 ? "seven" : Number(by) + 1)
    })
    return running(
      { a: { tools: ["add"] } },
      {
        answers: { a: [World.calls(["add", { By: "41" }], ["adds", {}], ["add", { by: 7 }]), World.text("done")] },
        tools: [add]
      },
      Effect.fnUntraced(function* ({ events }) {
        const calls = ofType(yield* events, "ToolCalled")
        const of = (result: string) => calls.find((call) => JSON.stringify(call.result).includes(result))!
        assert.deepStrictEqual([of("42").arguments, of("42").isFailure], [{ by: 41 }, false])
        assert.isTrue(of('Did you mean \\"add\\"?').isFailure)
        // What the tool returns is not what it declares.
        assert.isTrue(of("does not fit its output schema").isDefect)
      })
    )
  })
})
