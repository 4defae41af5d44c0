/**
 * Calls refused by a limit: the task fails, waits for a person to raise the limit, or finishes with
 * its partial result.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type * as Ask from "../../src/Ask.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Limits from "../../src/Limits.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Tool from "../../src/Tool.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import * as Budgeted from "../fake/Budgeted.ts"
import * as World from "../fake/World.ts"
import { ofType } from "../fake/InMemory.ts"

const once: Plan.Retry = { attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 }
const look = World.calls(["look", {}])
/** Each looks at something different, because repeated calls are stopped. */
const looks = (count: number) => Array.from({ length: count }, (_, at) => World.calls(["look", { at }]))
const lookTool = World.tool("look", () => Effect.succeed("seen"), { idempotent: true })

/** Waking another fiber takes a turn of the scheduler, and hashing takes a turn of the platform. */
const settle = Effect.repeat(
  Effect.andThen(
    TestClock.adjust(5),
    Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
  ),
  { times: 49 }
)

interface Run {
  readonly id: string
  readonly asked: ReadonlyArray<Llm.Request>
  /** Calls by the key of the limit they count against. */
  readonly made: ReadonlyMap<string, number>
  readonly crewline: Crewline.Crewline["Service"]
  readonly events: Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
  readonly open: Effect.Effect<ReadonlyArray<Crewline.AskView>, EventLog.EventLogError>
  readonly answer: (
    answer: "raise" | "deny" | Ask.Answer,
    limits?: Limits.Limits
  ) => Effect.Effect<void, Crewline.AnswerError>
}

/** Starts the plan, and returns it when no progress is possible. */
const running = <A, E>(
  tasks: { readonly [id: string]: Partial<Plan.PlannedTask> },
  options: {
    readonly answers:
      | { readonly [task: string]: ReadonlyArray<Llm.Answer | World.Reply> }
      | ((request: Llm.Request) => Llm.Answer)
    readonly plan?: Partial<Plan.Plan>
    readonly tools?: ReadonlyArray<Toolbox.Tool>
  },
  use: (run: Run) => Effect.Effect<A, E>
) => {
  const asked: Array<Llm.Request> = []
  const made = new Map<string, number>()
  const { answers, plan, tools = [lookTool] } = options
  const reply = Budgeted.make((request) => {
    asked.push(request)
    return typeof answers === "function" ? answers(request) : scripted(request)
  }, made)
  const scripted = typeof answers === "function" ? answers : World.script(answers)
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const log = yield* EventLog.EventLog
    const declared = Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, { retry: once, ...task }]))
    const { id } = yield* crewline.startPlan(World.plan(declared, plan))
    yield* settle
    const open = crewline.asks({ state: "open" })
    return yield* use({
      id,
      asked,
      made,
      crewline,
      events: log.read(id),
      open,
      answer: Effect.fnUntraced(function* (answer, limits) {
        const [ask] = yield* open
        yield* crewline.answer(
          ask!.id,
          typeof answer === "object" ? answer : { answer, ...(limits === undefined ? {} : { limits }) },
          { by: { name: "ann" } }
        )
        yield* settle
      })
    })
  }).pipe(Effect.provide(World.world(World.llm(reply), World.toolbox(...tools))))
}

const reached = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) =>
  ofType(events, "LimitReached").map(({ percent, scope, spent }) => `${scope} ${percent} ${spent.requests}`)

describe("a limit that asks", () => {
  const three = [look, look, World.text("done")]
  const four = [...looks(3), World.text("done")]

  it.effect(
    "is asked about once for all refused tasks; once raised, all resume where they were, and no call is paid twice",
    () =>
      running(
        { a: { tools: ["look"] }, b: { tools: ["look"] } },
        { answers: { a: four, b: four }, plan: { limits: { requests: 3, onExceeded: "ask" } } },
        Effect.fnUntraced(function* ({ answer, asked, crewline, events, id, made, open }) {
          const [ask, ...others] = yield* open
          assert.lengthOf(others, 0)
          assert.deepInclude(ask, { kind: "budget", scope: "execution", onSilence: "deny" })
          assert.deepStrictEqual(ask!.shown, {
            scope: "execution",
            limits: { requests: 3 },
            dimension: "requests",
            limit: 3,
            spent: 3,
            estimate: 1
          })
          const view = yield* crewline.get(id)
          assert.strictEqual(view.status, "waiting")
          assert.deepStrictEqual(view.budgets, {
            execution: { limits: { requests: 3, onExceeded: "ask" }, spent: { tokens: 36, requests: 3, costUsd: 0 } }
          })
          for (const task of ["a", "b"])
            assert.deepStrictEqual(view.tasks[task]!.waitingFor, [{ kind: "budget", id: ask!.id, title: ask!.title }])
          assert.strictEqual(ask!.title, "Budget of the execution: 3 of 3 requests spent. Raise the limit?")
          yield* answer("raise", { requests: 10, tokens: 1_000 }).pipe(Effect.flip)
          const low = yield* Effect.flip(answer("raise", { requests: 3 }))
          assert.strictEqual(low._tag, "InvalidAnswer")
          yield* answer("raise", { requests: 10 })
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
          assert.strictEqual(asked.length, 8)
          assert.strictEqual(made.get(id), 8)
          const all = yield* events
          assert.lengthOf(ofType(all, "TurnCompleted"), 8)
          const answered = all.findIndex(({ type }) => type === "AskAnswered")
          const raise = all[answered + 1]!
          assert.deepInclude(raise, {
            type: "LimitRaised",
            scope: "execution",
            limits: { requests: 10 },
            ask: "budget/execution/0"
          })
          assert.strictEqual(raise.at, all[answered]!.at)
          assert.strictEqual(ofType(all, "AskAnswered")[0]!.by.name, "ann")
          assert.deepStrictEqual(reached(all), [
            "execution 50 2",
            "execution 100 3",
            "execution 50 5",
            "execution 80 8"
          ])
        })
      )
  )

  it.effect("asks again when it is reached again; unnamed limits stay", () =>
    running(
      { a: { tools: ["look"], limits: { requests: 1, tokens: 500, onExceeded: "ask" } } },
      { answers: { a: three } },
      Effect.fnUntraced(function* ({ answer, crewline, events, id, made }) {
        yield* answer("raise", { requests: 2 })
        yield* answer("raise", { requests: 3 })
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.deepStrictEqual(
          ofType(yield* events, "LimitRaised").map(({ ask, limits }) => [ask, limits]),
          [
            ["budget/task/a/0", { requests: 2, tokens: 500 }],
            ["budget/task/a/1", { requests: 3, tokens: 500 }]
          ]
        )
        assert.strictEqual(made.get(`${id}/task/a`), 3)
      })
    )
  )

  it.effect("fails all refused tasks when it is denied, and is final", () =>
    running(
      { a: { tools: ["look"], onFailure: "continue" }, b: { context: ["a"] } },
      {
        answers: { a: three, b: [World.text("x")] },
        plan: { limits: { requests: 2, onExceeded: "ask" } }
      },
      Effect.fnUntraced(function* ({ answer, asked, crewline, id, open }) {
        yield* answer({ answer: "deny", reason: "Enough is enough." })
        const { error, status, tasks } = yield* crewline.get(id)
        assert.strictEqual(status, "failed")
        assert.include(error!.message, "ann denied more: Enough is enough.")
        for (const task of ["a", "b"]) {
          assert.strictEqual(tasks[task]!.error?.code, "model-budget-exceeded")
          assert.include(tasks[task]!.error!.message, "ann denied more: Enough is enough.")
        }
        assert.lengthOf(yield* open, 0)
        assert.strictEqual(asked.length, 2)
      })
    )
  )

  it.effect("applies to all tasks that its task spawns", () => {
    const spawn = Tool.make({
      name: "spawn",
      description: "Adds two tasks.",
      spawn: () => ({
        tasks: {
          x: { description: "X", expectedOutput: "x", limits: { requests: 5 } },
          y: { description: "Y", expectedOutput: "y", dependsOn: ["x"] }
        }
      }),
      execute: (_, { tasks }) => JSON.stringify(tasks)
    })
    return running(
      { a: { tools: ["spawn"], limits: { requests: 2, onExceeded: "ask" } } },
      {
        answers: ({ caller }) =>
          caller!.taskId === "a" && !seen.has("a") ? (seen.add("a"), World.calls(["spawn", {}])) : World.text("ok"),
        tools: [spawn]
      },
      Effect.fnUntraced(function* ({ answer, crewline, events, id, made, open }) {
        const [ask] = yield* open
        assert.match(ask!.taskId, /^a\/1\.1\.0\.y$/)
        yield* answer("raise", { requests: 4 })
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        assert.strictEqual(made.get(`${id}/task/a`), 4)
        assert.strictEqual(made.get(`${id}/task/a/1.1.0.x`), 1)
        assert.lengthOf(ofType(yield* events, "TurnCompleted"), 4)
      })
    )
  })
  const seen = new Set<string>()

  it.effect("also suspends a guardrail's judge, whose candidate is kept meanwhile", () =>
    running(
      { a: { guardrails: [{ kind: "sentence", text: "Be short." }] } },
      {
        answers: {
          a: [World.text("draft"), World.text(JSON.stringify({ accepted: true, complaint: "" }))]
        },
        plan: { limits: { requests: 1, onExceeded: "ask" } }
      },
      Effect.fnUntraced(function* ({ answer, asked, crewline, id }) {
        yield* answer("raise", { requests: 2 })
        assert.strictEqual((yield* crewline.get(id)).output, "draft")
        assert.strictEqual(asked.length, 2)
      })
    )
  )
})

describe("a limit that lets the agent finish", () => {
  it.effect("allows one last turn without tools, whose output is marked as partial, also for dependents", () =>
    running(
      { a: { tools: ["look"], limits: { requests: 3, onExceeded: "finish" } }, b: { context: ["a"] } },
      { answers: { a: [look, look, World.text("half of it")], b: [World.text("end")] } },
      Effect.fnUntraced(function* ({ asked, crewline, events, id, made }) {
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        assert.isUndefined(view.partial)
        assert.deepInclude(view.tasks["a"], { output: "half of it", partial: true })
        assert.isUndefined(view.tasks["b"]!.partial)
        assert.deepStrictEqual(
          asked.map(({ toolChoice }) => toolChoice),
          ["auto", "auto", "none", "none"]
        )
        assert.include(JSON.stringify(asked[2]!.messages.at(-1)), "your last answer")
        assert.include(JSON.stringify(asked[3]!.messages), `<result task=\\"a\\" status=\\"partial\\">`)
        assert.strictEqual(made.get(`${id}/task/a`), 3)
        const turns = ofType(yield* events, "TurnCompleted").filter(({ taskId }) => taskId === "a")
        assert.deepStrictEqual(
          turns.map(({ isLast }) => isLast),
          [undefined, undefined, true]
        )
        assert.deepStrictEqual(reached(yield* events), ["task/a 50 2", "task/a 100 3"])
      })
    )
  )

  it.effect("fails when the rest is insufficient even for that, and when the last answer is refused", () =>
    Effect.gen(function* () {
      yield* running(
        { a: { tools: ["look"] } },
        {
          answers: { a: [look, look] },
          plan: {
            limits: { requests: 1, onExceeded: "finish" },
            agents: { agent: { role: "A", goal: "B", backstory: "", limits: { requests: 1 } } }
          }
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          assert.strictEqual((yield* crewline.get(id)).tasks["a"]!.error?.code, "model-budget-exceeded")
        })
      )
      yield* running(
        { a: { output: { type: "number" }, tools: ["look"], limits: { requests: 2, onExceeded: "finish" } } },
        { answers: { a: [look, World.text("no number")] } },
        Effect.fnUntraced(function* ({ crewline, id }) {
          const { error } = (yield* crewline.get(id)).tasks["a"]!
          assert.strictEqual(error?.code, "model-budget-exceeded")
          assert.include(error!.message, "last answer")
        })
      )
    })
  )

  it.effect("leaves enough for the judges of the last answer, too", () =>
    running(
      {
        a: {
          tools: ["look"],
          guardrails: [{ kind: "sentence", text: "Be short." }],
          limits: { requests: 6, onExceeded: "finish" }
        }
      },
      {
        answers: ({ output, toolChoice }) =>
          output?.name === "verdict"
            ? World.text(JSON.stringify({ accepted: true, complaint: "" }))
            : toolChoice === "none"
              ? World.text("half of it")
              : World.calls(["look", { at: lookedAt++ }])
      },
      Effect.fnUntraced(function* ({ crewline, id, made }) {
        assert.deepInclude(yield* crewline.get(id), { status: "completed", output: "half of it", partial: true })
        assert.isAtMost(made.get(`${id}/task/a`)!, 6)
      })
    )
  )
  let lookedAt = 0

  it.effect("keeps the partial mark across a person's review, in a leg that knows only the log", () =>
    running(
      { a: { tools: ["look"], humanInput: { onSilence: "deny" }, limits: { requests: 2, onExceeded: "finish" } } },
      { answers: { a: [look, World.text("half of it")] } },
      Effect.fnUntraced(function* ({ asked, crewline, id, open }) {
        const [ask] = yield* open
        assert.strictEqual(ask!.kind, "review")
        yield* crewline.answer(ask!.id, { answer: "accept" })
        yield* settle
        assert.deepInclude(yield* crewline.get(id), { status: "completed", output: "half of it", partial: true })
        assert.strictEqual(asked.length, 2)
      })
    )
  )

  it.effect("marks the result of the execution if it comes from a final task", () =>
    running(
      { a: { limits: { requests: 1, onExceeded: "finish" } } },
      { answers: { a: [World.text("some")] } },
      Effect.fnUntraced(function* ({ crewline, id }) {
        assert.deepInclude(yield* crewline.get(id), { status: "completed", output: "some", partial: true })
      })
    )
  )
})

describe("the usage of a limit", () => {
  it.effect("is reported at 50, 80 and 100 %, once each, in the order of turns; never without a limit", () =>
    running(
      { a: { tools: ["look"], limits: { requests: 10 } }, b: { dependencies: ["a"] } },
      { answers: { a: [...looks(9), World.text("x")], b: [World.text("y")] } },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        const all = yield* events
        assert.deepStrictEqual(reached(all), ["task/a 50 5", "task/a 80 8", "task/a 100 10"])
        assert.deepStrictEqual(ofType(all, "LimitReached")[0]!.limits, { requests: 10 })
      })
    )
  )

  it.effect("is reported for a refused guardrail judge, and the task fails with its limit", () =>
    running(
      { a: { guardrails: [{ kind: "sentence", text: "Be short." }], limits: { requests: 1 } } },
      { answers: { a: [World.text("draft")] } },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        const { error } = (yield* crewline.get(id)).tasks["a"]!
        assert.strictEqual(error?.code, "model-budget-exceeded")
        assert.include(error!.message, "judge of a guardrail")
        const all = yield* events
        assert.deepStrictEqual(
          ofType(all, "ModelNoticed").map(({ notice }) => [notice.kind, notice.scope]),
          [["budget-refused", "task/a"]]
        )
        assert.deepStrictEqual(reached(all), ["task/a 100 1"])
      })
    )
  )

  it.effect("fails as before if the limit declares no other behaviour", () =>
    running(
      { a: { tools: ["look"], limits: { requests: 1 } } },
      { answers: { a: [look] } },
      Effect.fnUntraced(function* ({ crewline, events, id, open }) {
        assert.strictEqual((yield* crewline.get(id)).tasks["a"]!.error?.code, "model-budget-exceeded")
        assert.lengthOf(yield* open, 0)
        assert.deepStrictEqual(reached(yield* events), ["task/a 100 1"])
      })
    )
  )
})
