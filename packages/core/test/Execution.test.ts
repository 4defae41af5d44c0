import { describe, expect, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as FastCheck from "fast-check"
import * as Execution from "../src/Execution.ts"
import * as ExecutionEvent from "../src/ExecutionEvent.ts"
import * as Usage from "../src/Usage.ts"
import * as Plans from "./arbitrary/Plan.ts"
import * as Stories from "./arbitrary/Story.ts"
import * as Wait from "../src/Wait.ts"
import * as Property from "./arbitrary/Property.ts"

const property = Property.test(1_000)

type Events = ReadonlyArray<ExecutionEvent.ExecutionEvent>

/** The whole state in a comparable form. */
const picture = (state: Execution.Execution) => ({
  ...state,
  tasks: tasksIn(state),
  signals: signalsIn(state),
  spent: spentIn(state)
})
const spentIn = (state: Execution.Execution) => Object.fromEntries(HashMap.entries(state.spent))
const tasksIn = (state: Execution.Execution) => Object.fromEntries(HashMap.entries(state.tasks))
const signalsIn = (state: Execution.Execution) => [...state.signals].toSorted()

const fold = (events: Events): Execution.Execution => Execution.fromEvents(events)!
const at = (millis: number): string => new Date(Date.UTC(2026, 0, 1) + millis).toISOString()

/** The numbered events of a started plan, one millisecond apart. */
const history = (plan: ReturnType<typeof Plans.chart>, drafts: ReadonlyArray<ExecutionEvent.Draft>): Events =>
  [{ type: "ExecutionStarted", plan } as const, ...drafts].map((draft, index) => ({
    ...draft,
    seq: index + 1,
    at: at(index),
    executionId: "e"
  }))

const started = (taskId: string, run: number, attempt = 1): ExecutionEvent.TaskStarted => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt,
  worker: "w",
  crashes: 0
})
const completed = (taskId: string, run: number): ExecutionEvent.TaskCompleted => ({
  type: "TaskCompleted",
  taskId,
  run,
  output: null
})
const turn = (taskId: string, run: number, usage: Usage.Usage): ExecutionEvent.TurnCompleted => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: 1,
  messages: [],
  parts: [],
  finishReason: "stop",
  model: "scripted/test",
  usage
})
const failure = { code: "test", message: "It went wrong.", isRetryable: true }
const cents: Usage.Usage = { ...Usage.zero, requests: 1, inputTokens: 7, costUsd: 0.25 }

/** A verdict of the manager on the result. */
const judged = (taskId: string, run: number, verdict: ExecutionEvent.Criterion["verdict"]) =>
  ({
    type: "ReviewJudged",
    taskId,
    run,
    turn: 1,
    reviewer: "manager",
    verdict: "accept",
    by: "manager",
    criteria: [{ criterion: "It is short.", verdict }]
  }) as const

describe("the fold", () => {
  it("only counts recalled memories: they affect no decision", () => {
    const plan = Plans.chart({ a: "" })
    const before = fold(history(plan, [started("a", 1)]))
    const recalled = { type: "MemoryRecalled", taskId: "a", run: 1, ids: ["m1"], scores: [0.5] } as const
    const after = fold(history(plan, [started("a", 1), recalled]))
    expect(picture(after)).toEqual({ ...picture(before), lastSeq: before.lastSeq + 1 })
  })

  it("keeps the verdicts of the result: those of the last judgement of its run, or of its completion", () => {
    const plan = Plans.chart({ a: "" })
    const verdictOf = (...drafts: ReadonlyArray<ExecutionEvent.Draft>) =>
      Execution.task(fold(history(plan, [started("a", 2), ...drafts])), "a")!.criteria?.map(({ verdict }) => verdict)
    expect(verdictOf()).toBeUndefined()
    expect(verdictOf(judged("a", 1, "passed"))).toBeUndefined()
    expect(verdictOf(judged("a", 2, "failed"), judged("a", 2, "passed"))).toEqual(["passed"])
    expect(verdictOf(judged("a", 2, "failed"), completed("a", 2))).toEqual(["failed"])
    const { criteria } = judged("a", 2, "unknown")
    expect(verdictOf(judged("a", 2, "failed"), { ...completed("a", 2), criteria })).toEqual(["unknown"])
    expect(verdictOf(completed("a", 2), judged("a", 2, "failed"))).toBeUndefined()
  })

  property(
    "in parts equals the fold of all events at once",
    [Stories.any, FastCheck.nat()],
    ({ events, final }, cut) => {
      const head = events.slice(0, 1 + (cut % events.length))
      const before = fold(head)
      const copy = structuredClone(picture(before))
      const whole = events.slice(head.length).reduce(Execution.apply, before)
      expect(picture(whole)).toEqual(picture(final))
      // A holder of an older state still sees that state.
      expect(picture(before)).toEqual(copy)
    }
  )

  property("is the same for every reader, however the events arrived", [Stories.any], ({ events, final }) => {
    expect(picture(fold(JSON.parse(JSON.stringify(events)) as Events))).toEqual(picture(final))
  })

  property("counts every event, and every structural one in its version", [Stories.any], ({ events, steps }) => {
    for (const { after } of steps) {
      expect(after.lastSeq).toBeLessThanOrEqual(events.length)
      const seen = events.slice(0, after.lastSeq)
      expect(after.version).toBe(seen.filter(ExecutionEvent.isStructural).length)
    }
  })

  property(
    "ignores events of earlier runs",
    [
      Stories.any,
      FastCheck.array(FastCheck.tuple(FastCheck.nat(), FastCheck.nat(), FastCheck.nat()), {
        minLength: 1,
        maxLength: 8
      })
    ],
    ({ events, final }, places) => {
      const positions = places.map(([place]) => 1 + (place % events.length))
      const injected: Array<ExecutionEvent.ExecutionEvent> = []
      let state: Execution.Execution | undefined
      for (const [index, event] of events.entries()) {
        state = state === undefined ? fold([event]) : Execution.apply(state, event)
        injected.push(event)
        for (const [place, position] of positions.entries()) {
          if (position !== index + 1 || state.status !== "running") continue
          const draft = staleDraft(state, places[place]![1], places[place]![2])
          if (draft !== undefined) injected.push({ ...draft, seq: 0, at: event.at, executionId: event.executionId })
        }
      }
      const disturbed = fold(injected.map((event, index) => ({ ...event, seq: index + 1 })))
      expect(tasksIn(disturbed)).toEqual(tasksIn(final))
      expect(disturbed.unsettled).toBe(final.unsettled)
      expect(signalsIn(disturbed)).toEqual(signalsIn(final))
    }
  )

  property(
    "accepts any event in any state, and keeps the number of unsettled tasks correct",
    [Stories.any, FastCheck.nat(), FastCheck.array(anyDraft(), { minLength: 1, maxLength: 5 })],
    ({ events }, cut, drafts) => {
      let state = fold(events.slice(0, 1 + (cut % events.length)))
      for (const draft of drafts) {
        const before = state
        state = Execution.apply(before, { ...draft, seq: before.lastSeq + 1, at: at(1e6), executionId: state.id })
        expect(state.lastSeq - before.lastSeq).toBe(1)
        expect(state.version - before.version).toBe(ExecutionEvent.isStructural(draft) ? 1 : 0)
        expect(state.unsettled).toBe(Stories.tasksOf(state).filter((task) => !Stories.isSettled(task)).length)
      }
    }
  )
})

describe("tasks", () => {
  property("are in exactly one state, and unsettled is the number of open ones", [Stories.any], ({ steps }) => {
    const wrong: Array<string> = []
    for (const { after } of steps) {
      const able = new Set(Stories.actionable(after))
      let unsettled = 0
      for (const task of Stories.tasksOf(after)) {
        const settled = Stories.isSettled(task)
        if (!settled) unsettled++
        const holds =
          Execution.isSettled(task) === settled &&
          (task.endedAt !== undefined) === settled &&
          (task.waits !== undefined) === (task.status === "suspended") &&
          (task.status !== "open" || Execution.isReleased(after, task.plan) === able.has(task)) &&
          (task.status !== "suspended" || Execution.isSatisfied(after, task.waits!) === able.has(task)) &&
          (task.status !== "running" || task.run > 0)
        if (!holds) wrong.push(`${task.plan.id} ${task.status} at ${after.lastSeq}`)
      }
      if (after.unsettled !== unsettled) wrong.push(`${after.unsettled} unsettled, not ${unsettled}`)
    }
    expect(wrong).toEqual([])
  })

  property("settle once, and do not change afterwards", [Stories.any], ({ final, steps }) => {
    for (const { after, before } of steps) {
      for (const task of Stories.tasksOf(after)) {
        if (Stories.isSettled(task) && Execution.task(before, task.plan.id) !== task)
          expect(Execution.task(final, task.plan.id)).toEqual(task)
      }
    }
  })

  property("never go back: runs and attempts only increase", [Stories.any], ({ steps }) => {
    for (const { after, before } of steps) {
      const back = Stories.tasksOf(before).filter((old) => {
        const task = Execution.task(after, old.plan.id)!
        return task.run < old.run || task.attempt < old.attempt || task.attempts < old.attempts
      })
      expect(back).toEqual([])
    }
  })

  it("waits for its next attempt by the time of the log", () => {
    const plan = Plans.chart({ a: "" })
    const retried = {
      type: "TaskRetried",
      taskId: "a",
      run: 1,
      attempt: 1,
      error: failure,
      delayMillis: 500,
      keepsTurns: false
    } as const
    const waiting = Execution.task(fold(history(plan, [started("a", 1), retried])), "a")!
    expect(waiting).toMatchObject({
      status: "open",
      attempt: 2,
      attempts: 1,
      retryAt: at(502),
      retryDelayMillis: 500,
      failure
    })
    const again = Execution.task(fold(history(plan, [started("a", 1), retried, started("a", 2, 2)])), "a")!
    expect(again).toMatchObject({ status: "running", attempt: 2, attempts: 2, retryAt: undefined })
  })

  it("keeps the parent of spawned tasks, and replaces no task", () => {
    const spawn = [Plans.task({ id: "x" }), Plans.task({ id: "b", description: "An impostor." })]
    const state = fold(
      history(Plans.chart({ a: "", b: "" }), [
        started("a", 1),
        { ...Plans.suspension("a", 1, Wait.of({ tasks: ["x"] })), spawn }
      ])
    )
    expect(Execution.task(state, "x")).toMatchObject({ parent: "a", status: "open", run: 0 })
    expect(Execution.task(state, "b")).toMatchObject({ parent: undefined, plan: { description: "Do b." } })
    expect(state.unsettled).toBe(3)
  })

  it("count crashes independently of the claim of a start that missed a turn", () => {
    const late = { ...started("a", 2), crashes: 1 }
    const plan = Plans.chart({ a: "" })
    expect(Execution.task(fold(history(plan, [started("a", 1), late])), "a")).toMatchObject({ crashes: 1 })
    const state = fold(history(plan, [started("a", 1), turn("a", 1, cents), late]))
    expect(Execution.task(state, "a")).toMatchObject({ crashes: 0 })
  })

  it("make progress when a verdict of the manager is recorded", () => {
    const judged = {
      type: "ReviewJudged",
      taskId: "a",
      run: 1,
      turn: 1,
      reviewer: "manager",
      verdict: "accept",
      by: "manager"
    } as const
    const state = fold(history(Plans.chart({ a: "" }), [started("a", 1), judged, started("a", 2)]))
    expect(Execution.task(state, "a")).toMatchObject({ crashes: 0 })
  })

  it("that is handed back counts neither as failed nor as crashed", () => {
    const state = fold(
      history(Plans.chart({ a: "" }), [started("a", 1), { type: "TaskReleased", taskId: "a", run: 1 }])
    )
    expect(Execution.task(state, "a")).toMatchObject({ status: "open", attempt: 1, crashes: 0, progressed: true })
  })
})

describe("waits", () => {
  const state = fold(
    history(Plans.chart({ a: "", b: "" }), [
      started("a", 1),
      completed("a", 1),
      { type: "SignalReceived", signal: "yes", value: 1 }
    ])
  )
  it.each([
    ["nothing", Wait.of({}), true],
    ["nothing but time", Wait.of({}, { timeoutMillis: 5 }), false],
    ["all of what came", Wait.of({ tasks: ["a"], signals: ["yes"] }), true],
    ["all, and a task is open", Wait.of({ tasks: ["a", "b"] }), false],
    ["all, and a signal is missing", Wait.of({ tasks: ["a"], signals: ["yes", "no"] }), false],
    ["any, and a task has completed", Wait.of({ tasks: ["b", "a"], signals: ["no"] }, { need: 1 }), true],
    ["any, and a signal came", Wait.of({ tasks: ["b"], signals: ["no", "yes"] }, { need: 1 }), true],
    ["any, and none came", Wait.of({ tasks: ["b"], signals: ["no"] }, { need: 1 }), false]
  ] as const)("for %s", (_, waits, satisfied) => {
    expect(Execution.isSatisfied(state, waits)).toBe(satisfied)
  })
})

describe("usage", () => {
  property("is the sum of all costs, and unknown if a part is", [Stories.any], ({ events, final }) => {
    const paid = events.flatMap((event) => (event.type === "TurnCompleted" ? [event] : []))
    expect(final.usage).toEqual(sum(paid))
    expect(events.at(-1)).toMatchObject({ type: "ExecutionEnded", usage: final.usage })
    // No event in a story was recorded by a fenced run, so every turn counts for its task.
    for (const task of Stories.tasksOf(final)) {
      expect(task.usage).toEqual(sum(paid.filter((event) => event.taskId === task.plan.id)))
    }
  })

  it("counts a stale turn for the execution, but not for the task", () => {
    const plan = Plans.chart({ a: "" })
    const state = fold(history(plan, [started("a", 1), turn("a", 1, cents), started("a", 2), turn("a", 1, cents)]))
    expect(state.usage).toEqual(Usage.add(cents, cents))
    expect(Execution.task(state, "a")).toMatchObject({ usage: cents, progressed: false })
  })

  it("is summed by agent on arrival, including spawned tasks and stale turns, if the agent has limits", () => {
    const other = { role: "Reader", goal: "Read.", backstory: "" }
    const chart = Plans.chart({ a: "", b: "", c: "" }, { c: { agent: "reader" } })
    const [worker] = Object.values(chart.agents)
    const plan = { ...chart, agents: { worker: { ...worker!, limits: { requests: 9 } }, reader: other } }
    const spawn = [Plans.task({ id: "a/1" })]
    const state = fold(
      history(plan, [
        started("a", 1),
        turn("a", 1, cents),
        { ...Plans.suspension("a", 1, Wait.of({ tasks: ["a/1"] })), spawn },
        started("a/1", 1),
        turn("a/1", 1, cents),
        started("b", 1),
        started("b", 2),
        turn("b", 1, cents),
        started("c", 1),
        turn("c", 1, cents)
      ])
    )
    expect(spentIn(state)).toEqual({ "agent/worker": Usage.add(Usage.add(cents, cents), cents) })
  })

  it("stays unknown", () => {
    const unknown = Usage.add({ ...cents, costUsd: null }, cents)
    expect(unknown).toMatchObject({ requests: 2, inputTokens: 14, costUsd: null })
    expect(Usage.add(cents, unknown).costUsd).toBeNull()
  })

  const sum = (events: ReadonlyArray<{ readonly usage: Usage.Usage }>): Usage.Usage => {
    const total = (key: Exclude<keyof Usage.Usage, "costUsd">) =>
      events.reduce((all, { usage }) => all + (usage[key] ?? 0), 0)
    const costs = events.map(({ usage }) => usage.costUsd)
    return {
      requests: total("requests"),
      inputTokens: total("inputTokens"),
      cachedInputTokens: total("cachedInputTokens"),
      outputTokens: total("outputTokens"),
      reasoningTokens: total("reasoningTokens"),
      costUsd: costs.includes(null) ? null : costs.reduce<number>((all, cost) => all + cost!, 0)
    }
  }
})

describe("the status", () => {
  property("matches the description that people would give", [Stories.any], ({ steps }) => {
    for (const { after } of steps) {
      const tasks = Stories.tasksOf(after)
      const expected =
        after.status !== "running"
          ? after.status
          : after.paused
            ? "paused"
            : tasks.every((task) => task.run === 0)
              ? "pending"
              : Stories.actionable(after).length === 0 && Stories.unanswered(after).length > 0
                ? "waiting"
                : "running"
      expect(Execution.statusOf(after)).toBe(expected)
    }
  })
})

/** An event that a reader must ignore: from an older run, or for a settled task. */
const staleDraft = (state: Execution.Execution, pick: number, kind: number): ExecutionEvent.Draft | undefined => {
  const tasks = Stories.tasksOf(state).filter((task) => task.run > 0)
  if (tasks.length === 0) return undefined
  const { plan, run: current } = tasks[pick % tasks.length]!
  const settled = Stories.isSettled(tasks[pick % tasks.length]!)
  const run = settled ? current + (kind % 3) : kind % current
  return eventsOf(plan.id, run)[kind % 9]!
}

const eventsOf = (taskId: string, run: number): ReadonlyArray<ExecutionEvent.Draft> => [
  started(taskId, run),
  turn(taskId, run, cents),
  { type: "ToolStarted", taskId, run, turn: 1, callId: "c", tool: "t" },
  { type: "OutputRejected", taskId, run, turn: 1, by: "schema", complaint: "No." },
  { ...Plans.suspension(taskId, run, Wait.of({ signals: ["never"] })), spawn: [Plans.task({ id: `${taskId}/stale` })] },
  { type: "TaskRetried", taskId, run, attempt: 1, error: failure, delayMillis: 1, keepsTurns: false },
  { type: "TaskReleased", taskId, run },
  completed(taskId, run),
  { type: "TaskFailed", taskId, run, error: failure }
]

function anyDraft(): FastCheck.Arbitrary<ExecutionEvent.Draft> {
  return FastCheck.tuple(FastCheck.constantFrom("a", "b", "a/1", "nobody"), FastCheck.nat(4), FastCheck.nat(14)).map(
    ([taskId, run, kind]) =>
      [
        ...eventsOf(taskId, run),
        { type: "TaskFailed", taskId, error: failure } as const,
        { type: "TaskSkipped", taskId, reason: "dependency-failed" } as const,
        { type: "TaskCancelled", taskId, reason: "parent-ended" } as const,
        { type: "SignalReceived", signal: "s1", value: 0 } as const,
        { type: "ExecutionPaused" } as const,
        { type: "ExecutionStarted", plan: Plans.chart({ other: "" }) } as const
      ][kind]!
  )
}
