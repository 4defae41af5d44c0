/** What holds of a suspended task, whatever it waits for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { pass, running, send } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

describe("whatever waits", () => {
  it.effect("holds no place: with one, another crew runs at once beside a hundred suspended tasks", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 100 }, (_, index) => `t${index}`)
      yield* running(
        Object.fromEntries(names.map((name) => [name, { tools: ["send"] }])),
        {
          answers: (request) => (request.tools.length === 0 ? World.text("other") : World.calls(["send", { to: "x" }])),
          tools: [send([])],
          crewline: { worker: { concurrency: 1 } }
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          for (let n = 0; n < 50 && (yield* crewline.asks({ limit: 200 })).length < 100; n++) yield* pass(100)
          assert.strictEqual((yield* crewline.asks({ limit: 200 })).length, 100)
          const other = yield* crewline.startPlan(World.plan({ a: {} }))
          const result = yield* Effect.forkChild(other.result)
          yield* pass(100)
          assert.strictEqual((yield* Fiber.join(result)).output, "other")
          yield* crewline.cancel(id)
          assert.deepStrictEqual(yield* crewline.asks({ state: "open" }), [])
        })
      )
    })
  )

  it.effect("is listed as waiting while other tasks go on", () =>
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

  it.effect("appends nothing where nothing waits", () =>
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
