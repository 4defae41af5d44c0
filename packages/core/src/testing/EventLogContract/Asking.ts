/**
 * Asks of people from their suspension to their end.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Ask from "../../Ask.ts"
import * as Decision from "../../Decision.ts"
import * as EventLog from "../../EventLog.ts"
import * as Execution from "../../Execution.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

/** Every event that ends asks without an answer. */
const closing: ReadonlyArray<(closes: ReadonlyArray<string>) => ExecutionEvent.Draft> = [
  (closes) => ({ ...Story.taskStarted("a", 2), woke: "timeout", closes }),
  (closes) => ({
    type: "TaskRetried",
    taskId: "a",
    run: 1,
    attempt: 1,
    error: { code: "model-error", message: "no", isRetryable: true },
    delayMillis: 0,
    keepsTurns: false,
    closes
  }),
  ...Story.terminals.map((terminal) => (closes: ReadonlyArray<string>) => ({ ...terminal("a"), closes })),
  (closes) => ({ ...Story.ended("failed"), closes })
]

const states = (executionId: string, ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    return yield* Effect.forEach(ids, (id) => Effect.map(log.ask(executionId, id), (found) => found?.state))
  })

export const declare = (it: Story.It): void => {
  opening(it)
  ending(it)
  once(it)
}

/** The content of an ask. */
const opening = (it: Story.It): void => {
  it.effect("an ask is open from its suspension on, and contains the whole question", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const schema = { type: "object", properties: { to: { type: "string" } } }
      const question = { kind: "question", shown: { question: Story.large }, onSilence: "reply" } as const
      const asks = [
        Story.ask("a/1.1.0", { schema, deadlineMillis: 90_000 }),
        Story.ask("a/1.1.1", { ...question, reply: { z: 1, a: ["\u0000"] } }),
        Story.ask("budget/0", { kind: "budget", scope: "execution" })
      ]
      const { events } = yield* log.append(executionId, [Story.suspended("a", { asks })])
      const { at } = events[0]!
      const recorded = asks.map(({ deadlineMillis, ...one }) => ({
        ...one,
        executionId,
        taskId: "a",
        state: "open" as const,
        askedAt: at,
        ...(deadlineMillis !== undefined && { deadline: new Date(Date.parse(at) + deadlineMillis).toISOString() })
      }))
      assert.deepStrictEqual<unknown>(yield* log.asks({ executionId }), recorded)
      for (const one of recorded) assert.deepStrictEqual<unknown>(yield* log.ask(executionId, one.id), one)
      assert.isUndefined(yield* log.ask(executionId, "a/1.1.2"))
      assert.strictEqual((yield* Story.reasonOf(log.ask("nobody", "a/1.1.0")))._tag, "UnknownExecution")
    })
  )

  it.effect("repeating an ask does not change it, its deadline or its task", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const budget = Story.ask("budget/0", { kind: "budget", deadlineMillis: 1_000 })
      yield* log.append(executionId, [Story.suspended("a", { asks: [budget] })])
      const first = yield* log.ask(executionId, "budget/0")
      yield* Effect.sleep(3)
      const again = { ...budget, deadlineMillis: 9_000, title: "Other" }
      yield* log.append(executionId, [Story.suspended("b", { asks: [again, Story.ask("b/1.1.0")] })])
      assert.deepStrictEqual(yield* log.ask(executionId, "budget/0"), first)
      assert.deepStrictEqual(Story.idsOf(yield* log.asks({ executionId })), ["budget/0", "b/1.1.0"])
      yield* log.append(executionId, [
        Story.answered("budget/0", { answer: "deny" }),
        Story.suspended("c", { asks: [again] })
      ])
      assert.deepStrictEqual(yield* states(executionId, ["budget/0"]), ["answered"])
    })
  )
}

/** Answers, and asks that are closed without one. */
const ending = (it: Story.It): void => {
  it.effect("the first answer counts, and records its author and time", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const said: ReadonlyArray<Omit<Ask.Answer, "hash">> = [
        { answer: "approve", scope: "run" },
        { answer: "edit", arguments: { to: Story.large } },
        { answer: "deny", reason: "Not \u0000 today" },
        { answer: "reply", value: null },
        { answer: "revise", feedback: "Shorter" },
        { answer: "raise", limits: { tokens: 5 } }
      ]
      const asks = said.map((_, index) => Story.ask(`a/1.1.${index}`))
      yield* log.append(executionId, [Story.suspended("a", { asks })])
      const before = yield* log.asks({ executionId })
      const { events } = yield* log.append(
        executionId,
        Story.all(said.map((answer, index) => Story.answered(`a/1.1.${index}`, answer)))
      )
      yield* log.append(executionId, [Story.answered("a/1.1.0", { answer: "deny", by: { name: "Bob" } })])
      yield* log.append(executionId, [{ ...Story.completed("a"), closes: Story.idsOf(before) }])
      assert.deepStrictEqual<unknown>(
        yield* log.asks({ executionId }),
        before.map((one, index) => ({
          ...one,
          state: "answered",
          closedAt: events[index]!.at,
          answer: said[index],
          answeredBy: { name: "Ada", role: "operator" }
        }))
      )
    })
  )

  it.effect("an event closes exactly the asks that it names, without an answer", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      for (const close of closing) {
        const executionId = yield* Story.begin
        const ids = ["a/1.1.0", "a/1.1.1", "a/1.1.2"]
        yield* log.append(executionId, [Story.suspended("a", { asks: ids.map((id) => Story.ask(id)) })])
        yield* log.append(executionId, [Story.answered("a/1.1.1")])
        const event = close(["a/1.1.0", "a/1.1.1", "a/1.1.0.timer", "a/9.9.9"])
        const { events } = yield* log.append(executionId, [event])
        assert.deepStrictEqual(yield* states(executionId, ids), ["closed", "answered", "open"], event.type)
        const closed = yield* log.ask(executionId, "a/1.1.0")
        assert.deepInclude(closed, { closedAt: events[0]!.at })
        assert.notProperty(closed, "answer")
      }
    })
  )

  it.effect("the events of one append are applied in order", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* log.append(executionId, [
        { ...Story.taskStarted("a", 2), closes: ["a/1.1.0"] },
        Story.suspended("a", { asks: [Story.ask("a/1.1.0"), Story.ask("a/1.1.1")] })
      ])
      assert.deepStrictEqual(yield* states(executionId, ["a/1.1.0", "a/1.1.1"]), ["open", "open"])
      yield* log.append(executionId, [
        Story.suspended("b", { asks: [Story.ask("b/1.1.0")] }),
        Story.answered("a/1.1.0"),
        { ...Story.completed("b"), closes: ["b/1.1.0", "a/1.1.0"] }
      ])
      const ids = ["a/1.1.0", "a/1.1.1", "b/1.1.0"]
      assert.deepStrictEqual(yield* states(executionId, ids), ["answered", "open", "closed"])
    })
  )
}

/** Appends that are sent twice, are refused, or race. */
const once = (it: Story.It): void => {
  it.effect("a repeated append opens and closes asks once; a refused one does neither", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const asks = [Story.ask("a/1.1.0"), Story.ask("a/1.1.1")]
      const asking = Story.all([Story.turn("a", 1), Story.suspended("a", { asks })])
      for (const _ of Story.upTo(2)) yield* log.append(executionId, asking, { nonce: "1" })
      assert.strictEqual((yield* log.asks({ executionId })).length, 2)
      for (const _ of Story.upTo(2)) yield* log.append(executionId, [Story.answered("a/1.1.0")], { nonce: "2" })
      const refused: ReadonlyArray<readonly [ReadonlyArray<ExecutionEvent.Draft>, EventLog.AppendOptions]> = [
        [[Story.answered("a/1.1.1"), Story.suspended("b", { asks: [Story.ask("b/1.1.0")] })], { expectVersion: 1 }],
        [[Story.completed("c"), { ...Story.failed("c"), closes: ["a/1.1.1"] }], {}],
        [[Story.answered("a/1.1.1")], { nonce: "1" }]
      ]
      for (const [drafts, options] of refused) yield* Effect.exit(log.append(executionId, Story.all(drafts), options))
      assert.deepStrictEqual(yield* states(executionId, ["a/1.1.0", "a/1.1.1", "b/1.1.0"]), [
        "answered",
        "open",
        undefined
      ])
      // A turn that is already stored is omitted; the events that come with it are new.
      const spawn = [Story.plannedTask("c/s")]
      yield* log.append(executionId, [
        Story.turn("a", 1),
        Story.suspended("c", { asks: [Story.ask("c/1.1.0")], spawn })
      ])
      assert.deepInclude(yield* log.ask(executionId, "c/1.1.0"), { state: "open", taskId: "c" })
      assert.deepStrictEqual(yield* log.spawned(executionId, ["c/s"]), new Map([["c/s", spawn[0]!]]))
      yield* log.append(executionId, [{ ...Story.completed("a"), closes: ["a/1.1.1", "c/1.1.0"] }])
      assert.notProperty(yield* log.summary(executionId), "waitingFor")
    })
  )

  it.effect("of many concurrent answers, one is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      const plan = { ...Story.plan(), tasks: [Story.plannedTask("a")] }
      yield* log.start(executionId, { type: "ExecutionStarted", plan })
      yield* log.append(executionId, [Story.taskStarted("a"), Story.suspended("a", { asks: [Story.ask("a/1.1.0")] })])

      const answer = (index: number): Effect.Effect<Result.Result<number, Decision.Refusal>, EventLog.EventLogError> =>
        Effect.gen(function* () {
          const state = Execution.fromEvents(yield* log.read(executionId, { payloads: false }))!
          const decided = Decision.decide(state, {
            _tag: "Answer",
            ask: "a/1.1.0",
            answer: { answer: "deny", reason: `${index}` },
            by: { name: `${index}` }
          })
          if (Result.isFailure(decided)) return Result.fail(decided.failure)
          yield* log.append(executionId, Story.all(decided.success), { expectVersion: state.version })
          return Result.succeed(index)
        }).pipe(Effect.catchReason("EventLogError", "Conflict", () => answer(index)))

      const results = (yield* Story.race(50, answer)).flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value] : []))
      const won = results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
      const lost = results.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
      assert.strictEqual(won.length, 1)
      assert.deepStrictEqual(
        lost,
        Array.from({ length: 49 }, () => "ask-closed" as const)
      )
      assert.deepInclude(yield* log.ask(executionId, "a/1.1.0"), {
        answer: { answer: "deny", reason: `${won[0]}` },
        answeredBy: { name: `${won[0]}` }
      })
      const stored = (yield* log.read(executionId)).filter(({ type }) => type === "AskAnswered")
      assert.strictEqual(stored.length, 1)
    })
  )
}
