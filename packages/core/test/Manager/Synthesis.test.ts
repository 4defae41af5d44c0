/** The result that the manager writes if several tasks are final. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { lastMessage, ofType, pass } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const declared = (more: { readonly [key: string]: unknown } = {}, task: object = {}) => ({
  name: "several",
  manager: { model: "fake/boss", recover: false },
  agents: { a: { role: "A", goal: "g" } },
  tasks: {
    gather: { description: "Gather facts.", expectedOutput: "e" },
    letter: {
      description: "Write a letter.",
      expectedOutput: "e",
      context: ["gather"],
      retry: { attempts: 1 },
      ...task
    },
    report: {
      description: "Write a report.",
      expectedOutput: "e",
      context: ["gather"],
      retry: { attempts: 1 },
      ...task
    }
  },
  ...more
})
const crew = (more: { readonly [key: string]: unknown } = {}, task: object = {}) =>
  declared({ synthesis: true, ...more }, task)
const made = (data: unknown): Crew.Crew => Result.getOrThrow(Crew.fromJson(data))
const planOf = (data: unknown, inputs = {}): Plan.Plan => Result.getOrThrow(Plan.make(made(data), { inputs }))

type Answers = { readonly [task: string]: ReadonlyArray<Llm.Answer | World.Reply> }
const outputs: Answers = {
  gather: [World.text("seven facts")],
  letter: [World.text("Dear all")],
  report: [World.text("The report")]
}
const { failing: failed } = Managed
const verdict = (passed: boolean) =>
  World.text(JSON.stringify({ criterion_1: { passed, reason: passed ? "Yes." : "Too long." } }))

/** Starts the crew; `use` receives the result when no progress is possible. */
const running = <A>(
  data: unknown,
  answers: Answers,
  use: (run: {
    readonly view: Crewline.View
    readonly asked: ReadonlyArray<Llm.Request>
    readonly events: Parameters<typeof ofType>[0]
  }) => A
) => {
  const asked: Array<Llm.Request> = []
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const { id } = yield* crewline.start(made(data))
    yield* pass(500)
    const log = yield* EventLog.EventLog
    use({ view: yield* crewline.get(id), asked, events: yield* log.read(id) })
  }).pipe(Effect.provide(World.world(World.llm(World.script(answers), asked))))
}
const kinds = (events: Parameters<typeof ofType>[0]) =>
  events.map((event) => ("taskId" in event ? `${event.type} ${event.taskId}` : event.type))

describe("the result of several final tasks", () => {
  it.effect("is written by the manager from their outputs, as a separate task", () =>
    running(crew(), { ...outputs, synthesise: [World.text("All in one")] }, ({ asked, events, view }) => {
      assert.deepStrictEqual([view.status, view.output], ["completed", "All in one"])
      assert.deepInclude(view.tasks["synthesise"], {
        kind: "office",
        agent: "manager",
        title: "The result of the crew",
        output: "All in one"
      })
      assert.strictEqual(view.tasks["synthesise"]!.usage.requests, 1)
      assert.strictEqual(view.usage.requests, 4)
      const last = lastMessage(asked.at(-1)!)
      for (const part of [
        "- letter (a): Write a letter.\\n- report (a): Write a report.",
        'task=\\"letter\\">\\nDear all\\n',
        'task=\\"report\\">\\nThe report\\n'
      ])
        assert.include(last, part)
      assert.notInclude(last, "seven facts")
      assert.deepStrictEqual(kinds(events).slice(-4), [
        "TaskStarted synthesise",
        "TurnCompleted synthesise",
        "TaskCompleted synthesise",
        "ExecutionEnded"
      ])
      assert.strictEqual(events.length, 1 + 4 * 3 + 1)
    })
  )

  it.effect("is an object of their outputs without it, at no cost", () =>
    running(declared(), outputs, ({ events, view }) => {
      assert.deepStrictEqual(view.output, { letter: "Dear all", report: "The report" })
      assert.strictEqual(events.length, 1 + 3 * 3 + 1)
    })
  )

  it.effect("is written from the available outputs when one has failed or was skipped", () =>
    running(
      crew({}, { onFailure: "skip" }),
      { ...outputs, letter: [failed], synthesise: [World.text("Without a letter")] },
      ({ asked, view }) => {
        assert.deepStrictEqual([view.status, view.output], ["completed", "Without a letter"])
        assert.include(lastMessage(asked.at(-1)!), 'task=\\"letter\\" status=\\"failed\\"')
      }
    )
  )

  it.effect("is not written without outputs: the execution fails with the first failure", () =>
    running(crew({}, { onFailure: "skip" }), { ...outputs, letter: [failed], report: [failed] }, ({ events, view }) => {
      assert.strictEqual(view.status, "failed")
      assert.strictEqual(view.error!.taskId, "letter")
      assert.deepInclude(view.tasks["synthesise"], {
        status: "skipped",
        skipped: { reason: "dependency-failed" }
      })
      assert.deepStrictEqual(kinds(events).slice(-3), [
        "TaskStarted synthesise",
        "TaskSkipped synthesise",
        "ExecutionEnded"
      ])
    })
  )

  it.effect("must match the crew's declaration, and is corrected otherwise", () =>
    running(
      crew({
        synthesis: {
          description: "Count what {who} wrote.",
          expectedOutput: "A number.",
          output: { type: "object", required: ["n"] }
        },
        inputs: { who: "they" }
      }),
      { ...outputs, synthesise: [World.text("Two."), World.text('{"n":2}')] },
      ({ asked, view }) => {
        assert.deepStrictEqual(view.output, { n: 2 })
        assert.include(JSON.stringify(asked.at(-2)!.messages[1]), "Count what they wrote.\\n\\nThe final tasks:")
        assert.include(lastMessage(asked.at(-1)!), "Your answer was not accepted")
      }
    )
  )

  it.effect("fails the execution if the manager writes none, and is retried alone", () => {
    const answers = World.script({
      ...outputs,
      synthesise: [...Array.from({ length: 3 }, () => failed), World.text("At last")]
    })
    const asked: Array<Llm.Request> = []
    return Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const { id } = yield* crewline.start(made(crew()))
      yield* pass(500)
      assert.deepInclude((yield* crewline.get(id)).error, { taskId: "synthesise" })
      const before = asked.length
      const again = yield* crewline.retry(id)
      for (let tries = 0; tries < 3 && (yield* crewline.get(again.id)).status !== "completed"; tries++) yield* pass(500)
      assert.isAtMost(asked.slice(before).filter(({ caller }) => caller!.taskId !== "synthesise").length, 0)
    }).pipe(Effect.provide(World.world(World.llm(answers, asked))))
  })

  it.effect("is checked against the criteria of the crew, and is sent back to the manager if it fails", () =>
    running(
      declared({ acceptance: ["It is short."] }),
      {
        ...outputs,
        synthesise: [World.text("Long"), World.text("Short")],
        "synthesise/1.1.review.manager": [verdict(false)],
        "synthesise/2.2.review.manager": [verdict(true)]
      },
      ({ asked, events, view }) => {
        assert.strictEqual(view.output, "Short")
        assert.deepStrictEqual(view.criteria, [{ criterion: "It is short.", verdict: "passed", reason: "Yes." }])
        assert.deepStrictEqual(
          ofType(events, "ReviewJudged").map(({ taskId, verdict }) => `${taskId} ${verdict}`),
          ["synthesise revise", "synthesise accept"]
        )
        const own = asked.filter(({ caller }) => caller!.taskId === "synthesise")
        assert.include(lastMessage(own[1]!), "- It is short. (Too long.)")
      }
    )
  )

  it.effect("is requested once when the process is killed while its verdict is pending", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const script = World.script({
        ...outputs,
        synthesise: [World.text("Long"), World.text("Short")],
        "synthesise/1.1.review.manager": [verdict(false), verdict(false)],
        "synthesise/2.2.review.manager": [verdict(true)]
      })
      const parts = {
        model: World.llm((request) => {
          const answer = script(request)
          return Effect.delay(Effect.isEffect(answer) ? answer : Effect.succeed(answer), 1_000)
        }, asked)
      }
      const first = yield* Process.startMortal(parts)
      const { id } = yield* first.crewline.start(made(declared({ acceptance: ["It is short."] })))
      // Facts, letter and report, the result; its verdict is requested.
      yield* Effect.repeat(pass(1_000), { times: 2 })
      yield* pass(500)
      assert.strictEqual(asked.at(-1)!.caller!.taskId, "synthesise/1.1.review.manager")
      yield* first.kill
      const second = yield* Process.start(parts)
      yield* Effect.repeat(pass(5_000), { times: 20 })
      assert.strictEqual((yield* second.crewline.get(id)).output, "Short")
      const times = (id: string) => asked.filter(({ caller }) => caller!.taskId === id).length
      assert.deepStrictEqual([times("synthesise"), times("synthesise/2.2.review.manager")], [2, 1])
      assert.isAtMost(times("synthesise/1.1.review.manager"), 2)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

describe("a plan", () => {
  it("ends with the task that writes the result, under a unique name", () => {
    const { tasks } = crew()
    const plan = planOf(crew({ tasks: { ...tasks, synthesise: tasks.gather } }))
    assert.deepInclude(plan.tasks.at(-1), {
      id: "crew_synthesise",
      agent: "manager",
      office: "synthesise",
      context: ["letter", "report", "synthesise"],
      dependencies: ["letter", "report", "synthesise"],
      onFailure: "fail"
    })
  })

  it("reviews the final tasks, and checks only the result against the criteria", () => {
    const plan = planOf(crew({ manager: { model: "fake/boss", review: "final" }, acceptance: ["Short."] }))
    assert.deepStrictEqual(
      plan.tasks.map(({ acceptance, id, reviewed }) => [id, reviewed, acceptance]),
      [
        ["gather", undefined, undefined],
        ["letter", true, undefined],
        ["report", true, undefined],
        ["synthesise", undefined, ["Short."]]
      ]
    )
  })

  it("lets the manager write the result of a single final task, too, if the crew declares it", () => {
    const { gather } = crew().tasks
    const plan = planOf(crew({ tasks: { gather } }))
    assert.deepStrictEqual(
      plan.tasks.map(({ id }) => id),
      ["gather", "synthesise"]
    )
    const judged = planOf(declared({ acceptance: ["Short."], tasks: { gather } }))
    assert.strictEqual(judged.tasks.length, 1)
  })
})
