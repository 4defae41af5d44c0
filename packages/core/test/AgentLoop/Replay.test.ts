/** A resumed task is based on the recorded events. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import * as Usage from "../../src/Usage.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

const usage: Usage.Usage = { ...Usage.zero, requests: 1 }
const turn = (number: number, answer: Llm.Answer): ExecutionEvent.Draft => ({
  type: "TurnCompleted",
  taskId: "a",
  run: 1,
  turn: number,
  messages: [{ role: "user", content: `words of turn ${number}` }],
  parts: answer.parts,
  finishReason: answer.finishReason,
  model: "fake-1",
  usage
})

/**
 * An execution whose worker died after these events of its task `a`; returns the later requests to
 * the model, and the view.
 */
const takeUp = (options: {
  readonly task?: Partial<Plan.PlannedTask>
  readonly recorded: ReadonlyArray<ExecutionEvent.Draft>
  readonly answers: ReadonlyArray<Llm.Answer>
  readonly tools?: ReadonlyArray<Toolbox.Tool>
}) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const asked: Array<Llm.Request> = []
    yield* log.start("x", { type: "ExecutionStarted", plan: World.plan({ a: { ...options.task } }) })
    yield* log.append("x", [
      { type: "TaskStarted", taskId: "a", run: 1, attempt: 1, worker: "dead", crashes: 0 },
      ...options.recorded
    ])
    const { crewline } = yield* Process.start({
      model: World.llm(World.script({ a: options.answers }), asked),
      ...(options.tools === undefined ? {} : { tools: options.tools })
    })
    yield* Effect.repeat(TestClock.adjust(100), { times: 20 })
    return { asked, events: yield* log.read("x"), task: (yield* crewline.get("x")).tasks["a"]! }
  }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))

describe("AgentLoop, after a crash", () => {
  it.effect("a refused answer stays refused, even if no check would refuse it now", () =>
    Effect.gen(function* () {
      const { asked, events, task } = yield* takeUp({
        recorded: [
          turn(1, World.text("first")),
          { type: "OutputRejected", taskId: "a", run: 1, turn: 1, by: "guardrail", complaint: "too short" }
        ],
        answers: [World.text("second")]
      })
      assert.strictEqual(task.output, "second")
      assert.strictEqual(asked.length, 1)
      assert.include(JSON.stringify(asked[0]!.messages.at(-1)), "too short")
      assert.strictEqual(events.filter((event) => event.type === "OutputRejected").length, 1)
    })
  )

  it.effect("a recorded answer that has not been checked is judged, not requested again", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* takeUp({ recorded: [turn(1, World.text("first"))], answers: [] })
      assert.strictEqual(task.output, "first")
      assert.strictEqual(asked.length, 0)
    })
  )

  it.effect("recorded verdicts of a judge count, and only the missing one is requested", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* takeUp({
        task: {
          guardrails: [
            { kind: "sentence", text: "Be brief." },
            { kind: "sentence", text: "Be kind." }
          ]
        },
        recorded: [
          turn(1, World.text("first")),
          { type: "GuardrailJudged", taskId: "a", run: 1, turn: 1, guardrail: 0, accepted: true }
        ],
        answers: [World.text('{"accepted":true,"complaint":""}')]
      })
      assert.strictEqual(task.output, "first")
      assert.strictEqual(asked.length, 1)
      assert.include(JSON.stringify(asked[0]!.messages), "Be kind.")
    })
  )

  it.effect("tools that were found are offered again, and can be called from the turn after the search on", () =>
    Effect.gen(function* () {
      const made: Array<unknown> = []
      const tools = [
        World.tool("invoice_find", (args) => Effect.sync(() => (made.push(args), "found"))),
        World.tool("invoice_send", () => Effect.succeed("sent"))
      ]
      const { asked, events, task } = yield* takeUp({
        task: { tools: ["tool_search"], policies: [{ scope: "task", allow: ["tool_search", "invoice_*"] }] },
        recorded: [
          turn(1, World.calls(["tool_search", { query: "invoices" }, "c1"], ["invoice_find", { id: 1 }, "c2"])),
          {
            type: "ToolCalled",
            taskId: "a",
            run: 1,
            turn: 1,
            callId: "c1",
            tool: "tool_search",
            arguments: { query: "invoices" },
            // One of them is gone since.
            result: { tools: ["invoice_find", "invoice_print"] },
            isFailure: false,
            durationMillis: 1
          }
        ],
        answers: [
          World.calls(["invoice_find", { id: 2 }], ["invoice_send", {}], ["invoice_print", {}]),
          World.text("done")
        ],
        tools
      })
      assert.strictEqual(task.output, "done")
      assert.deepStrictEqual(
        asked[0]!.tools.map(({ name }) => name),
        ["tool_search", "invoice_find"]
      )
      assert.deepStrictEqual(made, [{ id: 2 }])
      const calls = events.filter((event) => event.type === "ToolCalled").map((call) => [call.tool, call.isFailure])
      assert.deepStrictEqual(calls.slice(1), [
        ["invoice_find", true],
        ["invoice_find", false],
        ["invoice_send", true],
        ["invoice_print", true]
      ])
    })
  )

  it.effect("of three calls the completed one is not repeated, the started one only if that is safe", () =>
    Effect.gen(function* () {
      const made: Array<string> = []
      const tool = (name: string, idempotent: boolean) =>
        World.tool(
          name,
          (_args, { idempotencyKey }) =>
            Effect.sync(() => {
              made.push(idempotencyKey)
              return name
            }),
          { idempotent }
        )
      const { asked, task } = yield* takeUp({
        task: { tools: ["done", "begun", "read"] },
        recorded: [
          turn(1, World.calls(["done", {}, "c1"], ["begun", {}, "c2"], ["read", {}, "c3"])),
          { type: "ToolStarted", taskId: "a", run: 1, turn: 1, callId: "c1", tool: "done" },
          { type: "ToolStarted", taskId: "a", run: 1, turn: 1, callId: "c2", tool: "begun" },
          {
            type: "ToolCalled",
            taskId: "a",
            run: 1,
            turn: 1,
            callId: "c1",
            tool: "done",
            arguments: {},
            result: "recorded result",
            isFailure: false,
            durationMillis: 1
          }
        ],
        answers: [World.text("fine")],
        tools: [tool("done", false), tool("begun", false), tool("read", true)]
      })
      assert.strictEqual(task.output, "fine")
      // The key is that of the run that requested the call: a second delivery has the same one.
      assert.deepStrictEqual(made, ["x/a/1/1/c3"])
      const results = JSON.stringify(asked[0]!.messages.at(-1))
      assert.include(results, "recorded result")
      assert.include(results, "whether it took effect is not known")
    })
  )

  it.effect("records of an attempt that started over are not used", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* takeUp({
        recorded: [
          turn(1, World.text("first")),
          {
            type: "TaskRetried",
            taskId: "a",
            run: 1,
            attempt: 1,
            error: { code: "output-invalid", message: "bad", isRetryable: true },
            delayMillis: 0,
            keepsTurns: false
          }
        ],
        answers: [World.text("anew")]
      })
      assert.strictEqual(task.output, "anew")
      assert.notInclude(JSON.stringify(asked[0]!.messages), "words of turn 1")
    })
  )
})

describe("AgentLoop", () => {
  it.effect("sends no message without content back to a provider", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* takeUp({
        recorded: [],
        answers: [World.text(""), { ...World.text(""), parts: [] }, World.text("done")]
      })
      assert.strictEqual(task.output, "done")
      assert.deepStrictEqual(
        asked.at(-1)!.messages.map((message) => message.role),
        ["system", "user", "user", "user"]
      )
    })
  )
})
