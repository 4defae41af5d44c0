/** Answers and results that no model or tool should write. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as JsonText from "../../src/AgentLoop/JsonText.ts"
import * as Crewline from "../../src/Crewline.ts"
import type * as Llm from "../../src/Llm.ts"
import * as Tool from "../../src/Tool.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import type * as Plan from "../../src/Plan.ts"
import * as World from "../fake/World.ts"

const nested = (levels: number): Schema.Json => JSON.parse("[".repeat(levels) + "]".repeat(levels))

const runTask = (
  task: Partial<Plan.PlannedTask>,
  answers: ReadonlyArray<Llm.Answer>,
  tools: ReadonlyArray<Toolbox.Tool> = []
) => {
  const asked: Array<Llm.Request> = []
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.startPlan(World.plan({ a: task }))
    const events = yield* Stream.runCollect(handle.events)
    // Recorded events can be stored.
    assert.isString(JSON.stringify(events))
    const { tasks } = yield* crewline.get(handle.id)
    return { task: tasks["a"]!, asked }
  }).pipe(Effect.provide(World.world(World.llm(World.script({ a: answers }), asked), World.toolbox(...tools))))
}

const lastMessage = (request: Llm.Request): string => JSON.stringify(request.messages.at(-1))

describe("JSON nested 5,000 levels deep", () => {
  it.effect("as an answer is sent back once, with the reason", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask({ output: { type: "array" } }, [
        World.text("[".repeat(5_000) + "]".repeat(5_000)),
        World.text("[1]")
      ])
      assert.deepStrictEqual(task.output, [1])
      assert.lengthOf(asked, 2)
      assert.include(lastMessage(asked[1]!), "nested more than 200 levels deep")
    })
  )

  it.effect("as the arguments of a tool never reaches the tool, and the reason is sent to the model", () =>
    Effect.gen(function* () {
      let called = 0
      const tool = World.tool("read", () => Effect.sync(() => ++called))
      const { asked, task } = yield* runTask(
        { tools: ["read"] },
        [World.calls(["read", { path: nested(5_000) }]), World.text("done")],
        [tool]
      )
      assert.strictEqual(task.output, "done")
      assert.strictEqual(called, 0)
      assert.lengthOf(asked, 2)
      assert.include(lastMessage(asked[1]!), "nested more than 200 levels deep")
    })
  )

  it.effect("as data that a provider adds to its answer is dropped", () =>
    Effect.gen(function* () {
      const answer = World.text("done")
      const noted = {
        ...answer.parts[0]!,
        metadata: { fake: { deep: nested(5_000) } }
      } as (typeof answer.parts)[number]
      const { asked, task } = yield* runTask({}, [{ ...answer, parts: [noted] }])
      assert.strictEqual(task.output, "done")
      assert.lengthOf(asked, 1)
    })
  )

  it.effect.each([
    ["a tool of another toolbox", World.tool("read", () => Effect.succeed(nested(5_000)))],
    ["a function", Tool.make({ name: "read", description: "Reads.", execute: () => nested(5_000) })],
    ["a function, less deep", Tool.make({ name: "read", description: "Reads.", execute: () => nested(500) })]
  ] as const)("as the result of %s is a failure of that call", ([, tool]) =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask(
        { tools: ["read"] },
        [World.calls(["read", {}]), World.text("done")],
        [tool]
      )
      assert.strictEqual(task.output, "done")
      assert.lengthOf(asked, 2)
      assert.include(lastMessage(asked[1]!), "nested more than 200 levels deep")
      assert.include(lastMessage(asked[1]!), '"isFailure":true')
    })
  )
})

it.effect.each([
  [
    "result",
    World.tool("read", () => Effect.succeed({ rows: Array.from({ length: 200 }, () => "SECRET".repeat(1_000)) }))
  ],
  ["failure", World.tool("read", () => Effect.fail({ message: "SECRET".repeat(200_000) } as never))]
] as const)("a %s of a tool that is too long is a failure of that call, with the reason", ([, tool]) =>
  Effect.gen(function* () {
    const { asked, task } = yield* runTask({ tools: ["read"] }, [World.calls(["read", {}]), World.text("done")], [tool])
    assert.strictEqual(task.output, "done")
    assert.include(lastMessage(asked[1]!), "is longer than 1048576 characters of JSON. Ask for less of it.")
    assert.include(lastMessage(asked[1]!), '"isFailure":true')
    assert.notInclude(lastMessage(asked[1]!), "SECRET")
  })
)

it.effect("a tool that throws a cyclic value fails that call", () =>
  Effect.gen(function* () {
    const circle: { self?: unknown } = {}
    circle.self = circle
    const tool = Tool.make({
      name: "read",
      description: "Reads.",
      execute: () => {
        throw circle
      }
    })
    const { asked, task } = yield* runTask({ tools: ["read"] }, [World.calls(["read", {}]), World.text("done")], [tool])
    assert.strictEqual(task.output, "done")
    assert.include(lastMessage(asked[1]!), '"isFailure":true')
  })
)

describe("the JSON of an answer", () => {
  it("is found in a code fence surrounded by text", () => {
    const text = 'Here it is {almost}:\n\n```json\n\n{"a": [1]}\n  ```\nAnything else?'
    assert.deepStrictEqual(JsonText.parse(text), { value: { a: [1] } })
    assert.deepStrictEqual(JsonText.parse("``` \n[2]\n```"), { value: [2] })
  })

  it("is found in time that is linear in the text, not cubic", () => {
    // With a regular expression this took minutes.
    const result = JsonText.parse(`\`\`\`${"\n".repeat(200_000)}`)
    assert.isTrue("reason" in result)
  })
})
