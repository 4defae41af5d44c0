/** Asks and answers in the SDK: which answers are accepted, and the error of each refusal. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Crewline from "../../src/Crewline.ts"
import * as AskView from "../../src/AskView.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as Layer from "effect/Layer"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as LocalTaskQueue from "../../src/LocalTaskQueue.ts"
import * as Workspace from "../../src/Workspace.ts"
import * as Tool from "../../src/Tool.ts"
import * as World from "../fake/World.ts"

const sent: Array<string> = []
const send = Tool.make({
  name: "send",
  description: "Sends a letter.",
  parameters: Schema.Struct({ to: Schema.String }),
  approval: true,
  execute: ({ to }) => void sent.push(to)
})

const log = LocalEventLog.layerLocal
const crewline = Crewline.layer().pipe(
  Layer.provide([
    World.llm((request) =>
      request.messages.at(-1)?.role === "tool" ? World.text("done") : World.calls(["send", { to: "ann" }])
    ),
    World.toolbox(send),
    Workspace.layerNone
  ])
)
const inbox = Crewline.Inbox.layer
const layer = Layer.merge(crewline, inbox).pipe(Layer.provideMerge([log, LocalTaskQueue.layerLocal]))

/** An execution that asks for one approval. */
const asking = Effect.gen(function* () {
  const service = yield* Crewline.Crewline
  const { id } = yield* service.startPlan(World.plan({ a: { tools: ["send"] } }))
  for (;;) {
    const [ask] = yield* service.asks({ executionId: id, state: "open" })
    if (ask !== undefined) return { ask, id, service }
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
  }
})

const tags = (id: string, answers: ReadonlyArray<Parameters<Crewline.Crewline["Service"]["answer"]>[1]>) =>
  Effect.gen(function* () {
    const service = yield* Crewline.Crewline
    return yield* Effect.forEach(answers, (answer) =>
      Effect.map(Effect.flip(service.answer(id, answer)), ({ _tag }) => _tag)
    )
  })

describe("answers", () => {
  it.live("are refused with errors that name the problem, and store nothing", () =>
    Effect.gen(function* () {
      const { ask, id, service } = yield* asking
      const { lastSeq } = yield* (yield* EventLog.EventLog).summary(id)
      assert.deepStrictEqual(
        yield* tags(ask.id, [
          { answer: "approve", hash: "0" },
          { answer: "accept" },
          { answer: "edit" },
          { answer: "deny", feedback: "x" }
        ]),
        ["HashMismatch", "InvalidAnswer", "InvalidAnswer", "InvalidAnswer"]
      )
      const circle: { self?: unknown } = {}
      circle.self = circle
      for (const [value, said] of [
        [JSON.parse("[".repeat(5_000) + "]".repeat(5_000)), "nested more than 200 levels deep"],
        [circle, "nested more than 200 levels deep"],
        ["x".repeat(2_000_000), "longer than 1048576 characters"],
        [1n, "must be JSON"],
        [new Date(0), "must be JSON"]
      ] as const) {
        const args = { to: value as never }
        const refused = yield* Effect.flip(service.answer(ask.id, { answer: "edit", arguments: args }))
        assert.instanceOf(refused, Crewline.InvalidAnswer)
        assert.include(refused.message, said)
      }
      const invalid = yield* Effect.flip(service.answer(ask.id, { answer: "edit", arguments: { to: 7 }, reason: "x" }))
      assert.instanceOf(invalid, Crewline.InvalidAnswer)
      assert.deepStrictEqual(
        invalid.problems.map(({ path }) => path),
        ["/reason", "/arguments/to"]
      )
      for (const unknown of [
        "",
        "x",
        `${ask.id}\u0000`,
        `${ask.id}\ud800`,
        `${id}~a~9.9.9`,
        AskView.idOf("exec_none", "a/1.1.0")
      ])
        assert.deepStrictEqual(yield* tags(unknown, [{ answer: "approve" }]), ["UnknownAsk"])
      for (const after of ["x", `${id}~a~9.9.9`])
        assert.strictEqual((yield* Effect.flip(service.asks({ after }))).reason._tag, "UnknownExecution")
      const by = { name: "vic", role: "viewer" }
      const foreign = yield* Effect.flip(service.answer(ask.id, { answer: "approve" }, { by }))
      assert.instanceOf(foreign, Crewline.MayNotAnswer)
      assert.deepStrictEqual(foreign.answerableBy, ["operator", "admin"])
      assert.strictEqual((yield* (yield* EventLog.EventLog).summary(id)).lastSeq, lastSeq)

      const closed = yield* service.answer(ask.id, { answer: "deny", reason: "no", hash: undefined } as never, {
        by: { name: "ann" }
      })
      assert.deepInclude(closed, { id: ask.id, state: "answered", answeredBy: { name: "ann" } })
      const late = yield* Effect.flip(service.answer(ask.id, { answer: "approve" }, { by: { name: "bob" } }))
      assert.instanceOf(late, Crewline.AskClosed)
      assert.include(late, { answer: "deny", by: "ann" })
      assert.deepStrictEqual(sent, [])
    }).pipe(Effect.provide(layer))
  )

  it.live("are accepted by a separate inbox, over the log and the queue of the process that runs the execution", () =>
    Effect.gen(function* () {
      const { ask, id, service } = yield* asking
      const alone = yield* Crewline.Inbox
      assert.deepStrictEqual(yield* alone.asks({ state: "open" }), [ask])
      yield* alone.answer(ask.id, { answer: "approve", hash: ask.hash })
      const { output } = yield* (yield* service.adopt(id)).result
      assert.strictEqual(output, "done")
      assert.deepStrictEqual(sent, ["ann"])
    }).pipe(Effect.provide(layer))
  )
})
