/** Properties of suspended tasks, whatever they wait for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Tool from "../../src/Tool.ts"
import { lastMessage, pass, running, send } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const agents = { agent: { role: "Agent", goal: "Test", backstory: "", model: "fake/1" } }

describe("a suspended task", () => {
  it.effect(
    "holds no slot and no lane: with one of each, another crew runs at once beside a hundred suspended tasks",
    () =>
      Effect.gen(function* () {
        const names = Array.from({ length: 100 }, (_, index) => `t${index}`)
        yield* running(
          Object.fromEntries(names.map((name) => [name, { tools: ["send"] }])),
          {
            answers: (request) =>
              request.tools.length === 0 ? World.text("other") : World.calls(["send", { to: "x" }]),
            tools: [send([])],
            plan: { agents },
            crewline: { worker: { concurrency: 1, lanes: { fake: 1 } } }
          },
          Effect.fnUntraced(function* ({ crewline, id }) {
            for (let n = 0; n < 50 && (yield* crewline.asks({ limit: 200 })).length < 100; n++) yield* pass(100)
            assert.strictEqual((yield* crewline.asks({ limit: 200 })).length, 100)
            const other = yield* crewline.startPlan(World.plan({ a: {} }, { agents }))
            const result = yield* Effect.forkChild(other.result)
            yield* pass(100)
            assert.strictEqual((yield* Fiber.join(result)).output, "other")
            yield* crewline.cancel(id)
            assert.deepStrictEqual(yield* crewline.asks({ state: "open" }), [])
          })
        )
      })
  )

  const question = Tool.make({
    name: "ask",
    description: "Asks.",
    ask: () => ({ question: "Which?", timeout: "5 seconds", default: "any" }),
    execute: (_, { answer }) => answer
  })

  it.effect("can be answered during a pause, even after its deadline, and continues with the execution", () =>
    Effect.gen(function* () {
      for (const [answer, told] of [
        ["this", "this"],
        [undefined, "any"]
      ] as const) {
        yield* running(
          { a: { tools: ["ask"] } },
          { answers: { a: [World.calls(["ask", {}]), World.text("done")] }, tools: [question] },
          Effect.fnUntraced(function* ({ asked, crewline, id }) {
            const [ask] = yield* crewline.asks()
            yield* crewline.pause(id)
            yield* pass(10_000)
            if (answer !== undefined) yield* crewline.answer(ask!.id, { answer: "reply", value: answer })
            yield* pass(10_000)
            assert.strictEqual(asked.length, 1)
            assert.strictEqual((yield* crewline.asks())[0]!.state, answer === undefined ? "open" : "answered")
            yield* crewline.resume(id)
            yield* pass(100)
            assert.include(lastMessage(asked[1]!), `"result":"${told}"`)
            assert.strictEqual((yield* crewline.get(id)).status, "completed")
          })
        )
      }
    })
  )

  it.effect("ends with its execution: a later answer is refused, and a retry asks again", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      yield* running(
        { a: { tools: ["send"] } },
        {
          answers: (request) => (request.messages.length > 2 ? World.text("done") : World.calls(["send", { to: "x" }])),
          tools: [send(sent)]
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          const [old] = yield* crewline.asks()
          yield* crewline.cancel(id)
          assert.deepInclude(yield* Effect.flip(crewline.answer(old!.id, { answer: "approve" })), { _tag: "AskClosed" })
          const again = yield* crewline.retry(id)
          yield* pass(100)
          const [ask, ...more] = yield* crewline.asks({ state: "open" })
          assert.deepStrictEqual([ask!.executionId, ask!.shown, more], [again.id, old!.shown, []])
          assert.notStrictEqual(ask!.id, old!.id)
          assert.deepStrictEqual(sent, [])
          yield* crewline.answer(ask!.id, { answer: "approve" })
          assert.strictEqual((yield* again.result).output, "done")
          assert.deepStrictEqual(sent, ["x"])
        })
      )
    })
  )

  it.effect("is listed as waiting while other tasks run", () =>
    running(
      { a: { tools: ["send"] }, slow: {} },
      {
        answers: {
          a: [World.calls(["send", { to: "x" }]), World.text("done")],
          slow: [Effect.delay(Effect.succeed(World.text("x")), 60_000)]
        },
        tools: [send([])]
      },
      Effect.fnUntraced(function* ({ crewline, id }) {
        const [one] = yield* crewline.list({ status: ["waiting"] })
        assert.deepStrictEqual([one?.id, one?.status, one?.waitingFor], [id, "running", "person"])
        yield* crewline.answer((yield* crewline.asks())[0]!.id, { answer: "approve" })
        assert.deepStrictEqual(yield* crewline.list({ status: ["waiting"] }), [])
      })
    )
  )

  it.effect("appends no event while nothing changes", () =>
    running(
      { a: { tools: ["plain"] } },
      {
        answers: { a: [World.calls(["plain", {}]), World.text("done")] },
        tools: [World.tool("plain", () => Effect.succeed(1), { idempotent: true })]
      },
      Effect.fnUntraced(function* ({ events }) {
        assert.deepStrictEqual(
          (yield* events).map(({ type }) => type),
          [
            "ExecutionStarted",
            "TaskStarted",
            "TurnCompleted",
            "ToolCalled",
            "TurnCompleted",
            "TaskCompleted",
            "ExecutionEnded"
          ]
        )
      })
    )
  )
})
