/** The result of a crew, judged by the crew's criteria before it counts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import type { Criterion } from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Plan from "../../src/Plan.ts"
import * as Budgeted from "../fake/Budgeted.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { answering, failing } = Managed
const plan = (more: Partial<Plan.PlannedManager> = {}) => Managed.plan({ recover: false, ...more })

const acceptance = ["It is short.", "It names its sources."]
const one = { a: { acceptance } }

/** A verdict on each: true, or the reason why not. */
const verdicts = (...given: ReadonlyArray<true | string>) =>
  Object.fromEntries(
    given.map((each, index) => [
      `criterion_${index + 1}`,
      each === true ? { passed: true, reason: "Yes." } : { passed: false, reason: each }
    ])
  )
const judge = (...given: ReadonlyArray<true | string>) => World.text(JSON.stringify(verdicts(...given)))

const all = (verdict: Criterion["verdict"], reason: string): ReadonlyArray<Criterion> =>
  acceptance.map((criterion) => ({ criterion, verdict, reason }))
const passed = all("passed", "Yes.")
const failedSecond = [passed[0]!, { ...passed[1]!, verdict: "failed", reason: "None." } as const]

const judgedIn = (events: Parameters<typeof ofType>[0]) =>
  ofType(events, "ReviewJudged").map(({ by, criteria, turn, verdict }) => [
    turn,
    by,
    verdict,
    criteria?.map((each) => each.verdict).join(" ")
  ])

describe("the result of a crew", () => {
  it.effect("counts if it meets all criteria, and shows the verdict on each; the manager pays", () =>
    running(
      { a: { ...one.a, limits: { requests: 1 } } },
      { plan: plan(), answers: answering([judge(true, true)], { a: [World.text("one")] }) },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.output], ["completed", "one"])
        assert.deepStrictEqual(view.criteria, passed)
        assert.deepStrictEqual(view.tasks["a"]!.criteria, passed)
        assert.isUndefined(view.tasks["a"]!.doubts)
        assert.deepInclude(view.tasks["a/1.1.review.manager"], { kind: "office", agent: "boss", parent: "a" })
        assert.strictEqual(view.tasks["a"]!.usage.requests, 1)
        assert.strictEqual(view.usage.requests, 2)
        assert.include(lastMessage(asked[0]!), "It must fulfil:\\n- It is short.\\n- It names its sources.")
        assert.include(lastMessage(asked[1]!), "<output>\\none\\n</output>")
        assert.include(lastMessage(asked[1]!), "- criterion_2: It names its sources.")
        const all = yield* events
        assert.deepStrictEqual(
          all.map((event) => ("taskId" in event ? `${event.type} ${event.taskId}` : event.type)),
          [
            "ExecutionStarted",
            "TaskStarted a",
            "TurnCompleted a",
            "LimitReached",
            "TaskSuspended a",
            "TaskStarted a/1.1.review.manager",
            "TurnCompleted a/1.1.review.manager",
            "TaskCompleted a/1.1.review.manager",
            "TaskStarted a",
            "ReviewJudged a",
            "TaskCompleted a",
            "ExecutionEnded"
          ]
        )
        const [judged] = ofType(all, "ReviewJudged")
        assert.deepInclude(judged, { verdict: "accept", by: "manager", reason: "All criteria pass (2)." })
        assert.deepStrictEqual(ofType(all, "TaskCompleted").at(-1)!.criteria, passed)
        const { result } = yield* crewline.adopt(id)
        assert.deepStrictEqual((yield* Effect.orDie(result)).criteria, passed)
      })
    )
  )

  it.effect("is sent back with the failed criteria, to the agent that made it, in the same conversation", () =>
    running(
      one,
      {
        plan: plan(),
        answers: answering([judge(true, "None."), judge(true, true)], { a: [World.text("one"), World.text("two")] })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.strictEqual(view.output, "two")
        assert.deepStrictEqual(view.criteria, passed)
        assert.deepStrictEqual(judgedIn(yield* events), [
          [1, "manager", "revise", "passed failed"],
          [2, "manager", "accept", "passed passed"]
        ])
        const own = asked.filter(({ caller }) => caller!.agent === "agent")
        assert.deepStrictEqual(
          own.map(({ messages }) => messages.length),
          [2, 4]
        )
        assert.include(lastMessage(own[1]!), "The output does not fulfil:\\n- It names its sources. (None.)")
        assert.notInclude(lastMessage(own[1]!), "It is short.")
      })
    )
  )

  const unaccepted = (onUnaccepted: "accept" | "fail") =>
    running(
      one,
      {
        plan: plan({ onUnaccepted, maxRevisions: 1 }),
        answers: answering([judge("Long.", "None."), judge(true, "None.")], {
          a: [World.text("one"), World.text("two")]
        })
      },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        const isAccepted = onUnaccepted === "accept"
        assert.deepStrictEqual(judgedIn(yield* events), [
          [1, "manager", "revise", "failed failed"],
          [2, "policy", isAccepted ? "accept" : "reject", "passed failed"]
        ])
        assert.deepStrictEqual(view.criteria, failedSecond)
        if (isAccepted) {
          assert.deepStrictEqual([view.status, view.output], ["completed", "two"])
          assert.deepStrictEqual(
            view.tasks["a"]!.doubts!.map(({ check }) => check),
            ["review"]
          )
        } else {
          assert.deepInclude(view.error, { code: "review-refused", taskId: "a" })
          assert.include(view.error!.message, "- It names its sources. (None.)")
        }
        assert.deepStrictEqual(
          (yield* events).map(({ type }) => type).filter((type) => /^(TaskC|TaskF|Rev|Exec)/.test(type)),
          [
            "ExecutionStarted",
            "TaskCompleted",
            "ReviewJudged",
            "TaskCompleted",
            "ReviewJudged",
            isAccepted ? "TaskCompleted" : "TaskFailed",
            "ExecutionEnded"
          ]
        )
      })
    )
  it.effect("counts with the failed verdicts after the maximum number of revisions", () => unaccepted("accept"))
  it.effect("or fails, if that is declared", () => unaccepted("fail"))

  it.effect("is not judged again if it is unchanged after being sent back", () =>
    running(
      one,
      {
        plan: plan(),
        answers: answering([judge(true, "None.")], { a: [World.text("one"), World.text("one")] })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        assert.strictEqual(asked.length, 3)
        assert.deepStrictEqual(judgedIn(yield* events)[1], [2, "policy", "accept", "passed failed"])
        assert.deepStrictEqual((yield* crewline.get(id)).criteria, failedSecond)
      })
    )
  )

  for (const [title, ...said] of [
    ["fails", failing],
    ["leaves a criterion out", judge(true), judge(true), judge(true)]
  ] as const)
    it.effect(`counts with a note, and nothing known of the criteria, when the manager's answer ${title}`, () =>
      running(
        one,
        { plan: plan(), answers: answering(said, { a: [World.text("one")] }) },
        Effect.fnUntraced(function* ({ crewline, events, id }) {
          yield* pass(500)
          const view = yield* crewline.get(id)
          assert.deepStrictEqual([view.status, view.output], ["completed", "one"])
          assert.deepStrictEqual(view.criteria, all("unknown", "It was not judged."))
          assert.deepStrictEqual(judgedIn(yield* events), [[1, "policy", "accept", "unknown unknown"]])
          assert.deepInclude(view.tasks["a"]!.doubts![0], { check: "review" })
        })
      )
    )

  it.effect("is not judged when a limit was reached, because nothing could be changed any more", () =>
    running(
      { a: { ...one.a, tools: ["look"] } },
      {
        plan: { ...plan(), limits: { requests: 2, onExceeded: "finish" } },
        tools: [World.tool("look", () => Effect.succeed("seen"), { idempotent: true })],
        answers: (
          (reply) => (request: Llm.Request) =>
            reply(request, [])
        )(Budgeted.make(World.script({ a: [World.calls(["look", {}]), World.text("so far")] })))
      },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.partial, view.output], ["completed", true, "so far"])
        assert.deepStrictEqual(view.criteria, all("unknown", "It was not judged: a limit was reached."))
        assert.deepStrictEqual(ofType(yield* events, "ReviewJudged"), [])
      })
    )
  )

  it.effect("is reviewed and judged in one step, and each of the two can send it back", () => {
    const say = (verdict: string, ...given: ReadonlyArray<true | string>) =>
      World.text(JSON.stringify({ verdict, reason: "Hm.", feedback: "Nicer.", ...verdicts(...given) }))
    return running(
      { a: { ...one.a, reviewed: true } },
      {
        plan: plan({ maxRevisions: 3 }),
        answers: answering(
          [
            say("accept", "Long.", true),
            say("revise", true, true),
            say("revise", true, "None."),
            say("accept", true, true)
          ],
          {
            a: ["one", "two", "three", "four"].map((text) => World.text(text))
          }
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        assert.strictEqual((yield* crewline.get(id)).output, "four")
        const all = yield* events
        assert.deepStrictEqual(judgedIn(all), [
          [1, "manager", "revise", "failed passed"],
          [2, "manager", "revise", "passed passed"],
          [3, "manager", "revise", "passed failed"],
          [4, "manager", "accept", "passed passed"]
        ])
        assert.deepStrictEqual(
          ofType(all, "ReviewJudged").map(({ feedback }) => feedback),
          [
            "The output does not fulfil:\n- It is short. (Long.)",
            "Nicer.",
            "Nicer.\n\nThe output does not fulfil:\n- It names its sources. (None.)",
            undefined
          ]
        )
        assert.include(lastMessage(asked[1]!), "Accept it when it does what the task asks for.")
        assert.include(lastMessage(asked[1]!), "The criteria of the crew:")
      })
    )
  })

  it.effect("is judged where it is made if the manager assigned its task, or replaced it", () => {
    const say = (answer: unknown) => World.text(JSON.stringify(answer))
    const failed = World.refuse({ _tag: "InvalidRequest", description: "no", isRetryable: false } as never)
    const tasks = [{ name: "x", description: "d", expectedOutput: "e", agent: "other" }]
    return running(
      { a: { ...one.a, agent: "boss", frame: { candidates: ["agent", "other"] } } },
      {
        plan: plan({ recover: true }),
        answers: answering(
          [say({ agent: "agent", reason: "r" }), say({ choice: "replace", reason: "r", tasks }), judge(true, true)],
          { "a/assign/work": [failed], "a/assign/work/1.recover.x": [World.text("done")] }
        )
      },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.output], ["completed", "done"])
        assert.deepStrictEqual(view.criteria, passed)
        assert.deepStrictEqual(
          ofType(yield* events, "ReviewJudged").map(({ taskId }) => taskId),
          ["a/assign/work/1.recover.x"]
        )
      })
    )
  })

  it.effect("is judged once, and no answer is paid twice, when the process is killed while it waits", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const script = answering([judge("Long.", true), judge(true, true)], { a: [World.text("one"), World.text("two")] })
      const parts = {
        model: World.llm((request) => {
          const answer = script(request)
          return Effect.delay(Effect.isEffect(answer) ? answer : Effect.succeed(answer), 1_000)
        }, asked)
      }
      const first = yield* Process.startMortal(parts)
      const { id } = yield* first.crewline.startPlan(World.plan({ a: { ...one.a, retry: once } }, plan()))
      // The first verdict and the answer to it are recorded; the second verdict is requested.
      yield* Effect.repeat(pass(1_000), { times: 2 })
      yield* first.kill
      const second = yield* Process.start(parts)
      yield* Effect.repeat(pass(5_000), { times: 20 })
      const view = yield* second.crewline.get(id)
      assert.strictEqual(view.output, "two")
      const times = (id: string) => asked.filter(({ caller }) => caller!.taskId === id).length
      assert.deepStrictEqual([times("a"), times("a/1.1.review.manager")], [2, 1])
      // Only the call in flight is repeated.
      assert.strictEqual(times("a/2.2.review.manager") + 3, asked.length)
      assert.isAtMost(times("a/2.2.review.manager"), 2)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

describe("a plan", () => {
  const planOf = (more: object, inputs: { readonly [name: string]: string } = {}) =>
    Result.getOrThrow(
      Plan.make(
        Result.getOrThrow(
          Crew.fromJson({
            name: "c",
            model: "fake/m",
            agents: { a: { role: "r", goal: "g" } },
            tasks: {
              one: { description: "d", expectedOutput: "e" },
              two: { description: "d", expectedOutput: "e", context: ["one"] }
            },
            ...more
          })
        ),
        { inputs }
      )
    )

  it("checks its only final task against the criteria, with the inputs filled in", () => {
    const { manager, tasks } = planOf(
      { acceptance: ["It is about {topic}."], manager: { model: "fake/boss" } },
      { topic: "otters" }
    )
    assert.deepStrictEqual(
      tasks.map(({ acceptance }) => acceptance),
      [undefined, ["It is about otters."]]
    )
    assert.strictEqual(manager!.agent, "manager")
  })

  it("judges with the model of the crew, and does nothing else, without a manager", () => {
    const { agents, manager, tasks } = planOf({ acceptance: ["It is short."] })
    assert.deepInclude(agents[manager!.agent], { role: "Manager", model: "fake/m" })
    assert.isFalse(manager!.recover)
    assert.deepStrictEqual(
      tasks.map(({ acceptance, agent, reviewed }) => [agent, reviewed, acceptance]),
      [
        ["a", undefined, undefined],
        ["a", undefined, ["It is short."]]
      ]
    )
  })

  it("is unchanged without criteria", () => {
    assert.deepStrictEqual(planOf({ acceptance: [] }), planOf({}))
    assert.isUndefined(planOf({}).manager)
  })

  it("requires the inputs that a criterion names", () => {
    const { crew } = Plan.check(
      {
        name: "c",
        agents: { a: { role: "r", goal: "g" } },
        tasks: { one: { description: "d", expectedOutput: "e" } },
        acceptance: ["It is about {topic}."]
      },
      {}
    )
    const made = Plan.make(crew)
    assert.isTrue(Result.isFailure(made))
    if (Result.isFailure(made))
      assert.deepInclude(made.failure.problems[0], { code: "missing-input", path: ["inputs", "topic"] })
  })
})
