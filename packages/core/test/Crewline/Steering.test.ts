/** Messages to a manager and to agents at work. */
import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type * as Ask from "../../src/Ask.ts"
import type * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as Llm from "../../src/Llm.ts"
import * as Tenant from "../../src/Tenant.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { ann, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

type Send = Crewline.Crewline["Service"]["send"]

/** What people have sent, as a request shows it, in order. */
const told = ({ messages }: Llm.Request): ReadonlyArray<string> =>
  messages.flatMap(({ content }) =>
    Array.from(
      JSON.stringify(content).matchAll(/A message to you from (\w+):\\n(.*?)\\n/g),
      ([, by, text]) => `${by}: ${text}`
    )
  )

/** A model whose `n`-th answer to a task comes only after something was done. */
const meddled = (
  answers: { readonly [task: string]: ReadonlyArray<Llm.Answer> },
  meddle: (task: string, turn: number) => Effect.Effect<unknown, unknown>
) => {
  const reply = World.script(answers)
  return (request: Llm.Request): World.Reply => {
    const { taskId } = request.caller!
    const turn = request.messages.filter(({ role }) => role === "assistant").length + 1
    const answer = reply(request)
    return Effect.andThen(Effect.orDie(meddle(taskId, turn)), Effect.isEffect(answer) ? answer : Effect.succeed(answer))
  }
}

/** As `running`, where the answers may wait for something to be sent. */
const meddling = <A, E>(
  tasks: Parameters<typeof running>[0],
  {
    answers,
    sent,
    ...options
  }: Omit<Parameters<typeof running>[1], "answers"> & {
    readonly answers: { readonly [task: string]: ReadonlyArray<Llm.Answer> }
    readonly sent: (send: Send, id: string) => (task: string, turn: number) => Effect.Effect<unknown, unknown>
  },
  use: Parameters<typeof running<A, E>>[2]
) => {
  const ready = Deferred.makeUnsafe<readonly [Send, string]>()
  const meddle = (task: string, turn: number) =>
    Effect.flatMap(Deferred.await(ready), ([send, id]) => sent(send, id)(task, turn))
  return running(tasks, { ...options, answers: meddled(answers, meddle) }, (run) => {
    Deferred.doneUnsafe(ready, Effect.succeed([run.crewline.send, run.id] as const))
    return Effect.andThen(pass(500), use(run))
  })
}

const look = World.tool("look", () => Effect.succeed("seen"), { idempotent: true })
const boss = Managed.plan()

describe("a message to a task", () => {
  it.effect("is read before the next turn, once, in order, and stands in the turn that carried it", () =>
    meddling(
      { a: { tools: ["look"] } },
      {
        tools: [look],
        answers: { a: [World.calls(["look", {}]), World.calls(["look", {}]), World.text("done")] },
        sent: (send, id) => (_, turn) =>
          turn === 1
            ? Effect.andThen(
                send(id, { taskId: "a", text: "shorter" }, { by: ann }),
                send(id, { taskId: "a", text: "in German" })
              )
            : Effect.void
      },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        assert.strictEqual((yield* task()).output, "done")
        const both = ["ann: shorter", "anonymous: in German"]
        assert.deepStrictEqual(asked.map(told), [[], both, both])
        const all = yield* events
        const [, second] = ofType(all, "MessageSent")
        assert.deepStrictEqual(
          ofType(all, "TurnCompleted").map(({ heard }) => heard),
          [undefined, second!.seq, undefined]
        )
      })
    )
  )

  it.effect("finds a task by its name in another Unicode form", () =>
    meddling(
      { "f\u00fcnf": {} },
      { answers: { "f\u00fcnf": [World.text("5"), World.text("five")] }, sent: () => () => Effect.void },
      ({ crewline, id }) =>
        Effect.gen(function* () {
          const closed = yield* Effect.flip(crewline.send(id, { taskId: "fu\u0308nf", text: "in words" }))
          assert.notInclude(closed.message, "has no task")
        })
    )
  )

  it.effect("sends an agent that has just answered on, as often as it is told something", () =>
    meddling(
      { a: { maxTurns: 1, reviewed: true } },
      {
        plan: boss,
        answers: {
          a: [World.text("one"), World.text("two"), World.text("three")],
          "a/1.3.review.manager": [World.text('{"verdict":"accept","reason":"Good."}')]
        },
        sent: (send, id) => (task, turn) =>
          task === "a" && turn < 3 ? send(id, { taskId: "a", text: `again ${turn}` }) : Effect.void
      },
      Effect.fnUntraced(function* ({ events, task }) {
        assert.strictEqual((yield* task()).output, "three")
        // Only what was not overtaken was looked at.
        assert.deepStrictEqual(
          (yield* events)
            .map(({ type }) => type)
            .filter((type) => !type.startsWith("TaskS") && type !== "TurnCompleted"),
          [
            "ExecutionStarted",
            "MessageSent",
            "MessageSent",
            "TaskCompleted",
            "ReviewJudged",
            "TaskCompleted",
            "ExecutionEnded"
          ]
        )
      })
    )
  )

  it.effect("is read by the agent that was chosen for the task, and by the one that takes its place", () =>
    meddling(
      { a: { agent: "boss", frame: { candidates: ["agent", "other"] } } },
      {
        plan: boss,
        answers: {
          "a/assign": [World.text('{"agent":"agent","reason":"Best."}')],
          "a/assign/work": [World.text(""), World.text(""), World.text("")],
          "a/assign/work/1.recover": [World.text('{"choice":"reassign","reason":"Other.","agent":"other"}')],
          "a/assign/work/1.recover/work": [World.text("done")]
        },
        sent: (send, id) => (task) => (task === "a/assign" ? send(id, { taskId: "a", text: "in German" }) : Effect.void)
      },
      Effect.fnUntraced(function* ({ asked, task }) {
        assert.strictEqual((yield* task()).output, "done")
        const heardBy = asked.filter((request) => told(request).length > 0).map(({ caller }) => caller!.taskId)
        const [work, instead] = ["a/assign/work", "a/assign/work/1.recover/work"]
        assert.deepStrictEqual(heardBy, [work, work, work, instead])
      })
    )
  )

  it.effect("is told again to an attempt that begins anew", () =>
    meddling(
      { a: { retry: { attempts: 2, initialMillis: 1, factor: 1, maxMillis: 1, refusals: true }, maxRepairs: 0 } },
      {
        answers: { a: [World.text(""), World.text(""), World.text("done")] },
        sent: (send, id) => (_, turn) =>
          Effect.catch(send(id, { taskId: "a", text: "once" }, { idempotencyKey: String(turn > 0) }), () => Effect.void)
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        assert.deepStrictEqual(asked.map(told), [[], ["anonymous: once"], ["anonymous: once"]])
        assert.strictEqual(ofType(yield* events, "MessageSent").length, 1)
      })
    )
  )
})

describe("a message to an agent whose output a person reviews", () => {
  it.effect("sends it on although the output was accepted, and with the feedback where it was not", () =>
    running(
      { a: { humanInput: { onSilence: "deny" } } },
      { answers: { a: [World.text("one"), World.text("two"), World.text("three")] } },
      Effect.fnUntraced(function* ({ asked, crewline, id, task }) {
        const answerWith = Effect.fnUntraced(function* (given: Ask.Answer) {
          const [ask] = yield* crewline.asks({ executionId: id, state: "open" })
          yield* crewline.answer(ask!.id, given)
          yield* pass(100)
        })
        yield* crewline.send(id, { text: "in German", taskId: "a" })
        yield* answerWith({ answer: "accept" })
        yield* crewline.send(id, { text: "rhymed", taskId: "a" })
        yield* answerWith({ answer: "revise", feedback: "Shorter" })
        const said = JSON.stringify(asked[2]!.messages.slice(-2))
        assert.include(said, "Shorter")
        assert.include(said, "rhymed")
        yield* answerWith({ answer: "accept" })
        assert.strictEqual((yield* task()).output, "three")
        assert.deepStrictEqual(told(asked[2]!), ["anonymous: in German", "anonymous: rhymed"])
      })
    )
  )
})

describe("a message to the manager", () => {
  const review = (id: string) => `${id}/1.1.review.manager`
  const accepted = [World.text('{"verdict":"accept","reason":"Good."}')]

  it.effect("is read with every decision that it takes from then on, also with the one under way", () =>
    meddling(
      { a: { reviewed: true }, b: { reviewed: true, context: ["a"] } },
      {
        plan: boss,
        answers: {
          a: [World.text("one")],
          b: [World.text("two")],
          [review("a")]: [...accepted, World.text('{"verdict":"revise","reason":"Long.","feedback":"Shorter"}')],
          "a/1.2.review.manager": accepted,
          [review("b")]: accepted
        },
        sent: (send, id) => (task, turn) =>
          task === review("a") && turn === 1 ? send(id, { text: "keep it short" }) : Effect.void
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        const heardBy = asked.filter((request) => told(request).length > 0).map(({ caller }) => caller!.taskId)
        assert.deepStrictEqual(heardBy.slice(0, 1), [review("a")])
        assert.notInclude(heardBy, "a")
        assert.strictEqual(ofType(yield* events, "ReviewJudged")[0]!.verdict, "revise")
      })
    )
  )
})

describe("a message that nobody can read", () => {
  const codeOf = <A>(sent: Effect.Effect<A, Crewline.MessageRefused | EventLog.EventLogError>) =>
    Effect.match(sent, {
      onSuccess: () => "sent",
      onFailure: (error) => (error._tag === "MessageRefused" ? error.code : error.reason._tag)
    })
  const waiting = Effect.never as World.Reply

  it.effect("is refused, and says what to do", () =>
    running(
      { a: {}, b: {} },
      { answers: ({ caller }) => (caller!.taskId === "a" ? World.text("a") : waiting) },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        const { send } = crewline
        const error = yield* Effect.flip(send(id, { text: "x" }))
        assert.strictEqual(error.message, 'The crew has no manager to read the message: name a task. Open tasks: "b".')
        const misspelt = yield* Effect.flip(send(id, { text: "x", taskId: "bb" }))
        assert.include(misspelt.message, 'has no task "bb". Did you mean "b"?')
        assert.deepStrictEqual(
          yield* Effect.forEach(
            [
              send(id, { text: "x" }),
              send(id, { text: "x", taskId: "c" }),
              send(id, { text: "x", taskId: "a" }),
              send(id, { text: " \n", taskId: "b" }),
              send(id, { text: "x".repeat(10_001), taskId: "b" }),
              send("none", { text: "x" }),
              Effect.provideService(send(id, { text: "x", taskId: "b" }), Tenant.Current, "others")
            ],
            codeOf
          ),
          [
            "no-manager",
            "unknown-task",
            "task-settled",
            "invalid-message",
            "invalid-message",
            "UnknownExecution",
            "UnknownExecution"
          ]
        )
        assert.deepStrictEqual(ofType(yield* events, "MessageSent"), [])
        yield* crewline.cancel(id)
        assert.strictEqual(yield* codeOf(send(id, { text: "x", taskId: "b" })), "ended")
      })
    )
  )

  it.effect("is refused after as many as an execution takes; the same key is the same message", () =>
    running(
      { a: {} },
      { answers: () => waiting },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        const keyed = (text: string) => crewline.send(id, { text, taskId: "a" }, { idempotencyKey: "k" })
        const first = yield* keyed("one")
        assert.deepStrictEqual(yield* keyed("one"), { ...first, existing: true })
        assert.strictEqual(yield* codeOf(keyed("two")), "KeyReused")
        yield* Effect.forEach(Arr.range(2, 50), (each) => crewline.send(id, { text: String(each), taskId: "a" }))
        assert.strictEqual(yield* codeOf(crewline.send(id, { text: "51", taskId: "a" })), "too-many-messages")
        assert.strictEqual((yield* keyed("one")).existing, true)
        assert.strictEqual(ofType(yield* events, "MessageSent").length, 50)
        yield* crewline.cancel(id)
        assert.strictEqual((yield* keyed("one")).existing, true)
      })
    )
  )
})

describe("an execution that is cut after each of its events, and taken up", () => {
  const plan = World.plan({ a: { tools: ["look"] } })
  const sent = (text: string): ExecutionEvent.Draft => ({ type: "MessageSent", taskId: "a", text, by: ann })
  const reply = (request: Llm.Request): Llm.Answer =>
    request.messages.every(({ role }) => role !== "tool")
      ? World.calls(["look", {}])
      : World.text(told(request).includes("ann: late") ? "two" : "one")
  const isLate = (event: ExecutionEvent.Draft) => event.type === "MessageSent" && event.text === "late"

  /** Takes up what is recorded; a message comes while the second turn is asked for. */
  const takeUp = Effect.fnUntraced(
    function* (recorded: ReadonlyArray<ExecutionEvent.Draft>) {
      const log = yield* EventLog.EventLog
      const asked: Array<Llm.Request> = []
      yield* log.start("x", { type: "ExecutionStarted", plan })
      if (Arr.isReadonlyArrayNonEmpty(recorded)) yield* log.append("x", recorded)
      const model = World.llm((request) => {
        const answer = reply(request)
        const isTime = answer.parts[0]!.type === "text" && !recorded.some(isLate) && told(request).length === 1
        return isTime ? Effect.as(Effect.orDie(log.append("x", [sent("late")])), answer) : answer
      }, asked)
      const { crewline } = yield* Process.start({ model, tools: [look] })
      yield* Effect.repeat(TestClock.adjust(100), { times: 20 })
      return { asked, events: yield* log.read("x"), task: (yield* crewline.get("x")).tasks["a"]! }
    },
    Effect.scoped,
    Effect.provide(LocalEventLog.layerLocal)
  )

  const draft = ({ at: _at, executionId: _id, seq: _seq, ...event }: ExecutionEvent.ExecutionEvent) =>
    event as ExecutionEvent.Draft

  it.effect("shows each message once, and asks nothing twice", () =>
    Effect.gen(function* () {
      // Written by another process: this one finds it in the log.
      const { asked, events, task } = yield* takeUp([sent("early")])
      const carried = [["ann: early"], ["ann: early"], ["ann: early", "ann: late"]]
      assert.deepStrictEqual([task.output, asked.map(told)], ["two", carried])
      for (let length = 1; length < events.length - 1; length++) {
        const again = yield* takeUp(events.slice(1, length + 1).map(draft))
        assert.strictEqual(again.task.output, "two", `cut after ${length}`)
        const turns = ofType(again.events, "TurnCompleted")
        const texts = turns.map(({ messages }) => told({ messages } as Llm.Request))
        assert.deepStrictEqual(texts.flat(), ["ann: early", "ann: late"], `cut after ${length}`)
        const before = ofType(events.slice(0, length + 1), "TurnCompleted").length
        assert.strictEqual(again.asked.length, turns.length - before)
      }
    })
  )
})

it.effect("a message that another process sends is read here, by an agent that asks no tool and by one that does", () =>
  Effect.gen(function* () {
    const { queue } = yield* Process.sharedQueue()
    const [call, asked] = [Deferred.makeUnsafe<void>(), Array.of<Llm.Request>()]
    const model = World.llm((request) => {
      const isFirst = request.messages.every(({ role }) => role !== "assistant")
      const answer = isFirst && request.caller!.taskId === "b" ? World.calls(["look", {}]) : World.text("done")
      return isFirst ? Effect.as(Deferred.await(call), answer) : answer
    }, asked)
    const here = yield* Process.start({ model, queue, tools: [look] })
    const { id } = yield* here.crewline.startPlan(World.plan({ a: {}, b: { tools: ["look"] } }))
    yield* pass(100)
    const there = yield* Process.start({ model, queue })
    yield* there.crewline.send(id, { text: "from there", taskId: "a" })
    yield* there.crewline.send(id, { text: "from there", taskId: "b" })
    yield* Deferred.succeed(call, undefined)
    yield* pass(1_000)
    assert.strictEqual((yield* here.crewline.get(id)).status, "completed")
    const of = (task: string) => asked.filter(({ caller }) => caller!.taskId === task).map(told)
    assert.deepStrictEqual(
      [of("a"), of("b")],
      [
        [[], ["anonymous: from there"]],
        [[], ["anonymous: from there"]]
      ]
    )
  }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
)
