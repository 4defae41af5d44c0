/**
 * Stories for properties: a random plan, and random commands that drive it to its end. Every
 * command goes through `decide`, every event through `apply`, and each step keeps the state before
 * and after for properties to inspect.
 *
 * Commands are chosen by a list of numbers. When it runs out, the first choice is taken, which
 * always makes progress: every story ends, and a short list gives a story with few events. A
 * counterexample prints the plan and what happened.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import type * as Ask from "../../src/Ask.ts"
import * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type { Usage } from "../../src/Usage.ts"
import type * as Wait from "../../src/Wait.ts"
import * as Plans from "./Plan.ts"

export interface Step {
  /** Absent: progress was recorded without a decision. */
  readonly command: Decision.Command | undefined
  readonly before: Execution.Execution
  /** Empty when the command was refused. */
  readonly events: ReadonlyArray<ExecutionEvent.ExecutionEvent>
  readonly refusal: Decision.Refusal | undefined
  readonly after: Execution.Execution
}

export interface Story {
  readonly plan: Plan.Plan
  readonly steps: ReadonlyArray<Step>
  readonly events: ReadonlyArray<ExecutionEvent.ExecutionEvent>
  readonly final: Execution.Execution
}

/** Runs without progress after which a task is given up. */
export const maxCrashes = 3
/** A story that takes more steps than this per choice and task does not end. */
const stepsPerTask = 6

// Naive readings of a state, written without the functions under test.

export const tasksOf = (state: Execution.Execution): ReadonlyArray<Execution.Task> => {
  const spawned = [...HashMap.values(state.tasks)].filter((task) => task.parent !== undefined)
  const byId = new Map([...HashMap.values(state.tasks)].map((task) => [task.plan.id, task]))
  return [
    ...state.plan.tasks.map((planned) => byId.get(planned.id)!),
    ...spawned.sort((a, b) => (a.plan.id < b.plan.id ? -1 : 1))
  ]
}

export const isSettled = (task: Execution.Task | undefined): boolean =>
  task !== undefined && ["completed", "failed", "skipped", "cancelled"].includes(task.status)

/** Tasks that can continue without outside input: running, released, or woken. */
export const actionable = (state: Execution.Execution): ReadonlyArray<Execution.Task> => {
  const tasks = tasksOf(state)
  const settled = new Set(tasks.filter(isSettled).map((task) => task.plan.id))
  return tasks.filter((task) => {
    if (task.status === "running") return true
    if (task.status === "open") return task.plan.dependencies.every((id) => settled.has(id))
    return task.status === "suspended" && isWoken(state, task, settled)
  })
}

const isWoken = (state: Execution.Execution, task: Execution.Task, settled: ReadonlySet<string>): boolean => {
  const { groups, timeoutMillis } = task.waits!
  if (groups.length === 0) return timeoutMillis === undefined
  return groups.every((group) => isMet(state, group, settled))
}

const isMet = (state: Execution.Execution, group: Wait.Group, settled: ReadonlySet<string>): boolean => {
  const { need, signals, tasks, timer } = group
  if (timer !== undefined && closedOf(state, timer) === "elapsed") return true
  if (tasks.length + signals.length === 0) return timer === undefined
  const byId = new Map(tasksOf(state).map((task) => [task.plan.id, task]))
  const open = [
    ...tasks.filter((id) => !settled.has(id)),
    ...signals.filter((id) => !HashSet.has(state.signals, id) && closedOf(state, id) === undefined)
  ].length
  const come = [
    ...tasks.filter((id) => byId.get(id)?.status === "completed"),
    ...signals.filter((id) => HashSet.has(state.signals, id) || ![undefined, "closed"].includes(closedOf(state, id)))
  ].length
  return need === "all" ? open === 0 : come >= need || come + open < need
}

const closedOf = (state: Execution.Execution, id: string) => Option.getOrUndefined(HashMap.get(state.closed, id))

/** Asks and signals that suspended tasks wait for and that have not come. */
export const unanswered = (state: Execution.Execution): ReadonlyArray<string> => {
  const settled = new Set(tasksOf(state).flatMap((task) => (isSettled(task) ? [task.plan.id] : [])))
  return tasksOf(state)
    .flatMap((task) => (task.status === "suspended" ? task.waits!.groups : []))
    .filter((group) => !isMet(state, group, settled))
    .flatMap(({ signals }) => signals)
    .filter((id) => !HashSet.has(state.signals, id) && closedOf(state, id) === undefined)
}

// Stories

/** Numbers below `count`, from a list; 0 when the list has run out. */
export const choosing = (choices: ReadonlyArray<number>): ((count: number) => number) => {
  let taken = 0
  return (count) => (taken < choices.length ? choices[taken++]! % count : 0)
}

/** What may happen in the stories of a property. */
export interface Options {
  /** The execution may be cancelled or time out. */
  readonly aborts: boolean
}

/** Runs the story of a plan. Throws when it does not end. */
export const tell = (plan: Plan.Plan, choices: ReadonlyArray<number>, options: Options): Story => {
  const choose = choosing(choices)
  const steps: Array<Step> = []
  const events: Array<ExecutionEvent.ExecutionEvent> = []
  const stamp = (draft: ExecutionEvent.Draft): ExecutionEvent.ExecutionEvent => {
    const event = { ...draft, seq: events.length + 1, at: timeOf(steps.length), executionId: "story" }
    events.push(event)
    return event
  }
  const started = stamp({ type: "ExecutionStarted", plan })
  let state = Execution.make(started as ExecutionEvent.Of<"ExecutionStarted">)
  let turn = 0
  let asked = 0
  let spawned = 0

  const add = (command: Decision.Command | undefined, drafts: ReadonlyArray<ExecutionEvent.Draft>): void => {
    const before = state
    const stamped = drafts.map(stamp)
    for (const event of stamped) state = Execution.apply(state, event)
    steps.push({ command, before, events: stamped, refusal: undefined, after: state })
  }
  const send = (command: Decision.Command): void => {
    const decided = Decision.decide(state, command)
    if (Result.isSuccess(decided)) add(command, decided.success)
    else steps.push({ command, before: state, events: [], refusal: decided.failure, after: state })
  }

  const turnOf = (task: Execution.Task): ExecutionEvent.TurnCompleted => ({
    type: "TurnCompleted",
    taskId: task.plan.id,
    run: task.run,
    turn: ++turn,
    messages: [],
    parts: [],
    finishReason: "stop",
    model: "scripted/story",
    usage: usageOf(choose)
  })
  const start = (task: Execution.Task, more: { readonly timedOut?: number; readonly seenRun?: number } = {}) =>
    send({ _tag: "Start", taskId: task.plan.id, worker: "w", maxCrashes, ...more })
  const finish = (task: Execution.Task, outcome: Decision.Outcome, run = task.run) =>
    send({
      _tag: "Finish",
      taskId: task.plan.id,
      run,
      outcome,
      progress: choose(4) === 1 ? [turnOf(task)] : [],
      jitter: choose(10) / 10
    })

  const suspension = (task: Execution.Task): Decision.Outcome => {
    const ids: Array<string> = []
    const spawn: Array<Plan.PlannedTask> = []
    const depth = task.plan.id.split("/").length
    for (let left = depth > 2 ? 0 : choose(4); left > 0; left--) {
      const id = `${task.plan.id}/${++spawned}`
      const onFailure = (["fail", "skip", "continue"] as const)[choose(3)]!
      const dependencies = ids.filter(() => choose(3) === 1)
      const done = tasksOf(state).filter(isSettled)
      if (done.length > 0 && choose(4) === 1) dependencies.push(done[choose(done.length)]!.plan.id)
      spawn.push(Plans.task({ id, dependencies: [...new Set(dependencies)], onFailure }))
      ids.push(id)
    }
    const asks = Array.from({ length: choose(3) }, () => askOf(task))
    const signals = choose(4) === 1 ? [`s${1 + choose(3)}`] : []
    const timers = choose(4) === 1 ? [{ id: `${task.plan.id}/t${++asked}`, millis: 50 }] : []
    const need = (of: number) => (choose(3) === 1 ? Math.min(1 + choose(2), of) : ("all" as const))
    const waited = ids.filter(() => choose(5) !== 1)
    const groups: Array<Wait.Group> = [
      ...(waited.length === 0
        ? []
        : [
            {
              tasks: waited,
              signals,
              need: need(waited.length + signals.length),
              ...(choose(4) === 1 ? { rest: "keep" as const } : {})
            }
          ]),
      ...asks.map(({ id }) => ({ tasks: [], signals: [id], need: need(1) })),
      ...(waited.length > 0 || signals.length === 0 ? [] : [{ tasks: [], signals, need: "all" as const }])
    ]
    const [timer] = timers
    if (timer !== undefined) {
      const first = groups.shift() ?? { tasks: [], signals: [], need: "all" }
      groups.unshift({ ...first, timer: timer.id })
    }
    const times = [...asks.flatMap(({ deadlineMillis }) => deadlineMillis ?? []), ...timers.map(({ millis }) => millis)]
    if (groups.length === 0 || choose(6) === 1) times.push(50)
    return {
      _tag: "Suspended",
      for: { kind: "calls", turn: 1 },
      spawn,
      waits: { groups, ...(times.length === 0 ? {} : { timeoutMillis: Math.min(...times) }) },
      ...(asks.length === 0 ? {} : { asks }),
      ...(timers.length === 0 ? {} : { timers })
    }
  }
  const askOf = (task: Execution.Task): Ask.Ask => ({
    id: `${task.plan.id}/q${++asked}`,
    kind: choose(2) === 1 ? "approval" : "question",
    tool: `tool${choose(2)}`,
    title: "Well?",
    shown: asked,
    hash: `h${asked}`,
    ...(choose(3) === 1 ? { deadlineMillis: 50 } : {}),
    onSilence: "deny",
    answerableBy: []
  })
  /** A person answers an ask, validly or not, or sends a signal. */
  const tell = (id: string): void => {
    if (!id.includes("/")) return send({ _tag: "Signal", signal: id, value: asked })
    const isApproval = Execution.openOf(state, id)?.kind === "approval"
    const wrong = choose(8) === 1
    const answer: Ask.Answer = {
      ...(isApproval !== wrong ? { answer: choose(3) === 1 ? "deny" : "approve" } : { answer: "reply", value: "yes" }),
      ...(choose(8) === 1 ? { hash: "other" } : {}),
      ...(isApproval && choose(4) === 1 ? { scope: "run" as const } : {})
    }
    send({ _tag: "Answer", ask: id, answer, by: { name: "ann" } })
  }
  const failure = (isRetryable: boolean): Decision.Outcome => ({
    _tag: "Failed",
    error: { code: "story", message: "It went wrong.", isRetryable },
    ...(choose(3) === 1 ? { retryAfterMillis: 5_000 } : {}),
    ...(choose(3) === 1 ? { keepsTurns: true } : {})
  })

  const goOn = (): void => {
    if (state.paused && choose(3) === 0) return send({ _tag: "Resume" })
    const able = actionable(state).filter((task) => !state.paused || task.status === "running")
    const task = able[choose(Math.max(able.length, 1))]
    if (task === undefined) {
      const waited = unanswered(state)[0]
      if (waited !== undefined) return tell(waited)
      const sleeper = tasksOf(state).find((each) => each.waits?.timeoutMillis !== undefined)
      if (state.paused || sleeper === undefined) return send({ _tag: "Resume" })
      return start(sleeper, { timedOut: sleeper.run })
    }
    if (task.status !== "running") return start(task, choose(2) === 1 ? { seenRun: task.run } : {})
    switch (choose(12)) {
      case 1:
      case 2:
        return finish(task, failure(true))
      case 3:
        return finish(task, failure(false))
      case 4:
        return finish(task, { _tag: "Skipped" })
      case 5:
        return finish(task, { _tag: "Released" })
      case 6:
      case 7:
      case 8:
        return finish(task, suspension(task))
      default:
        return finish(task, { _tag: "Completed", output: task.plan.id })
    }
  }

  const step = (): void => {
    const tasks = tasksOf(state)
    const any = () => tasks[choose(tasks.length)]!
    switch (choose(20)) {
      case 1:
      case 2: {
        const running = tasks.filter((task) => task.status === "running")
        if (running.length === 0) return goOn()
        return add(undefined, [turnOf(running[choose(running.length)]!)])
      }
      case 3:
      case 4: {
        // A worker died, and another has the task.
        const running = tasks.filter((task) => task.status === "running")
        return running.length === 0 ? goOn() : start(running[choose(running.length)]!)
      }
      case 5: {
        const task = any()
        return finish(task, { _tag: "Completed", output: "stale" }, task.run - 1 + choose(3))
      }
      case 6: {
        // The timer of this wait, of an earlier one, or an unknown timer.
        const task = any()
        const timer = choose(3)
        return start(task, timer === 2 ? {} : { timedOut: task.run - timer })
      }
      case 7: {
        const task = any()
        return start(task, { seenRun: task.run + 1 - choose(3) })
      }
      case 8:
        return tell(choose(2) === 1 ? `s${choose(5)}` : `${any().plan.id}/q${1 + choose(asked + 1)}`)
      case 9:
        return send({ _tag: choose(2) === 1 ? "Resume" : "Pause" })
      case 10:
        return options.aborts ? send(choose(2) === 1 ? { _tag: "Timeout", millis: 10 } : { _tag: "Cancel" }) : goOn()
      default:
        return goOn()
    }
  }

  while (state.status === "running") {
    step()
    const most = choices.length + stepsPerTask * (HashMap.size(state.tasks) + asked + 1)
    if (steps.length > most) throw new Error(`It does not end.\n${describe(plan, steps)}`)
  }
  return Object.defineProperty({ plan, steps, events, final: state }, FastCheck.toStringMethod, {
    value: () => describe(plan, steps),
    enumerable: false
  })
}

/** Any story of a plan of this kind. */
export const of = (plan: FastCheck.Arbitrary<Plan.Plan>, options: Options): FastCheck.Arbitrary<Story> =>
  FastCheck.tuple(plan, FastCheck.array(FastCheck.nat(59), { maxLength: 120, size: "max" })).map(([plan, choices]) =>
    tell(plan, choices, options)
  )

/** Any story at all. */
export const any: FastCheck.Arbitrary<Story> = FastCheck.oneof(
  { weight: 3, arbitrary: of(Plans.withPolicies(["skip", "continue"]), { aborts: false }) },
  { weight: 2, arbitrary: of(Plans.any, { aborts: false }) },
  { weight: 1, arbitrary: of(Plans.any, { aborts: true }) }
)

export const timeOf = (step: number): string => new Date(Date.UTC(2026, 0, 1) + step * 10).toISOString()

/** Costs are multiples of an eighth of a dollar: sums of them are exact. */
const usageOf = (choose: (count: number) => number): Usage => ({
  requests: 1,
  inputTokens: choose(50),
  cachedInputTokens: choose(10),
  outputTokens: choose(50),
  reasoningTokens: choose(10),
  costUsd: choose(12) === 11 ? null : choose(9) / 8
})

const describe = (plan: Plan.Plan, steps: ReadonlyArray<Step>): string =>
  [`plan: ${Plans.print(plan)}`, ...steps.map(line)].join("\n  ")

const line = ({ command, events, refusal }: Step): string => {
  const what =
    command === undefined
      ? "record"
      : [
          command._tag,
          "taskId" in command
            ? Plans.word(command.taskId)
            : "signal" in command
              ? command.signal
              : "ask" in command
                ? command.ask
                : "",
          command._tag === "Finish" ? `run ${command.run} ${command.outcome._tag}` : "",
          command._tag === "Start" && command.seenRun !== undefined ? `seen ${command.seenRun}` : "",
          command._tag === "Start" && command.timedOut !== undefined ? `timed out ${command.timedOut}` : ""
        ]
          .filter(Boolean)
          .join(" ")
  return `${what} -> ${refusal ?? events.map(print).join(", ")}`
}

/** An event in a few words. */
export const print = (event: ExecutionEvent.ExecutionEvent): string => {
  const of = "taskId" in event ? ` ${Plans.word(event.taskId)}` : ""
  const run = "run" in event && event.run !== undefined ? `@${event.run}` : ""
  const detail =
    event.type === "TaskSuspended"
      ? ` for ${event.waits.groups.map(({ need, signals, tasks, timer }) => `${need} of {${[...tasks, ...signals, ...(timer === undefined ? [] : [timer])].join(" ")}}`).join(" and ")}`
      : event.type === "ExecutionEnded"
        ? ` ${event.status}${event.error?.taskId === undefined ? "" : ` by ${event.error.taskId}`}`
        : "reason" in event
          ? ` (${event.reason})`
          : ""
  return `${event.seq}:${event.type}${of}${run}${detail}`
}
