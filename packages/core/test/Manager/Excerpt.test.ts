/** Outputs that are too long to be shown completely to a deciding manager. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Llm from "../../src/Llm.ts"
import * as Managed from "../fake/Managed.ts"
import { lastMessage, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { accept } = Managed
const plan = Managed.plan()

const read = (task: string, from?: number) =>
  World.calls(["read_output", { task, ...(from !== undefined && { from }) }])
const toolsOf = ({ tools }: Llm.Request) => tools.map(({ name }) => name)
const long = (length: number) => `${"x".repeat(length - 3)}END`

describe("a long output", () => {
  it.effect("is reviewed by its beginning, and the manager can read the rest", () =>
    running(
      { a: { reviewed: true } },
      {
        plan,
        answers: {
          a: [World.text(long(50_000))],
          "a/1.1.review.manager": [read("a", 20_000), read("a", 40_000), accept]
        }
      },
      Effect.fnUntraced(function* ({ asked, task }) {
        yield* pass(500)
        assert.strictEqual((yield* task()).status, "completed")
        const [, first, second, third] = asked
        assert.deepStrictEqual(toolsOf(first!), ["read_output"])
        assert.include(
          lastMessage(first!),
          '(30000 more characters: read_output with task \\"a\\" and from 20000 reads on)'
        )
        assert.include(lastMessage(second!), "(10000 more characters: read on from 40000)")
        assert.include(lastMessage(third!), "END")
      })
    )
  )

  it.effect("of an earlier task is truncated for the assignment, and complete for the work", () =>
    running(
      { a: {}, b: { agent: "boss", context: ["a"], frame: { candidates: ["agent", "other"] } } },
      {
        plan,
        answers: {
          a: [World.text(long(5_000))],
          "b/assign": [read("a"), read("c"), World.text('{"agent":"other","reason":"Best."}')],
          "b/assign/work": [World.text("done")]
        }
      },
      Effect.fnUntraced(function* ({ asked, task }) {
        yield* pass(500)
        assert.strictEqual((yield* task("b")).output, "done")
        const [, assign, again, failed, work] = asked
        assert.include(lastMessage(assign!), "(1000 more characters: read_output")
        assert.include(lastMessage(again!), "END")
        assert.include(lastMessage(failed!), 'There is no output of \\"c\\" to read.')
        assert.deepStrictEqual(toolsOf(work!), [])
        assert.include(lastMessage(work!), "END")
      })
    )
  )

  it.effect("is the last answer of a failed task, and leaves as many corrections of a decision", () =>
    running(
      { a: { retry: once, maxRepairs: 0, output: { type: "object" } } },
      {
        plan,
        answers: {
          a: [World.text(long(3_000)), World.text('{"done":true}')],
          "a/1.recover": [
            read("a"),
            World.text("?"),
            World.text("?"),
            World.text('{"choice":"retry","reason":"r","advice":"JSON"}')
          ]
        }
      },
      Effect.fnUntraced(function* ({ asked, task }) {
        yield* pass(500)
        assert.deepStrictEqual((yield* task()).output, { done: true })
        assert.include(lastMessage(asked[1]!), "(1000 more characters: read_output")
        assert.include(lastMessage(asked[2]!), "END")
      })
    )
  )
})

it.effect("a short output is shown completely, and no tool is offered", () =>
  running(
    { a: { reviewed: true } },
    { plan, answers: { a: [World.text("short")], "a/1.1.review.manager": [accept] } },
    Effect.fnUntraced(function* ({ asked }) {
      yield* pass(500)
      assert.deepStrictEqual(asked.map(toolsOf), [[], []])
    })
  )
)
