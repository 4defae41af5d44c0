/**
 * The real `decide` and `apply`. Where one of their rules is off, they behave as they would without
 * it: they receive another state or command, or part of their result is removed. Production code
 * has no hooks for this.
 */
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Rules } from "./Rules.ts"

type Decided = ReturnType<typeof Decision.decide>

/** The functions that decide and fold. */
export interface Kernel {
  readonly decide: (state: Execution.Execution, command: Decision.Command) => Decided
  readonly apply: (state: Execution.Execution, event: ExecutionEvent.ExecutionEvent) => Execution.Execution
}

export const make = (rules: Rules): Kernel => ({
  decide: (state, command) => decide(rules, state, command),
  apply: (state, event) => apply(rules, state, event)
})

const apply = (rules: Rules, state: Execution.Execution, event: ExecutionEvent.ExecutionEvent): Execution.Execution => {
  if (!("taskId" in event)) return Execution.apply(state, event)
  const before = Execution.task(state, event.taskId)
  if (before === undefined) return Execution.apply(state, event)
  const fenced = "run" in event && event.run !== undefined && event.type !== "TaskStarted"
  const seen = !rules.runFence && fenced ? { ...event, run: before.run } : event
  const after = Execution.apply(state, seen)
  if (rules.crashesInARow || event.type === "TaskStarted") return after
  // Progress forgets no crash.
  return with_(after, event.taskId, (task) => ({ ...task, crashes: before.crashes }))
}

const decide = (rules: Rules, state: Execution.Execution, command: Decision.Command): Decided => {
  switch (command._tag) {
    case "Start":
      return childrenKept(
        rules,
        Decision.decide(startState(rules, state, command.taskId), startCommand(rules, command))
      )
    case "Answer":
      return Decision.decide(rules.firstAnswer ? state : reopened(state, command.ask), command)
    case "Finish": {
      const run = rules.runFence ? command.run : (Execution.task(state, command.taskId)?.run ?? command.run)
      return childrenKept(rules, Decision.decide(state, { ...command, run }))
    }
    default:
      return Decision.decide(state, command)
  }
}

/**
 * Without that rule a task neither ends the tasks it spawned nor stops those it no longer needs.
 */
const childrenKept = (rules: Rules, decided: Decided): Decided =>
  rules.parentTakesChildren
    ? decided
    : Result.map(decided, (drafts) =>
        drafts.filter(
          (draft) =>
            draft.type !== "TaskCancelled" || (draft.reason !== "parent-ended" && draft.reason !== "not-needed")
        )
      )

/** As if the ask had not been answered. */
const reopened = (state: Execution.Execution, ask: string): Execution.Execution => {
  if (!HashMap.has(state.closed, ask)) return state
  const open: Execution.Open = {
    kind: "question",
    taskId: ask.slice(0, ask.lastIndexOf("/")),
    hash: "",
    tool: undefined,
    definition: undefined,
    scope: undefined,
    onSilence: "deny",
    dueAt: undefined
  }
  return { ...state, open: HashMap.set(state.open, ask, open) }
}

type Start = Extract<Decision.Command, { _tag: "Start" }>

const startCommand = (rules: Rules, { seenAttempt, seenRun, ...command }: Start): Start => ({
  ...command,
  ...(rules.seenRun && seenRun !== undefined ? { seenRun } : {}),
  ...(rules.backoffOnTake && seenAttempt !== undefined ? { seenAttempt } : {}),
  ...(rules.crashLimit ? {} : { maxCrashes: Number.POSITIVE_INFINITY })
})

const startState = (rules: Rules, state: Execution.Execution, taskId: string): Execution.Execution => {
  let seen = state
  if (!rules.pauseStopsStarts && seen.paused) seen = { ...seen, paused: false }
  if (!rules.dependencyCheck)
    seen = with_(seen, taskId, (task) => ({ ...task, plan: { ...task.plan, dependencies: [] } }))
  if (!rules.crashesInARow) seen = with_(seen, taskId, (task) => ({ ...task, progressed: false }))
  if (!rules.settledStays)
    seen = with_(seen, taskId, (task) => (Execution.isSettled(task) ? { ...task, status: "open" } : task))
  return seen
}

const with_ = (
  state: Execution.Execution,
  taskId: string,
  change: (task: Execution.Task) => Execution.Task
): Execution.Execution => {
  const task = Execution.task(state, taskId)
  return task === undefined ? state : { ...state, tasks: HashMap.set(state.tasks, taskId, change(task)) }
}
