/**
 * The complete events of each power of a manager and of delegating agents, each choice about a
 * failed task, and each limit, in order. `Assignment`, `Review`, `Recovery` and `Acceptance` do the
 * same for their subjects.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import { pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { decision, failing } = Managed
const agent = (role: string) => Managed.agent(role, { allowDelegation: true })
const agents = { agent: agent("Agent"), other: agent("Other"), third: agent("Third"), boss: agent("Boss") }
const manager: Plan.PlannedManager = { ...Managed.manager, allow: ["agent", "other", "third"] }

const done = World.text("done")
const delegate = (coworker: string, task = "x") => ["delegate_work", { task, context: "", coworker }] as const

type Answers = { readonly [task: string]: ReadonlyArray<Llm.Answer | World.Reply> }

/** One line per event; equal lines are counted. */
const lines = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): ReadonlyArray<string> => {
  const said: Array<{ readonly line: string; times: number }> = []
  for (const event of events) {
    const line = lineOf(event)
    const last = said.at(-1)
    if (last?.line === line) last.times++
    else said.push({ line, times: 1 })
  }
  return said.map(({ line, times }) => (times === 1 ? line : `${line} ×${times}`))
}

const lineOf = (event: ExecutionEvent.ExecutionEvent): string => {
  const parts: Array<string | number> = [event.type]
  if ("taskId" in event) parts.push(event.taskId)
  switch (event.type) {
    case "TaskSuspended":
      parts.push("for", event.for.kind)
      break
    case "ToolCalled":
      parts.push(event.tool, event.isFailure ? "failed" : "succeeded")
      break
    case "AgentAssigned":
      parts.push(event.agent, "by", event.by)
      break
    case "RecoveryChosen":
      parts.push(event.choice, "by", event.by)
      break
    case "TaskRetried":
      parts.push("after", event.error.code)
      break
    case "TaskFailed":
      parts.push(event.error.code, ...(event.policy === undefined ? [] : [event.policy]))
      break
    case "LimitReached":
      parts.push(event.scope, event.percent)
      break
    case "ExecutionEnded":
      parts.push(event.status)
  }
  return parts.join(" ")
}

interface Case {
  readonly tasks: { readonly [id: string]: Partial<Plan.PlannedTask> }
  readonly answers: Answers | ((request: Llm.Request) => Llm.Answer | World.Reply)
  readonly plan?: Partial<Plan.Plan>
  /** Only the events of this task. */
  readonly only?: string
}

const leaves = (title: string, { answers, only, plan, tasks }: Case, expected: ReadonlyArray<string>) =>
  it.effect(title, () =>
    running(
      tasks,
      { plan: { agents, manager, ...plan }, answers, crewline: { worker: { concurrency: 1 } } },
      Effect.fnUntraced(function* ({ events }) {
        yield* Effect.repeat(pass(500), { times: 3 })
        const all = (yield* events).filter(
          (event) => only === undefined || ("taskId" in event && event.taskId === only)
        )
        assert.deepStrictEqual(lines(all), expected)
      })
    )
  )

/** The events of a task run by a model, and its outcome. */
const ran = (id: string, ...end: ReadonlyArray<string>): ReadonlyArray<string> => [
  `TaskStarted ${id}`,
  ...(end[0]?.includes("Failed") === true ? [] : [`TurnCompleted ${id}`]),
  ...end
]
const completed = (id: string): ReadonlyArray<string> => ran(id, `TaskCompleted ${id}`)
const waits = (id: string, kind: string): ReadonlyArray<string> => [
  `TaskStarted ${id}`,
  `TaskSuspended ${id} for ${kind}`
]
const begins = (...middle: ReadonlyArray<string>): ReadonlyArray<string> => ["ExecutionStarted", ...middle]

describe("a power leaves these events:", () => {
  leaves(
    "to delegate",
    { tasks: { a: {} }, answers: { a: [World.calls(delegate("other")), done], "a/1.1.0.work": [done] } },
    begins(
      "TaskStarted a",
      "TurnCompleted a",
      "TaskSuspended a for calls",
      ...completed("a/1.1.0.work"),
      "TaskStarted a",
      "ToolCalled a delegate_work succeeded",
      "TurnCompleted a",
      "TaskCompleted a",
      "ExecutionEnded completed"
    )
  )

  leaves(
    "to ask a coworker",
    {
      tasks: { a: {} },
      answers: {
        a: [World.calls(["ask_coworker", { question: "Why?", context: "", coworker: "other" }]), done],
        "a/1.1.0.work": [World.text("Because.")]
      }
    },
    begins(
      "TaskStarted a",
      "TurnCompleted a",
      "TaskSuspended a for calls",
      ...completed("a/1.1.0.work"),
      "TaskStarted a",
      "ToolCalled a ask_coworker succeeded",
      "TurnCompleted a",
      "TaskCompleted a",
      "ExecutionEnded completed"
    )
  )

  leaves(
    "to assign, and to split up",
    {
      tasks: { a: { agent: "boss", frame: { candidates: ["agent", "other"] } } },
      answers: {
        "a/assign": [World.text('{"agent":"delegate","reason":"Two parts."}')],
        "a/assign/work": [World.calls(delegate("agent"), delegate("other")), done],
        "a/assign/work/1.1.0.work": [done],
        "a/assign/work/1.1.1.work": [done]
      }
    },
    begins(
      ...waits("a", "assignment"),
      ...completed("a/assign"),
      "TaskStarted a",
      "AgentAssigned a boss by manager",
      "TaskSuspended a for work",
      "TaskStarted a/assign/work",
      "TurnCompleted a/assign/work",
      "TaskSuspended a/assign/work for calls",
      ...completed("a/assign/work/1.1.0.work"),
      ...completed("a/assign/work/1.1.1.work"),
      "TaskStarted a/assign/work",
      "ToolCalled a/assign/work delegate_work succeeded ×2",
      "TurnCompleted a/assign/work",
      "TaskCompleted a/assign/work",
      "TaskStarted a",
      "TaskCompleted a",
      "ExecutionEnded completed"
    )
  )
})

/** A task that fails in its first run, and the manager's decision. */
const asked = begins("TaskStarted a", "TaskSuspended a for recovery", ...completed("a/1.recover"), "TaskStarted a")

describe("a choice about a failed task leaves these events:", () => {
  const chosen = (
    choice: string,
    more: object,
    answers: Answers,
    expected: ReadonlyArray<string>,
    tasks: Case["tasks"] = { a: {} }
  ) =>
    leaves(
      choice,
      { tasks, answers: { a: [failing, done], b: [done], ...answers, "a/1.recover": [decision(choice, more)] } },
      [...asked, ...expected]
    )
  const goesOn = ["TaskRetried a after model-invalid-request", ...completed("a"), "ExecutionEnded completed"]
  chosen("retry", { advice: "Try." }, {}, ["RecoveryChosen a retry by manager", ...goesOn])
  chosen("rewrite", { description: "Less." }, {}, ["RecoveryChosen a rewrite by manager", ...goesOn])
  chosen("reassign", { agent: "other" }, { "a/1.recover/work": [done] }, [
    "RecoveryChosen a reassign by manager",
    "TaskSuspended a for replacement",
    ...completed("a/1.recover/work"),
    "TaskStarted a",
    "TaskCompleted a",
    "ExecutionEnded completed"
  ])
  const tasks = ["x", "y"].map((name) => ({ name, description: "d", expectedOutput: "e" }))
  chosen("replace", { tasks }, { "a/1.recover.x": [done], "a/1.recover.y": [done] }, [
    "RecoveryChosen a replace by manager",
    "TaskSuspended a for replacement",
    ...completed("a/1.recover.x"),
    ...completed("a/1.recover.y"),
    "TaskStarted a",
    "TaskCompleted a",
    "ExecutionEnded completed"
  ])
  const after = { a: {}, b: { context: ["a"] } }
  chosen(
    "continue",
    {},
    {},
    [
      "RecoveryChosen a continue by manager",
      "TaskFailed a model-invalid-request continue",
      ...completed("b"),
      "ExecutionEnded completed"
    ],
    after
  )
  chosen(
    "skip",
    {},
    {},
    [
      "RecoveryChosen a skip by manager",
      "TaskFailed a model-invalid-request skip",
      "TaskSkipped b",
      "ExecutionEnded failed"
    ],
    after
  )
  chosen(
    "abort",
    {},
    {},
    [
      "RecoveryChosen a abort by manager",
      "TaskFailed a model-invalid-request abort",
      "TaskCancelled b",
      "ExecutionEnded failed"
    ],
    after
  )
})

leaves(
  "a manager that is to recover is asked nothing where nothing fails",
  { tasks: { a: {} }, answers: { a: [done] } },
  begins(...completed("a"), "ExecutionEnded completed")
)

describe("a limit leaves these events:", () => {
  leaves(
    "depth",
    {
      tasks: { a: {} },
      answers: {
        a: [World.calls(delegate("other")), done],
        "a/1.1.0.work": [World.calls(delegate("third")), done],
        "a/1.1.0.work/1.1.0.work": [World.calls(delegate("agent")), done]
      },
      only: "a/1.1.0.work/1.1.0.work"
    },
    [
      "TaskStarted a/1.1.0.work/1.1.0.work",
      "TurnCompleted a/1.1.0.work/1.1.0.work",
      "ToolCalled a/1.1.0.work/1.1.0.work delegate_work failed",
      "TurnCompleted a/1.1.0.work/1.1.0.work",
      "TaskCompleted a/1.1.0.work/1.1.0.work"
    ]
  )

  leaves(
    "loop",
    {
      tasks: { a: {} },
      answers: {
        a: [World.calls(delegate("other")), done],
        "a/1.1.0.work": [World.calls(delegate("agent"), delegate("other")), done]
      },
      only: "a/1.1.0.work"
    },
    [
      "TaskStarted a/1.1.0.work",
      "TurnCompleted a/1.1.0.work",
      "ToolCalled a/1.1.0.work delegate_work failed ×2",
      "TurnCompleted a/1.1.0.work",
      "TaskCompleted a/1.1.0.work"
    ]
  )

  const several = (count: number) =>
    World.calls(...Array.from({ length: count }, (_, index) => delegate("other", `part ${index}`)))

  leaves(
    "number of tasks of one",
    {
      tasks: { a: {} },
      answers: ({ caller, messages }) => (caller!.taskId === "a" && messages.length <= 2 ? several(22) : done),
      only: "a"
    },
    [
      "TaskStarted a",
      "TurnCompleted a",
      "ToolCalled a delegate_work failed ×2",
      "TaskSuspended a for calls",
      "TaskStarted a",
      "ToolCalled a delegate_work succeeded ×20",
      "TurnCompleted a",
      "TaskCompleted a"
    ]
  )

  const many = Array.from({ length: 11 }, (_, index) => `t${index}`)
  leaves(
    "number of tasks of the execution",
    {
      tasks: Object.fromEntries(many.map((id, index) => [id, index === 0 ? {} : { dependencies: [many[index - 1]!] }])),
      answers: ({ caller, messages }) => (!caller!.taskId.includes("/") && messages.length <= 2 ? several(19) : done),
      only: "t10"
    },
    [
      "TaskStarted t10",
      "TurnCompleted t10",
      "ToolCalled t10 delegate_work failed ×19",
      "TurnCompleted t10",
      "TaskCompleted t10"
    ]
  )

  leaves(
    "recoveries",
    {
      tasks: { a: {} },
      answers: { a: [failing, failing], "a/1.recover": [decision("retry", { advice: "Try." })] },
      plan: { manager: { ...manager, maxRecoveries: 1 } }
    },
    [
      ...asked,
      "RecoveryChosen a retry by manager",
      "TaskRetried a after model-invalid-request",
      "TaskStarted a",
      "TaskFailed a model-invalid-request",
      "ExecutionEnded failed"
    ]
  )

  const spent = World.refuse({ _tag: "BudgetExceeded", description: "spent", isRetryable: false } as never)
  leaves(
    "budget: that of a task binds what it delegates, which tells it so",
    {
      tasks: { a: { limits: { requests: 2 } } },
      answers: (request) => {
        if (request.caller!.taskId === "a") return request.messages.length <= 2 ? World.calls(delegate("other")) : done
        request.onNotice!({ kind: "budget-refused", model: "fake/1", message: "spent", scope: "task/a" })
        return spent
      }
    },
    begins(
      "TaskStarted a",
      "TurnCompleted a",
      "LimitReached task/a 50",
      "TaskSuspended a for calls",
      "TaskStarted a/1.1.0.work",
      "ModelNoticed a/1.1.0.work",
      "LimitReached task/a 100",
      "TaskFailed a/1.1.0.work model-budget-exceeded",
      "TaskStarted a",
      "ToolCalled a delegate_work failed",
      "TurnCompleted a",
      "TaskCompleted a",
      "ExecutionEnded completed"
    )
  )
})
