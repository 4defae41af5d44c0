/**
 * The state of one run of a plan: the fold of its events, and nothing else. `apply` is pure and
 * total; it ignores events that the fence (`run`) or a settled task makes stale, so every reader of
 * the same log arrives at the same state.
 *
 * What may happen next is decided in `Decision`, from this state alone.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Asking from "./Execution/Asking.ts"
import * as Scopes from "./Execution/Scopes.ts"
import * as Steering from "./Execution/Steering.ts"
import { type Execution, isReleased, isSettled, make, put, type Status, type Task, task } from "./Execution/State.ts"
import type { ExecutionEvent, Skipped } from "./ExecutionEvent.ts"
import * as Usage from "./Usage.ts"
import * as Wait from "./Wait.ts"

export {
  amountOf,
  limitsOf,
  reachedBy,
  scopedOf,
  scopeOfAgent,
  scopeOfTask,
  spentOf,
  wholeScope
} from "./Execution/Scopes.ts"
export { isSilent, unheard } from "./Execution/Steering.ts"
export { approvalKey, isGrowth, isSatisfied, lastMillis, openOf, standings } from "./Execution/Asking.ts"
export {
  type Closed,
  type Execution,
  isReleased,
  isSettled,
  make,
  type Message,
  type Open,
  type Raised,
  Settled,
  Status,
  type Task,
  task
} from "./Execution/State.ts"

/** The state from a whole history; `undefined` for an empty one. */
export const fromEvents = (events: Iterable<ExecutionEvent>): Execution | undefined => {
  let state: Execution | undefined
  for (const event of events) {
    if (state === undefined) {
      if (event.type === "ExecutionStarted") state = make(event)
    } else state = apply(state, event)
  }
  return state
}

/**
 * Pending, running, waiting (all that is open waits for people or signals), paused (nothing more
 * begins), or how it ended.
 */
export const statusOf = (state: Execution): Status => {
  if (state.status !== "running") return state.status
  if (state.paused) return "paused"
  let started = false
  let able = false
  let waiting = false
  for (const each of HashMap.values(state.tasks)) {
    if (each.run > 0) started = true
    if (able && started) return "running"
    if (able || isSettled(each)) continue
    if (each.status === "suspended" && !Asking.isSatisfied(state, each.waits!)) {
      waiting ||= Wait.openOf(each.waits!, Asking.standings(state)).signals.length > 0
    } else able = each.status !== "open" || isReleased(state, each.plan)
  }
  return !started ? "pending" : waiting && !able ? "waiting" : "running"
}

/**
 * Consecutive runs up to and with the current one that recorded nothing, if a new one begins now. A
 * task that is still "running" has lost its worker, and that is a crash unless the run recorded
 * something.
 */
export const crashesOf = (task: Task): number => (task.status === "running" && !task.progressed ? task.crashes + 1 : 0)

/** Adds one event. Events must come in the order of `seq`; stale ones leave the tasks unchanged. */
export const apply = (state: Execution, event: ExecutionEvent): Execution => {
  switch (event.type) {
    case "ExecutionStarted":
      // Only the first one counts; the log has numbered this one all the same.
      return structural(state, event, {})
    case "SignalReceived":
      return structural(state, event, { signals: HashSet.add(state.signals, event.signal) })
    case "AskAnswered":
      return structural(state, event, Asking.answered(state, event))
    case "MessageSent":
      return structural(state, event, Steering.sent(state, event))
    case "LimitRaised":
      return structural(state, event, Scopes.raise(state, event))
    case "LimitReached":
      return structural(state, event, { reached: HashMap.set(state.reached, event.scope, event.percent) })
    case "ExecutionPaused":
      return structural(state, event, { paused: true })
    case "ExecutionResumed":
      return structural(state, event, { paused: false })
    case "ExecutionEnded":
      return structural(state, event, {
        ...Asking.closing(state, event.closes),
        status: event.status,
        error: event.error,
        endedAt: event.at
      })
    case "TaskUnserved": {
      const current = task(state, event.taskId)
      // One that is running has lost its worker: another start would have come first.
      const isOpen = current !== undefined && !isSettled(current)
      const tasks = isOpen ? put(state, { ...current, unserved: event.missing }) : state.tasks
      return { ...state, lastSeq: event.seq, tasks }
    }
    case "MemoryRecalled":
    case "ModelNoticed":
    case "RecoveryChosen":
      return { ...state, lastSeq: event.seq }
    case "ReviewJudged": {
      const current = task(state, event.taskId)
      const isOurs = current !== undefined && !isSettled(current) && current.run === event.run
      if (!isOurs) return { ...state, lastSeq: event.seq }
      const { criteria = current.criteria } = event
      return { ...state, lastSeq: event.seq, tasks: put(state, { ...current, criteria, progressed: true, crashes: 0 }) }
    }
    case "AgentAssigned": {
      const current = task(state, event.taskId)
      const isOurs = current !== undefined && !isSettled(current) && current.run === event.run
      const { agent, by, reason } = event
      const assigned = { agent, by, ...(reason === undefined ? {} : { reason }) }
      return { ...state, lastSeq: event.seq, ...(isOurs ? { tasks: put(state, { ...current, assigned }) } : {}) }
    }
    case "TurnCompleted":
    case "GuardrailJudged":
    case "ToolStarted":
    case "ToolCalled":
    case "OutputRejected": {
      const current = task(state, event.taskId)
      const spent = "usage" in event && event.usage !== undefined ? event.usage : undefined
      // A stale turn was paid all the same: it counts for the execution, not for the task's
      // progress.
      const usage = spent === undefined ? state.usage : Usage.add(state.usage, spent)
      const charged = spent === undefined ? state.spent : Scopes.charge(state, current, spent)
      if (current === undefined || isSettled(current) || current.run !== event.run) {
        return { ...state, lastSeq: event.seq, usage, spent: charged }
      }
      const next = spent === undefined ? current : { ...current, usage: Usage.add(current.usage, spent) }
      const heard = event.type === "TurnCompleted" && event.heard !== undefined ? event.heard : current.heard
      const tasks =
        current.progressed && spent === undefined
          ? state.tasks
          : put(state, { ...next, heard, progressed: true, crashes: 0 })
      return { ...state, lastSeq: event.seq, usage, spent: charged, tasks }
    }
    default:
      return structural(state, event, taskChange(state, event))
  }
}

const none: ReadonlyArray<string> = []

const structural = (state: Execution, event: ExecutionEvent, change: Partial<Execution>): Execution => ({
  ...state,
  ...change,
  version: state.version + 1,
  lastSeq: event.seq
})

type TaskEvent = Extract<
  ExecutionEvent,
  {
    readonly type:
      | "TaskStarted"
      | "TaskSuspended"
      | "TaskRetried"
      | "TaskReleased"
      | "TaskCompleted"
      | "TaskFailed"
      | "TaskSkipped"
      | "TaskCancelled"
  }
>

const taskChange = (state: Execution, event: TaskEvent): Partial<Execution> => {
  const current = task(state, event.taskId)
  if (current === undefined || isSettled(current)) return {}
  const asking = Asking.isAsking(current) ? state.asking - 1 : state.asking
  if (event.type === "TaskStarted") {
    if (event.run <= current.run) return {}
    return {
      asking,
      ...Asking.closing(state, event.closes, event.woke === "timeout"),
      tasks: put(state, {
        ...current,
        status: "running",
        unserved: undefined,
        open: Asking.without(current.open, event.closes ?? none),
        run: event.run,
        attempt: event.attempt,
        attempts: Math.max(current.attempts, event.attempt),
        // Not as the event says: its writer may have missed a turn that was recorded just before.
        crashes: crashesOf(current),
        progressed: false,
        retryAt: undefined,
        waits: undefined,
        suspendedAt: undefined,
        startedAt: current.startedAt ?? event.at
      })
    }
  }
  // An event of another run than the current one is stale; one without a run (a cascade) always
  // counts.
  if ("run" in event && event.run !== undefined && event.run !== current.run) return {}
  switch (event.type) {
    case "TaskReleased":
      return { asking, tasks: put(state, { ...current, status: "open", crashes: 0, progressed: true }) }
    case "TaskRetried":
      return {
        asking,
        ...Asking.closing(state, event.closes),
        tasks: put(state, {
          ...current,
          plan: event.description === undefined ? current.plan : { ...current.plan, description: event.description },
          status: "open",
          open: Asking.without(current.open, event.closes ?? none),
          granted: event.advice === undefined ? current.granted : current.granted + 1,
          attempt: event.attempt + 1,
          crashes: 0,
          progressed: true,
          heard: event.keepsTurns ? current.heard : 0,
          failure: event.error,
          retryAt: new Date(Date.parse(event.at) + event.delayMillis).toISOString(),
          retryDelayMillis: event.delayMillis
        })
      }
    case "TaskSuspended":
      return Asking.suspension(state, current, event, asking)
    default:
      return {
        asking,
        ...Asking.closing(state, event.closes),
        unsettled: state.unsettled - 1,
        // Only what is taken over is settled by a run that never began.
        pendingTakeovers:
          "run" in event && event.run === 0 ? Math.max(state.pendingTakeovers - 1, 0) : state.pendingTakeovers,
        tasks: put(state, {
          ...current,
          status: settledStatus[event.type],
          failure: event.type === "TaskFailed" ? event.error : current.failure,
          policy: event.type === "TaskFailed" ? event.policy : undefined,
          skipped: event.type === "TaskSkipped" ? skippedOf(event) : undefined,
          outputFile: event.type === "TaskCompleted" ? event.outputFile : undefined,
          partial: event.type === "TaskCompleted" && event.partial === true,
          doubts: event.type === "TaskCompleted" ? (event.doubts ?? current.doubts) : current.doubts,
          trust: event.type === "TaskCompleted" ? (event.trust ?? current.trust) : current.trust,
          criteria: event.type === "TaskCompleted" ? (event.criteria ?? current.criteria) : current.criteria,
          retryAt: undefined,
          unserved: undefined,
          waits: undefined,
          open: none,
          endedAt: event.at
        })
      }
  }
}

const skippedOf = ({ because, reason }: Skipped): Skipped => (because === undefined ? { reason } : { reason, because })

const settledStatus = {
  TaskCompleted: "completed",
  TaskFailed: "failed",
  TaskSkipped: "skipped",
  TaskCancelled: "cancelled"
} as const
