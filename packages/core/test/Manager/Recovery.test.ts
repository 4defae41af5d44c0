/** Permanently failed tasks: the manager's decision, and its effect. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../src/EventLog.ts"
import * as Execution from "../../src/Execution.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { ann, lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { agent, answering, decision, failing } = Managed
const plan = (more: Partial<Plan.PlannedManager> = {}): Partial<Plan.Plan> => {
  const { agents, ...rest } = Managed.plan(more)
  return { ...rest, agents: { ...agents, other: agent("Other", { tools: ["look"] }) } }
}

const kinds = (events: Parameters<typeof ofType>[0]) =>
  events
    .filter(({ type }) => type.startsWith("Task") || type === "RecoveryChosen" || type === "ExecutionEnded")
    .map((event) => ("taskId" in event ? `${event.type} ${event.taskId}` : event.type))

const tools = [World.tool("look", () => Effect.succeed("seen")), World.tool("send", () => Effect.succeed("sent"))]

/** The events of a task that failed in its first run, until the manager has decided. */
const untilDecided = [
  "TaskStarted a",
  "TaskSuspended a",
  "TaskStarted a/1.recover",
  "TaskCompleted a/1.recover",
  "TaskStarted a",
  "RecoveryChosen a"
]

describe("a permanently failed task", () => {
  it.effect("continues its conversation with the manager's advice; started calls are not made", () =>
    running(
      { a: { maxTurns: 2, tools: ["look"] }, b: { context: ["a"] } },
      {
        plan: plan(),
        tools,
        answers: answering([decision("retry", { advice: "Look no further." })], {
          a: [World.calls(["look", {}]), failing, World.calls(["look", {}]), World.text("done")],
          b: [World.text("after")]
        })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", "done"])
        assert.deepStrictEqual(kinds(yield* events), [
          ...untilDecided,
          "TaskRetried a",
          "TaskStarted a",
          "TaskCompleted a",
          "TaskStarted b",
          "TaskCompleted b",
          "ExecutionEnded"
        ])
        const [office] = asked.filter(({ caller }) => caller!.agent === "boss")
        assert.include(lastMessage(office!), "It failed after 1 attempt (model-invalid-request): fake/1: too hard")
        assert.include(lastMessage(office!), "- other: Other. Tools: look.")
        const own = asked.filter(({ caller }) => caller!.taskId === "a")
        // The same conversation, with the number of turns of a new attempt.
        assert.deepStrictEqual(
          own.map(({ messages }) => messages.length),
          [2, 4, 5, 7]
        )
        assert.include(lastMessage(own[2]!), "The advice of the manager:\\nLook no further.")
        assert.deepInclude(view.tasks["a/1.recover"], { kind: "office", parent: "a", agent: "boss" })
      })
    )
  )

  it.effect("makes no call of the failed attempt, before or after the advice", () => {
    let made = 0
    const hang = World.tool(
      "hang",
      () =>
        Effect.andThen(
          Effect.sync(() => made++),
          Effect.never
        ),
      { idempotent: true }
    )
    return running(
      { a: { tools: ["hang"], timeoutMillis: 1_000 } },
      {
        plan: plan(),
        tools: [hang, ...tools],
        answers: answering([decision("retry", { advice: "Do not wait." })], {
          a: [World.calls(["hang", {}]), World.text("done")]
        })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(5_000)
        assert.strictEqual((yield* crewline.get(id)).tasks["a"]!.output, "done")
        assert.strictEqual(made, 1)
        const [called] = ofType(yield* events, "ToolCalled")
        assert.deepInclude(called, { isFailure: true, turn: 1 })
        const [, , , result, advice] = asked.at(-1)!.messages
        assert.include(JSON.stringify(result), "This call was not finished")
        assert.include(JSON.stringify(advice), "Do not wait.")
      })
    )
  })

  it.effect("is rewritten: the new description applies to later attempts, too", () =>
    running(
      { a: {} },
      {
        plan: plan(),
        answers: answering(
          [decision("rewrite", { description: "Do less." }), decision("retry", { advice: "Again." })],
          {
            a: [failing, failing, World.text("done")]
          }
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.deepStrictEqual(
          ofType(yield* events, "TaskRetried").map(({ description, keepsTurns }) => [description, keepsTurns]),
          [
            ["Do less.", true],
            [undefined, true]
          ]
        )
        const texts = JSON.stringify(asked.at(-1)!.messages)
        for (const said of ["Do less.\\n\\nExpected output", "From now on it is:\\nDo less.", "Again."])
          assert.include(texts, said)
        assert.notInclude(texts, "Do a.")
      })
    )
  )

  it.effect("is done by another agent, as a task of that agent, and completes with its output", () =>
    running(
      { a: { tools: ["send"], output: { type: "integer" } } },
      {
        plan: plan(),
        tools,
        answers: answering([decision("reassign", { agent: "other" })], {
          a: [failing],
          "a/1.recover/work": [World.text("7")]
        })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", 7])
        assert.deepInclude(view.tasks["a/1.recover/work"], { agent: "other", parent: "a", kind: "work", output: 7 })
        // With its own tools, not those of the agent that failed.
        assert.deepStrictEqual(
          asked.at(-1)!.tools.map(({ name }) => name),
          ["look"]
        )
        assert.deepStrictEqual(kinds(yield* events), [
          ...untilDecided,
          "TaskSuspended a",
          "TaskStarted a/1.recover/work",
          "TaskCompleted a/1.recover/work",
          "TaskStarted a",
          "TaskCompleted a",
          "ExecutionEnded"
        ])
      })
    )
  )

  const tasks = [
    { name: "one", description: "First half.", expectedOutput: "x" },
    { name: "two", description: "Second half.", expectedOutput: "x", agent: "other" }
  ]

  it.effect("is replaced by new tasks: the last one reads the others, and must meet the declarations of the task", () =>
    running(
      {
        a: {
          output: { type: "integer" },
          guardrails: [{ kind: "sentence", text: "Small." }],
          humanInput: { onSilence: "deny" }
        }
      },
      {
        plan: plan(),
        tools,
        answers: answering([decision("replace", { tasks })], {
          a: [failing],
          "a/1.recover.one": [World.text("half")],
          "a/1.recover.two": [World.text("whole"), World.text("2"), World.text('{"accepted":true,"complaint":""}')]
        })
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id, log }) {
        yield* pass(500)
        const last = asked.filter(({ caller }) => caller!.taskId === "a/1.recover.two")
        assert.include(lastMessage(last[0]!), `<result task=\\"a/1.recover.one\\">\\nhalf`)
        assert.include(lastMessage(last[1]!), "cannot be read as JSON")
        assert.deepStrictEqual(
          ofType(yield* events, "GuardrailJudged").map(({ taskId }) => taskId),
          ["a/1.recover.two"]
        )
        // The tasks of a patch count against the growth limit, those of the office do not.
        assert.strictEqual(Execution.fromEvents(yield* events)!.grown, 2)
        // The person who must review the output does so.
        const [ask] = ofType(yield* events, "TaskSuspended").flatMap(({ asks = [] }) => asks)
        assert.deepInclude(ask, { kind: "review" })
        yield* log.append(id, [
          { type: "AskAnswered", ask: ask!.id, taskId: "a/1.recover.two", answer: "accept", hash: ask!.hash, by: ann }
        ])
        yield* Effect.repeat(pass(20_000), { times: 5 })
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", 2])
      })
    )
  )

  it.effect("is replaced by tasks with any names, and only with the tools of their agents", () => {
    const one = { name: "x", description: "d", expectedOutput: "e", agent: "other" }
    const given = { tools: ["send"], maxTurns: 1_000, retry: { attempts: 1_000 } }
    return running(
      { a: {} },
      {
        plan: plan(),
        tools,
        answers: answering(
          [
            decision("replace", { tasks: [{ ...one, ...given }] }),
            decision("replace", { tasks: [one, { ...one, name: "__proto__" }] })
          ],
          {
            a: [failing],
            "a/1.recover.x": [World.text("half")],
            "a/1.recover.__proto__": [World.text("done")]
          }
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", "done"])
        assert.include(lastMessage(asked[2]!), "/tasks/0/tools: is not allowed here")
        assert.deepStrictEqual(
          asked.slice(3).map((request) => request.tools.map(({ name }) => name)),
          [["look"], ["look"]]
        )
      })
    )
  })

  it.effect("may be recovered as often as allowed, when its replacement fails, too", () =>
    running(
      { a: {} },
      {
        plan: plan(),
        tools,
        answers: answering([decision("reassign", { agent: "other" }), decision("reassign", { agent: "other" })], {
          a: [failing],
          "a/1.recover/work": [failing],
          "a/3.recover/work": [failing]
        })
      },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.error?.code], ["failed", "model-invalid-request"])
        assert.strictEqual(ofType(yield* events, "RecoveryChosen").length, 2)
        assert.isUndefined(ofType(yield* events, "TaskFailed").find(({ taskId }) => taskId === "a")!.policy)
      })
    )
  )

  const policies = (
    choice: "continue" | "skip" | "abort",
    onFailure: Plan.PlannedTask["onFailure"],
    statuses: ReadonlyArray<string>
  ) =>
    it.effect(`is settled as the manager decides, whatever it declares: ${choice} instead of ${onFailure}`, () =>
      running(
        { a: { onFailure }, b: { context: ["a"] }, c: {} },
        {
          plan: plan(),
          answers: answering([decision(choice)], {
            a: [failing],
            b: [World.text("b")],
            c: [Effect.delay(Effect.succeed(World.text("c")), 5_000)]
          })
        },
        Effect.fnUntraced(function* ({ crewline, events, id }) {
          yield* pass(500)
          yield* pass(10_000)
          const view = yield* crewline.get(id)
          assert.deepStrictEqual([view.status, ...["a", "b", "c"].map((name) => view.tasks[name]!.status)], statuses)
          assert.deepInclude(ofType(yield* events, "TaskFailed")[0], { taskId: "a", policy: choice })
          assert.deepInclude(ofType(yield* events, "RecoveryChosen")[0], { choice, by: "manager", reason: "Because." })
        })
      )
    )
  policies("continue", "fail", ["completed", "failed", "completed", "completed"])
  policies("skip", "fail", ["completed", "failed", "skipped", "completed"])
  policies("abort", "continue", ["failed", "failed", "cancelled", "cancelled"])
})

describe("the declaration of the task applies", () => {
  const invalid = (title: string, ...decisions: ReadonlyArray<Llm.Answer | World.Reply>) =>
    it.effect(title, () =>
      running(
        { a: { onFailure: "continue" } },
        { plan: plan(), answers: answering(decisions, { a: [failing] }) },
        Effect.fnUntraced(function* ({ crewline, events, id }) {
          yield* pass(500)
          const view = yield* crewline.get(id)
          assert.deepStrictEqual([view.status, view.tasks["a"]!.status], ["failed", "failed"])
          assert.deepStrictEqual(
            ofType(yield* events, "RecoveryChosen").map(({ by, choice, reason }) => [by, choice, reason]),
            [["policy", "continue", undefined]]
          )
          assert.deepStrictEqual(
            Object.keys(view.tasks).filter((name) => name.includes("work") || name.includes(".x")),
            []
          )
        })
      )
    )
  const nonsense = World.text("Let us try again.")
  invalid("when the manager says nothing valid", nonsense, nonsense, nonsense)
  invalid("when it cannot be asked", failing)
  invalid("when advice is missing", decision("retry"))
  invalid("when a description is missing", decision("rewrite", { description: " " }))
  invalid("when the agent is missing", decision("reassign"))
  invalid("when no tasks are given", decision("replace", { tasks: [] }))
  const one = { name: "x", description: "d", expectedOutput: "e" }
  invalid("when tasks are for nobody", decision("replace", { tasks: [{ ...one, agent: "boss" }] }))
  invalid("when tasks are for somebody else", decision("replace", { tasks: [{ ...one, agent: "zed" }] }))
  invalid("when tasks have one name", decision("replace", { tasks: [one, one] }))
  invalid("when tasks wait for each other", decision("replace", { tasks: [{ ...one, context: ["x"] }] }))

  const notAsked = (title: string, tasks: Parameters<typeof running>[0], given: Partial<Plan.Plan>) =>
    it.effect(title, () =>
      running(
        tasks,
        { plan: { ...plan(), ...given }, answers: answering([], { a: [failing] }) },
        Effect.fnUntraced(function* ({ crewline, events, id }) {
          yield* pass(500)
          assert.strictEqual((yield* crewline.get(id)).status, "failed")
          assert.deepStrictEqual(ofType(yield* events, "TaskSuspended"), [])
        })
      )
    )
  notAsked("when the manager is not to recover", { a: {} }, plan({ recover: false }))
  notAsked("when it may recover nothing", { a: {} }, plan({ maxRecoveries: 0 }))

  const spent = World.refuse({ _tag: "BudgetExceeded", description: "spent", isRetryable: false } as never)
  /** A call that a limit of this scope refuses. */
  const exceeded = (request: Llm.Request, scope: string) => {
    request.onNotice!({ kind: "budget-refused", model: "fake/1", message: "spent", scope })
    return spent
  }

  it.effect("when the budget of the execution is used up: no model is asked", () =>
    running(
      { a: {} },
      { plan: plan(), answers: (request) => exceeded(request, "execution") },
      Effect.fnUntraced(function* ({ events }) {
        yield* pass(500)
        const all = yield* events
        assert.deepStrictEqual(ofType(all, "TaskSuspended"), [])
        assert.strictEqual(ofType(all, "TaskFailed")[0]!.error.code, "model-budget-exceeded")
      })
    )
  )

  it.effect("but not when its replacement was refused by a limit of the task: its own choices remain", () =>
    running(
      { a: { limits: { requests: 1 } } },
      {
        plan: plan(),
        tools,
        answers: (request) => {
          const { agent, taskId } = request.caller!
          if (agent === "boss")
            return taskId === "a/1.recover" ? decision("reassign", { agent: "other" }) : decision("skip")
          return agent === "other" ? exceeded(request, "task/a") : failing
        }
      },
      Effect.fnUntraced(function* ({ events }) {
        yield* pass(1_000)
        const all = yield* events
        assert.deepStrictEqual(
          ofType(all, "TaskSuspended").map(({ for: { kind, scope } }) => [kind, scope]),
          [
            ["recovery", undefined],
            ["replacement", undefined],
            ["recovery", "task/a"]
          ]
        )
        assert.deepStrictEqual(
          ofType(all, "RecoveryChosen").map(({ by, choice }) => [by, choice]),
          [
            ["manager", "reassign"],
            ["manager", "skip"]
          ]
        )
      })
    )
  )

  it.effect("and if only its own is used up, choices that would need more of it are not offered", () =>
    running(
      { a: {} },
      {
        plan: plan(),
        answers: (request) =>
          request.caller!.agent === "boss" ? decision("retry", { advice: "Again." }) : exceeded(request, "task/a")
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        yield* pass(500)
        const schema = asked.find(({ caller }) => caller!.agent === "boss")!.output!.schema
        assert.deepStrictEqual((schema as { properties: { choice: { enum: unknown } } }).properties.choice.enum, [
          "continue",
          "skip",
          "abort"
        ])
        assert.deepInclude(ofType(yield* events, "RecoveryChosen")[0], { by: "policy", choice: "abort" })
      })
    )
  )
})

it.effect("a task that crashes repeatedly is recovered in a separate run", () =>
  Effect.gen(function* () {
    const asked: Array<Llm.Request> = []
    const model = World.llm(
      ({ caller }) =>
        caller!.agent === "boss"
          ? decision("reassign", { agent: "other" })
          : caller!.agent === "other"
            ? World.text("saved")
            : Effect.never,
      asked
    )
    const parts = { model, tools, options: { worker: { maxCrashes: 2 } } }
    const first = yield* Process.startMortal(parts)
    const { id } = yield* first.crewline.startPlan(World.plan({ a: { retry: once } }, plan()))
    yield* pass(100)
    yield* first.kill
    const second = yield* Process.startMortal(parts)
    yield* Effect.repeat(pass(5_000), { times: 20 })
    yield* second.kill
    const third = yield* Process.start(parts)
    yield* Effect.repeat(pass(5_000), { times: 20 })
    const view = yield* third.crewline.get(id)
    assert.deepStrictEqual([view.status, view.tasks["a"]!.output], ["completed", "saved"])
    assert.deepStrictEqual(Object.keys(view.tasks), ["a", "a/3.recover", "a/3.recover/work"])
    const log = yield* EventLog.EventLog
    assert.deepStrictEqual(
      (yield* log.read(id, { taskId: "a" })).flatMap((event) =>
        event.type === "TaskStarted" || event.type === "TaskSuspended" ? [`${event.type} ${event.run}`] : []
      ),
      [
        "TaskStarted 1",
        "TaskStarted 2",
        "TaskStarted 3",
        "TaskSuspended 3",
        "TaskStarted 4",
        "TaskSuspended 4",
        "TaskStarted 5"
      ]
    )
    assert.deepStrictEqual(
      asked.map(({ caller }) => caller!.taskId),
      ["a", "a", "a/3.recover", "a/3.recover/work"]
    )
  }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
)

it.effect("a process that is killed after the decision repeats neither it nor the work", () =>
  Effect.gen(function* () {
    const asked: Array<Llm.Request> = []
    const script = World.script({
      a: [World.calls(["look", {}]), failing, World.text("saved")],
      "a/1.recover": [Effect.delay(Effect.succeed(decision("retry", { advice: "Again." })), 1_000)]
    })
    const slow = (request: Llm.Request) =>
      request.messages.length > 4 ? Effect.delay(Effect.succeed(World.text("saved")), 1_000) : script(request)
    const parts = { model: World.llm(slow, asked), tools }
    const first = yield* Process.startMortal(parts)
    const { id } = yield* first.crewline.startPlan(World.plan({ a: { retry: once, tools: ["look"] } }, plan()))
    yield* pass(1_500)
    yield* first.kill
    const second = yield* Process.start(parts)
    yield* Effect.repeat(pass(5_000), { times: 20 })
    assert.strictEqual((yield* second.crewline.get(id)).tasks["a"]!.output, "saved")
    assert.deepStrictEqual(
      asked.map(({ caller }) => caller!.taskId),
      ["a", "a", "a/1.recover", "a", "a"]
    )
    // The call in flight was repeated unchanged.
    assert.deepStrictEqual(asked[4]!.messages, asked[3]!.messages)
  }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
)

it.effect("the work of a task without an agent is recovered, and the decision applies to the task", () =>
  running(
    { a: { agent: "boss", frame: { candidates: ["agent", "other"] } }, b: { context: ["a"] } },
    {
      plan: plan(),
      answers: answering([World.text('{"agent":"agent","reason":""}'), decision("continue")], {
        "a/assign/work": [failing],
        b: [World.text("b")]
      })
    },
    Effect.fnUntraced(function* ({ crewline, events, id }) {
      yield* pass(500)
      const view = yield* crewline.get(id)
      assert.deepStrictEqual(
        [view.status, view.tasks["a"]!.status, view.tasks["b"]!.status],
        ["completed", "failed", "completed"]
      )
      assert.deepStrictEqual(
        ofType(yield* events, "TaskFailed").map(({ policy, taskId }) => [taskId, policy]),
        [
          ["a/assign/work", "continue"],
          ["a", "continue"]
        ]
      )
      assert.strictEqual(ofType(yield* events, "RecoveryChosen").length, 1)
    })
  )
)
