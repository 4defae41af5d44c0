/**
 * Signals and spawned tasks, which are looked up by name, and what is available without their
 * texts.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Decision from "../../Decision.ts"
import * as EventLog from "../../EventLog.ts"
import * as Execution from "../../Execution.ts"
import type { SignalReceived } from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

const received = (signal: string, value: Schema.Json): SignalReceived => ({ type: "SignalReceived", signal, value })

export const declare = (it: Story.It): void => {
  it.effect("signals and spawned tasks are found by name, with their payloads; the first of a name counts", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const first = Story.plannedTask("a/1", {
        description: Story.large,
        output: { type: "object" },
        guardrails: [
          { kind: "sentence", text: "Is short" },
          { kind: "code", index: 0 }
        ],
        attachments: [{ file: "a.png", mediaType: "image/png" }]
      })
      const [second, third] = [Story.plannedTask("a/2"), Story.plannedTask("b/1")]
      const payment = { amount: 1, text: Story.large }
      yield* log.append(executionId, [
        Story.suspended("a", { spawn: [first, second] }),
        received("paid", payment),
        received("seen", null)
      ])
      yield* log.append(executionId, [
        Story.suspended("b", { spawn: [{ ...second, description: "Other" }, third] }),
        received("paid", "again")
      ])
      assert.deepStrictEqual(
        yield* log.signals(executionId, ["paid", "seen", "a/1", "paid"]),
        new Map<string, Schema.Json>([
          ["paid", payment],
          ["seen", null]
        ])
      )
      assert.deepStrictEqual(yield* log.signals(executionId, []), new Map())
      assert.deepStrictEqual(
        yield* log.spawned(executionId, ["a/2", "b/1", "paid", "nobody"]),
        new Map([
          ["a/2", second],
          ["b/1", third]
        ])
      )
      assert.deepStrictEqual(yield* log.spawned(executionId, ["a/1"]), new Map([["a/1", first]]))
      const looks: ReadonlyArray<Effect.Effect<unknown, EventLog.EventLogError>> = [
        log.signals("nobody", ["paid"]),
        log.spawned("nobody", ["a/1"])
      ]
      for (const look of looks) assert.strictEqual((yield* Story.reasonOf(look))._tag, "UnknownExecution")
    })
  )

  it.effect("decisions are the same without payloads", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      const plan = { ...Story.plan(), tasks: [Story.plannedTask("a")] }
      yield* log.start(executionId, { type: "ExecutionStarted", plan })
      yield* log.append(executionId, [
        Story.taskStarted("a"),
        Story.suspended("a", {
          asks: [Story.ask("a/1.1.0", { deadlineMillis: 5 }), Story.ask("a/1.1.1", { kind: "question" })],
          spawn: [
            Story.plannedTask("a/1"),
            Story.plannedTask("a/2", { dependencies: ["a/1"], signals: ["paid", "seen"] })
          ]
        }),
        received("paid", Story.large),
        Story.answered("a/1.1.0", { answer: "edit", arguments: { to: Story.large } })
      ])
      const fold = (payloads: boolean) =>
        Effect.map(log.read(executionId, { payloads }), (events) => Execution.fromEvents(events)!)
      const [light, whole] = [yield* fold(false), yield* fold(true)]
      const commands: ReadonlyArray<Decision.Command> = [
        { _tag: "Answer", ask: "a/1.1.1", answer: { answer: "reply", value: 1 }, by: { name: "Ada" } },
        { _tag: "Answer", ask: "a/1.1.0", answer: { answer: "deny" }, by: { name: "Ada" } },
        { _tag: "Signal", signal: "paid", value: 1 },
        { _tag: "Signal", signal: "seen", value: 1 },
        { _tag: "Cancel" }
      ]
      for (const command of commands)
        assert.deepStrictEqual(Decision.decide(light, command), Decision.decide(whole, command))
    })
  )
}
