/** Outputs that the manager reviews before they count. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { ann, lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { accept, answering, failing, revise } = Managed
const plan = (more: Partial<Plan.PlannedManager> = {}) => Managed.plan({ recover: false, ...more })

const reviewed = { a: { reviewed: true as const } }
const verdictsIn = (events: Parameters<typeof ofType>[0]) =>
  ofType(events, "ReviewJudged").map(({ by, turn, verdict }) => [turn, by, verdict])

describe("an output reviewed by the manager", () => {
  it.effect("counts when it is accepted; the review is a task of the manager, which pays for it", () =>
    running(
      { a: { reviewed: true, limits: { requests: 1 } }, b: { context: ["a"] } },
      { plan: plan(), answers: answering([accept], { a: [World.text("one")], b: [World.text("two")] }) },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", "one"])
        assert.deepInclude(view.tasks["a/1.1.review.manager"], { kind: "office", agent: "boss", parent: "a" })
        assert.strictEqual(view.tasks["a"]!.usage.requests, 1)
        assert.include(lastMessage(asked[1]!), "<output>\\none\\n</output>")
        const all = yield* events
        assert.deepStrictEqual(
          all
            .filter(({ type }) => type.startsWith("Task") || type === "ReviewJudged")
            .map((event) => ("taskId" in event ? `${event.type} ${event.taskId}` : event.type)),
          [
            "TaskStarted a",
            "TaskSuspended a",
            "TaskStarted a/1.1.review.manager",
            "TaskCompleted a/1.1.review.manager",
            "TaskStarted a",
            "ReviewJudged a",
            "TaskCompleted a",
            "TaskStarted b",
            "TaskCompleted b"
          ]
        )
        assert.deepInclude(ofType(all, "TaskSuspended")[0]!.for, { kind: "review", turn: 1, reviewer: "manager" })
        assert.deepInclude(ofType(all, "ReviewJudged")[0], { verdict: "accept", by: "manager", reason: "Good." })
      })
    )
  )

  it.effect("is sent back with feedback in the same conversation, with the same number of turns", () =>
    running(
      { a: { reviewed: true, maxTurns: 1 } },
      {
        plan: plan(),
        answers: answering([revise("Longer."), revise("Shorter."), accept], {
          a: [World.text("one"), World.text("two"), World.text("three")]
        })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        assert.strictEqual((yield* crewline.get(id)).output, "three")
        assert.deepStrictEqual(verdictsIn(yield* events), [
          [1, "manager", "revise"],
          [2, "manager", "revise"],
          [3, "manager", "accept"]
        ])
        const own = asked.filter(({ caller }) => caller!.agent === "agent")
        assert.deepStrictEqual(
          own.map(({ messages }) => messages.length),
          [2, 4, 6]
        )
        assert.include(lastMessage(own[1]!), "The manager has reviewed your answer and wants it changed:\\nLonger.")
      })
    )
  )

  const sentBack = (onUnaccepted: "accept" | "fail") =>
    running(
      reviewed,
      {
        plan: plan({ onUnaccepted, maxRevisions: 1 }),
        answers: answering([revise("Longer."), revise("Longer!")], { a: [World.text("one"), World.text("two")] })
      },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        yield* pass(1_000)
        const isAccepted = onUnaccepted === "accept"
        assert.deepStrictEqual(verdictsIn(yield* events), [
          [1, "manager", "revise"],
          [2, "policy", isAccepted ? "accept" : "reject"]
        ])
        const { a } = (yield* crewline.get(id)).tasks
        if (isAccepted) {
          assert.strictEqual(a!.output, "two")
          assert.deepStrictEqual(
            a!.doubts!.map(({ check }) => check),
            ["review"]
          )
        } else {
          assert.strictEqual(a!.error!.code, "review-refused")
          assert.include(a!.error!.message, "The last feedback: Longer!")
        }
      })
    )
  it.effect("counts with a note after the maximum number of revisions", () => sentBack("accept"))
  it.effect("or fails, if that is declared", () => sentBack("fail"))

  const retry = World.text('{"choice":"retry","reason":"r","advice":"Go on."}')

  it.effect("is an ordinary failure when it is refused: the manager decides about the task", () =>
    running(
      reviewed,
      {
        plan: plan({ onUnaccepted: "fail", maxRevisions: 1, recover: true }),
        answers: answering([revise("Longer."), revise("Longer!"), retry, accept], {
          a: [World.text("one"), World.text("two"), World.text("three")]
        })
      },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        yield* pass(1_000)
        assert.deepStrictEqual(verdictsIn(yield* events), [
          [1, "manager", "revise"],
          [2, "policy", "reject"],
          [3, "manager", "accept"]
        ])
        assert.strictEqual((yield* task()).output, "three")
        const about =
          "It failed after 1 attempt (review-refused): The manager had sent the output back once, and would again."
        assert.include(lastMessage(asked.find(({ caller }) => caller!.taskId === "a/3.recover")!), about)
        // The agent receives both the reasons and the advice.
        const [feedback, advice] = asked.findLast(({ caller }) => caller!.taskId === "a")!.messages.slice(-2)
        assert.include(JSON.stringify(feedback), "wants it changed:\\nLonger!")
        assert.include(JSON.stringify(advice), "Go on.")
      })
    )
  )

  it.effect("is refused again without a review if it is unchanged, up to the maximum number", () =>
    running(
      reviewed,
      {
        plan: plan({ onUnaccepted: "fail", maxRevisions: 0, recover: true, maxRecoveries: 2 }),
        answers: answering([revise("Longer."), retry, retry], {
          a: [World.text("one"), World.text("one"), World.text("one")]
        })
      },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        yield* pass(1_000)
        assert.deepStrictEqual(
          verdictsIn(yield* events),
          [1, 2, 3].map((turn) => [turn, "policy", "reject"])
        )
        assert.strictEqual((yield* task()).error!.code, "review-refused")
        assert.strictEqual(asked.length, 6)
      })
    )
  )

  it.effect(
    "is not reviewed again if it is unchanged after being sent back, although the attempt failed in between",
    () => {
      return running(
        reviewed,
        {
          plan: plan({ recover: true }),
          answers: answering([revise("Longer."), retry], { a: [World.text("one"), failing, World.text("one")] })
        },
        Effect.fnUntraced(function* ({ asked, events, task }) {
          yield* pass(1_000)
          assert.deepStrictEqual(verdictsIn(yield* events), [
            [1, "manager", "revise"],
            [2, "policy", "accept"]
          ])
          assert.strictEqual((yield* task()).output, "one")
          assert.strictEqual(asked.length, 5)
        })
      )
    }
  )

  it.effect("is not reviewed again if it is unchanged after being sent back", () =>
    running(
      { a: { reviewed: true, output: { type: "object" } } },
      {
        plan: plan(),
        answers: answering([revise("Longer.")], { a: [World.text('{"a":1,"b":2}'), World.text('{"b":2,"a":1}')] })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.strictEqual(asked.length, 3)
        assert.deepStrictEqual(verdictsIn(yield* events)[1], [2, "policy", "accept"])
      })
    )
  )

  for (const [title, ...verdicts] of [
    ["fails", failing],
    ["says nothing valid", World.text("Nice."), World.text("Nice!"), World.text("Nice?")]
  ] as const)
    it.effect(`counts with a note when the review ${title}`, () =>
      running(
        reviewed,
        { plan: plan(), answers: answering(verdicts, { a: [World.text("one")] }) },
        Effect.fnUntraced(function* ({ crewline, events, id }) {
          yield* pass(1_000)
          const view = yield* crewline.get(id)
          assert.deepStrictEqual([view.status, view.output], ["completed", "one"])
          assert.deepStrictEqual(verdictsIn(yield* events), [[1, "policy", "accept"]])
          assert.deepInclude(view.tasks["a"]!.doubts![0], { check: "review" })
        })
      )
    )

  it.effect("is then shown to a person, who is asked in any case", () =>
    running(
      { a: { reviewed: true, humanInput: { onSilence: "deny" } } },
      { plan: plan({ maxRevisions: 0 }), answers: answering([revise("Longer.")], { a: [World.text("one")] }) },
      Effect.fnUntraced(function* ({ crewline, events, id, log }) {
        yield* pass(1_000)
        const [ask] = ofType(yield* events, "TaskSuspended").flatMap(({ asks = [] }) => asks)
        yield* log.append(id, [
          { type: "AskAnswered", ask: ask!.id, taskId: "a", answer: "accept", hash: ask!.hash, by: ann }
        ])
        yield* Effect.repeat(pass(20_000), { times: 5 })
        assert.strictEqual((yield* crewline.get(id)).output, "one")
        assert.deepStrictEqual(verdictsIn(yield* events), [[1, "policy", "accept"]])
      })
    )
  )

  it.effect("is reviewed once, and no answer is paid twice, when the process is killed while it waits", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const script = answering([revise("Longer."), accept], { a: [World.text("one"), World.text("two")] })
      const parts = {
        model: World.llm((request) => {
          const answer = script(request)
          return Effect.delay(Effect.isEffect(answer) ? answer : Effect.succeed(answer), 1_000)
        }, asked)
      }
      const first = yield* Process.startMortal(parts)
      const { id } = yield* first.crewline.startPlan(World.plan({ a: { reviewed: true, retry: once } }, plan()))
      // The first review has ended; the answer to its feedback is recorded, and the second review
      // is requested.
      yield* Effect.repeat(pass(1_000), { times: 2 })
      yield* first.kill
      const second = yield* Process.start(parts)
      yield* Effect.repeat(pass(5_000), { times: 20 })
      assert.strictEqual((yield* second.crewline.get(id)).output, "two")
      const times = (id: string) => asked.filter(({ caller }) => caller!.taskId === id).length
      assert.deepStrictEqual([times("a"), times("a/1.1.review.manager")], [2, 1])
      // Only the call in flight is repeated.
      assert.strictEqual(times("a/2.2.review.manager") + 3, asked.length)
      assert.isAtMost(times("a/2.2.review.manager"), 2)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

describe("which outputs are reviewed:", () => {
  const crew = (review: string) => ({
    name: "c",
    manager: { model: "fake/m", review },
    agents: { a: { role: "r", goal: "g" }, b: { role: "r", goal: "g" } },
    tasks: {
      one: { description: "d", expectedOutput: "e", agent: "a" },
      two: { description: "d", expectedOutput: "e", context: ["one"] },
      three: { description: "d", expectedOutput: "e", agent: "b", dependsOn: ["one"] }
    }
  })
  it.each([
    ["none", []],
    ["final", ["two", "three"]],
    ["all", ["one", "two", "three"]]
  ])("%s", (review, names) => {
    const { tasks } = Result.getOrThrow(Plan.make(Result.getOrThrow(Crew.fromJson(crew(review)))))
    assert.deepStrictEqual(
      tasks.filter((task) => task.reviewed === true).map(({ id }) => id),
      names
    )
  })
})
