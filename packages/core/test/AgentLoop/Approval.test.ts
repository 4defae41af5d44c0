/**
 * Calls that a person must approve: each is asked about once, and the answer is bound to exactly
 * what was shown.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Ask from "../../src/Ask.ts"
import * as Tool from "../../src/Tool.ts"
import { ann, lastMessage, ofType, pass, running, send } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const Arguments = Schema.Struct({ to: Schema.String })

describe("approvals", () => {
  it.effect(
    "bind to one call each, whatever the order of answers; no call is made before its approval, and each is made once",
    () =>
      Effect.gen(function* () {
        const sent: Array<unknown> = []
        yield* running(
          { a: { tools: ["send"] } },
          {
            answers: {
              a: [World.calls(["send", { to: "x" }], ["send", { to: "y" }], ["send", { to: "z" }]), World.text("done")]
            },
            tools: [send(sent)]
          },
          Effect.fnUntraced(function* ({ asked, crewline, events, id, task }) {
            assert.strictEqual((yield* crewline.get(id)).status, "waiting")
            const asks = yield* crewline.asks({ state: "open" })
            assert.deepStrictEqual(
              asks.map(({ shown }) => (shown as { arguments: unknown }).arguments),
              [{ to: "x" }, { to: "y" }, { to: "z" }]
            )
            assert.deepStrictEqual(
              (yield* task()).waitingFor,
              asks.map(({ id, title }) => ({ kind: "approval", id, title }))
            )
            const [x, y, z] = asks
            yield* crewline.answer(z!.id, { answer: "deny", reason: "not him" }, { by: ann })
            yield* pass(50)
            yield* crewline.answer(x!.id, { answer: "edit", arguments: { to: "xx" }, hash: x!.hash }, { by: ann })
            yield* pass(50)
            assert.deepStrictEqual(sent, [])
            const closed = yield* crewline.answer(y!.id, { answer: "approve" }, { by: ann })
            assert.deepStrictEqual(
              [closed.state, closed.answer?.answer, closed.answeredBy],
              ["answered", "approve", ann]
            )
            yield* pass(100)
            assert.sameMembers(sent, ["xx", "y"])
            assert.strictEqual((yield* crewline.get(id)).output, "done")
            assert.strictEqual(asked.length, 2)
            const told = lastMessage(asked[1]!)
            for (const part of ["changed the arguments", "sent to xx", "sent to y", "denied", "not him"])
              assert.include(told, part)
            const recorded = ofType(yield* events, "ToolCalled").map((event) => [event.arguments, event.isFailure])
            assert.deepStrictEqual(
              recorded.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)),
              [
                [{ to: "xx" }, false],
                [{ to: "y" }, false],
                [{ to: "z" }, true]
              ]
            )
          })
        )
      })
  )

  it.effect("are refused with distinct errors: a different answer, different contents, repeated, late, unknown", () =>
    running(
      { a: { tools: ["send"] } },
      { answers: { a: [World.calls(["send", { to: "x" }]), World.text("done")] }, tools: [send([])] },
      Effect.fnUntraced(function* ({ crewline }) {
        const [ask] = yield* crewline.asks()
        const fails = (id: string, answer: Ask.Answer) => Effect.map(Effect.flip(crewline.answer(id, answer)), String)
        assert.include(yield* fails(ask!.id, { answer: "accept" }), `one of "approve", "edit", "deny"`)
        assert.include(yield* fails(ask!.id, { answer: "edit" }), "needs arguments")
        assert.include(yield* fails(ask!.id, { answer: "edit", arguments: { to: 7 } }), "arguments/to")
        assert.include(yield* fails(ask!.id, { answer: "approve", feedback: "x" }), "takes no feedback")
        assert.include(yield* fails(ask!.id, { answer: "approve", hash: "0" }), "does not match")
        assert.include(yield* fails("nobody~a~1.1.0", { answer: "approve" }), "There is no ask")
        assert.include(yield* fails("nonsense", { answer: "approve" }), "There is no ask")
        yield* crewline.answer(ask!.id, { answer: "deny" }, { by: ann })
        assert.include(yield* fails(ask!.id, { answer: "approve" }), `ann answered it with "deny"`)
      })
    )
  )

  it.effect("bind to one call each, even if the model gave its calls the same id or none", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      const made = ["x", "y", "z", "w"].map((to, index) => ["send", { to }, ["c", "c", "", "c_2"][index]!] as const)
      yield* running(
        { a: { tools: ["send"] } },
        { answers: { a: [World.calls(...made), World.text("done")] }, tools: [send(sent)] },
        Effect.fnUntraced(function* ({ asked, crewline, events }) {
          const [x, y, z, w] = yield* crewline.asks()
          yield* crewline.answer(x!.id, { answer: "deny" })
          yield* crewline.answer(y!.id, { answer: "approve" })
          yield* crewline.answer(z!.id, { answer: "deny" })
          yield* crewline.answer(w!.id, { answer: "approve" })
          yield* pass(100)
          assert.sameMembers(sent, ["y", "w"])
          const called = ofType(yield* events, "ToolCalled")
          assert.deepStrictEqual(new Set(called.map(({ callId }) => callId)), new Set(["c", "c_3", "call_2", "c_2"]))
          for (const { arguments: args, isFailure } of called)
            assert.strictEqual(
              isFailure,
              JSON.stringify(args) === '{"to":"x"}' || JSON.stringify(args) === '{"to":"z"}'
            )
          // Calls and results refer to each other.
          const told = asked[1]!.messages
            .slice(-2)
            .map(({ content }) =>
              typeof content === "string" ? [] : content.map((part) => ("id" in part ? part.id : undefined))
            )
          assert.deepStrictEqual(told[0], told[1])
        })
      )
    })
  )

  it.effect("whose edit lacks its arguments cause no call, whatever recorded it", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      yield* running(
        { a: { tools: ["send"] } },
        { answers: { a: [World.calls(["send", { to: "x" }]), World.text("done")] }, tools: [send(sent)] },
        Effect.fnUntraced(function* ({ asked, crewline, id, log }) {
          const [ask] = yield* crewline.asks()
          const { hash } = ask!
          yield* log.append(id, [{ type: "AskAnswered", ask: "a/1.1.0", taskId: "a", answer: "edit", hash, by: ann }])
          // Refused, and the task is woken, because the ask was answered.
          assert.strictEqual((yield* Effect.flip(crewline.answer(ask!.id, { answer: "approve" })))._tag, "AskClosed")
          yield* pass(100)
          assert.deepStrictEqual(sent, [])
          assert.include(lastMessage(asked[1]!), "the new ones are not there; it was not made")
        })
      )
    })
  )

  it.effect("are never granted by silence, and late ones are refused", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      const tool = (name: string, approval: Tool.Options<typeof Arguments>["approval"] & {}) =>
        Tool.make({
          name,
          description: "Sends.",
          parameters: Arguments,
          approval,
          execute: ({ to }) => void sent.push(to)
        })
      yield* running(
        { a: { tools: ["soon", "later", "never"], approvals: ["never", "later"] } },
        {
          answers: {
            a: [World.calls(["soon", { to: "x" }], ["later", { to: "y" }], ["never", { to: "z" }]), World.text("done")]
          },
          tools: [
            tool("soon", { timeout: "5 seconds" }),
            tool("later", ({ to }) => (to === "y" ? { timeout: 60_000 } : false)),
            tool("never", () => false)
          ]
        },
        Effect.fnUntraced(function* ({ asked, crewline, id }) {
          const asks = yield* crewline.asks()
          assert.deepStrictEqual(
            asks.map(({ askedAt, deadline, onSilence, tool }) => [
              tool,
              deadline === undefined ? undefined : Date.parse(deadline) - Date.parse(askedAt),
              onSilence
            ]),
            [
              ["soon", 5_000, "deny"],
              ["later", 60_000, "deny"],
              ["never", undefined, "deny"]
            ]
          )
          yield* pass(10_000)
          const late = yield* Effect.flip(crewline.answer(asks[0]!.id, { answer: "approve" }))
          assert.strictEqual(late._tag, "AskClosed")
          yield* pass(60_000)
          assert.deepStrictEqual(
            (yield* crewline.asks()).map(({ state }) => state),
            ["closed", "closed", "open"]
          )
          yield* crewline.answer(asks[2]!.id, { answer: "approve" })
          yield* pass(100)
          assert.deepStrictEqual(sent, ["z"])
          assert.strictEqual(lastMessage(asked[1]!).split("Nobody approved this call in time").length - 1, 2)
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
        })
      )
    })
  )

  it.effect.each([{ timeout: "1 huor" }, { timeout: -1 }])("with an invalid time limit are not granted: %j", (said) =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      const options = { name: "send", description: "Sends.", execute: () => void sent.push(1) }
      assert.throws(() => Tool.make({ ...options, approval: said }), /Invalid approval timeout/)
      yield* running(
        { a: { tools: ["send"] } },
        {
          answers: { a: [World.calls(["send", {}]), World.text("done")] },
          tools: [Tool.make({ ...options, approval: () => said })]
        },
        Effect.fnUntraced(function* ({ asked, crewline }) {
          assert.include(lastMessage(asked[1]!), "timeout must be a duration")
          assert.deepStrictEqual([sent, yield* crewline.asks()], [[], []])
        })
      )
    })
  )

  it.effect("of a tool for the whole run are requested once", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      yield* running(
        { a: { tools: ["send"] } },
        {
          answers: { a: [World.calls(["send", { to: "x" }]), World.calls(["send", { to: "y" }]), World.text("done")] },
          tools: [send(sent)]
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          const [ask] = yield* crewline.asks()
          yield* crewline.answer(ask!.id, { answer: "approve", scope: "run" })
          yield* pass(100)
          assert.deepStrictEqual(sent, ["x", "y"])
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
          assert.strictEqual((yield* crewline.asks()).length, 1)
        })
      )
    })
  )

  it.effect(
    "can be declared by the crew, and decided by a function of the arguments; invalid calls are never shown",
    () =>
      Effect.gen(function* () {
        const made: Array<unknown> = []
        const pay = Tool.make({
          name: "pay",
          description: "Pays.",
          parameters: Schema.Struct({ amount: Schema.Finite }),
          approval: ({ amount }) => amount > 100,
          execute: ({ amount }) => void made.push(amount)
        })
        const look = World.tool("look", () => Effect.sync(() => (made.push("look"), null)))
        yield* running(
          { a: { tools: ["pay", "look"], approvals: ["look"] } },
          {
            answers: {
              a: [
                World.calls(
                  ["pay", { amount: 5 }],
                  ["pay", { amount: "much" }],
                  ["pay", { amount: 500 }],
                  ["look", {}]
                ),
                World.text("done")
              ]
            },
            tools: [pay, look]
          },
          Effect.fnUntraced(function* ({ crewline }) {
            // Calls that need no approval run at once.
            assert.deepStrictEqual(made, [5])
            const asks = yield* crewline.asks()
            assert.deepStrictEqual(
              asks.map(({ tool }) => tool),
              ["pay", "look"]
            )
            for (const { id } of asks) yield* crewline.answer(id, { answer: "approve" })
            yield* pass(100)
            assert.sameMembers(made, [5, 500, "look"])
          })
        )
      })
  )
})
