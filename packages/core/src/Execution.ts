/**
 * The state of one run of a plan: the fold of its events, and nothing else. `apply` is pure and total; it ignores events that the
 * fence (`run`) or a settled task makes stale, so every reader of the same log arrives at the same state.
 *
 * What may happen next is decided in `Decision`, from this state alone.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import {
  areSatisfied,
  Ending,
  type ExecutionEvent,
  type ExecutionFailure,
  type Failure,
  type Priority,
  type RetryOf,
  type Skipped,
  type Waits
} from "./ExecutionEvent.ts"
import type * as Plan from "./Plan.ts"
import * as Usage from "./Usage.ts"

/** How a task ends. */
export const Settled = Schema.Literals([...Ending.literals, "skipped"])
export type Settled = typeof Settled.Type

/** How an execution that may have ended presents itself. */
export const Status = Schema.Literals(["pending", "running", "waiting", "paused", ...Ending.literals])
export type Status = typeof Status.Type

/** One task of a running execution. */
export interface Task {
  readonly plan: Plan.PlannedTask
  /** The task that spawned it; absent for those of the plan. */
  readonly parent: string | undefined
  /** Among all tasks: first those of the plan, in its order, then those that were spawned, in the order in which they were. */
  readonly place: number
  /** The fence: the number of the current run; 0 before the first. */
  readonly run: number
  /** `open`: never started, handed back, or waiting for its next attempt. */
  readonly status: "open" | "running" | "suspended" | Settled
  /** The current attempt, from 1. */
  readonly attempt: number
  /** Attempts begun. */
  readonly attempts: number
  /** Consecutive runs before the current one that recorded nothing. */
  readonly crashes: number
  /** The current run has recorded something. */
  readonly progressed: boolean
  /** Not before this time (ISO 8601, the log's clock), and how long the delay was in milliseconds. */
  readonly retryAt: string | undefined
  readonly retryDelayMillis: number
  readonly waits: Waits | undefined
  readonly suspendedAt: string | undefined
  readonly failure: Failure | undefined
  /** Why it was skipped. */
  readonly skipped: Skipped | undefined
  readonly outputFile: string | undefined
  readonly usage: Usage.Usage
  readonly startedAt: string | undefined
  readonly endedAt: string | undefined
}

export interface Execution {
  readonly id: string
  readonly plan: Plan.Plan
  readonly priority: Priority
  /** The execution that this one retries. */
  readonly retryOf: RetryOf | undefined
  /** Tasks of that one which have not been taken over yet: until there are none, nothing begins. */
  readonly untaken: number
  /** Number of structural events: what decisions are made against. */
  readonly version: number
  readonly lastSeq: number
  readonly status: "running" | Ending
  readonly tasks: HashMap.HashMap<string, Task>
  /** Ids of the tasks that a task has spawned, by its id. */
  readonly children: HashMap.HashMap<string, ReadonlyArray<string>>
  /** Tasks without a terminal event. */
  readonly unsettled: number
  /** Tasks that wait for signals, arrived or not. */
  readonly asking: number
  /** Answers of signals, the first one each. */
  readonly signals: HashMap.HashMap<string, Schema.Json>
  readonly paused: boolean
  readonly usage: Usage.Usage
  /** What agents with limits have spent in all of their tasks. */
  readonly spentByAgent: HashMap.HashMap<string, Usage.Usage>
  readonly error: ExecutionFailure | undefined
  readonly startedAt: string
  readonly endedAt: string | undefined
}

const openTask = (plan: Plan.PlannedTask, parent: string | undefined, place: number): Task => ({
  plan,
  parent,
  place,
  run: 0,
  status: "open",
  attempt: 1,
  attempts: 0,
  crashes: 0,
  progressed: false,
  retryAt: undefined,
  retryDelayMillis: 0,
  waits: undefined,
  suspendedAt: undefined,
  failure: undefined,
  skipped: undefined,
  outputFile: undefined,
  usage: Usage.zero,
  startedAt: undefined,
  endedAt: undefined
})

/** The state right after `ExecutionStarted`, the first event. */
export const make = (event: Extract<ExecutionEvent, { readonly type: "ExecutionStarted" }>): Execution => ({
  id: event.executionId,
  plan: event.plan,
  priority: event.priority ?? "normal",
  retryOf: event.retryOf,
  untaken: event.retryOf?.tasks.length ?? 0,
  version: 1,
  lastSeq: event.seq,
  status: "running",
  tasks: HashMap.fromIterable(
    event.plan.tasks.map((task, place) => [task.id, openTask(task, undefined, place)] as const)
  ),
  children: HashMap.empty(),
  unsettled: event.plan.tasks.length,
  asking: 0,
  signals: HashMap.empty(),
  paused: false,
  usage: Usage.zero,
  spentByAgent: HashMap.empty(),
  error: undefined,
  startedAt: event.at,
  endedAt: undefined
})

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

/** The task, or `undefined`. */
export const task = (state: Execution, id: string): Task | undefined =>
  Option.getOrUndefined(HashMap.get(state.tasks, id))

/** True when a task has its terminal event. */
export const isSettled = (task: Task): boolean =>
  task.status !== "open" && task.status !== "running" && task.status !== "suspended"

/** True when every dependency of the task is settled. */
export const isReleased = (state: Execution, plan: Plan.PlannedTask): boolean => {
  for (const id of plan.dependencies) {
    const dependency = task(state, id)
    if (dependency === undefined || !isSettled(dependency)) return false
  }
  return true
}

/** True when what a suspended task waits for has come. Timeouts are not looked at: the fold reads no clock. */
export const isSatisfied = (state: Execution, waits: Waits): boolean =>
  areSatisfied(waits, {
    isSettled: (id) => {
      const other = task(state, id)
      return other !== undefined && isSettled(other)
    },
    hasArrived: (signal) => HashMap.has(state.signals, signal)
  })

/** Pending, running, waiting (all that is open waits for signals), paused (nothing more begins), or how it ended. */
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
    if (each.status === "suspended" && !isSatisfied(state, each.waits!)) {
      waiting ||= each.waits!.signals.some((signal) => !HashMap.has(state.signals, signal))
    } else able = each.status !== "open" || isReleased(state, each.plan)
  }
  return !started ? "pending" : waiting && !able ? "waiting" : "running"
}

/**
 * Consecutive runs up to and with the current one that recorded nothing, if a new one begins now. A task that is still "running" has
 * lost its worker, and that is a crash unless the run recorded something.
 */
export const crashesOf = (task: Task): number => (task.status === "running" && !task.progressed ? task.crashes + 1 : 0)

const put = (state: Execution, next: Task): HashMap.HashMap<string, Task> =>
  HashMap.set(state.tasks, next.plan.id, next)

/** Adds one event. Events must come in the order of `seq`; stale ones leave the tasks unchanged. */
export const apply = (state: Execution, event: ExecutionEvent): Execution => {
  switch (event.type) {
    case "ExecutionStarted":
      // Only the first one counts; the log has numbered this one all the same.
      return structural(state, event, {})
    case "SignalReceived":
      return structural(state, event, {
        signals: HashMap.has(state.signals, event.signal)
          ? state.signals
          : HashMap.set(state.signals, event.signal, event.value)
      })
    case "ExecutionPaused":
      return structural(state, event, { paused: true })
    case "ExecutionResumed":
      return structural(state, event, { paused: false })
    case "ExecutionEnded":
      return structural(state, event, { status: event.status, error: event.error, endedAt: event.at })
    case "ModelNoticed":
      return { ...state, lastSeq: event.seq }
    case "TurnCompleted":
    case "GuardrailJudged":
    case "ToolStarted":
    case "ToolCalled":
    case "OutputRejected": {
      const current = task(state, event.taskId)
      const spent = "usage" in event && event.usage !== undefined ? event.usage : undefined
      // A stale turn was paid all the same: it counts for the execution, not for the task's progress.
      const usage = spent === undefined ? state.usage : Usage.add(state.usage, spent)
      const spentByAgent = spent === undefined ? state.spentByAgent : chargeAgent(state, current?.plan.agent, spent)
      if (current === undefined || isSettled(current) || current.run !== event.run) {
        return { ...state, lastSeq: event.seq, usage, spentByAgent }
      }
      const next = spent === undefined ? current : { ...current, usage: Usage.add(current.usage, spent) }
      const tasks =
        current.progressed && spent === undefined ? state.tasks : put(state, { ...next, progressed: true, crashes: 0 })
      return { ...state, lastSeq: event.seq, usage, spentByAgent, tasks }
    }
    default:
      return structural(state, event, taskChange(state, event))
  }
}

const chargeAgent = (
  { plan, spentByAgent }: Execution,
  agent: string | undefined,
  spent: Usage.Usage
): Execution["spentByAgent"] =>
  agent === undefined || plan.agents[agent]?.limits === undefined
    ? spentByAgent
    : HashMap.set(
        spentByAgent,
        agent,
        Usage.add(
          Option.getOrElse(HashMap.get(spentByAgent, agent), () => Usage.zero),
          spent
        )
      )

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
  const asking = asks(current) ? state.asking - 1 : state.asking
  if (event.type === "TaskStarted") {
    if (event.run <= current.run) return {}
    return {
      asking,
      tasks: put(state, {
        ...current,
        status: "running",
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
  // An event of another run than the current one is stale; one without a run (a cascade) always counts.
  if ("run" in event && event.run !== undefined && event.run !== current.run) return {}
  switch (event.type) {
    case "TaskReleased":
      return { asking, tasks: put(state, { ...current, status: "open", crashes: 0, progressed: true }) }
    case "TaskRetried":
      return {
        asking,
        tasks: put(state, {
          ...current,
          status: "open",
          attempt: event.attempt + 1,
          crashes: 0,
          progressed: true,
          failure: event.error,
          retryAt: new Date(Date.parse(event.at) + event.delayMillis).toISOString(),
          retryDelayMillis: event.delayMillis
        })
      }
    case "TaskSuspended": {
      const suspended: Task = {
        ...current,
        status: "suspended",
        waits: event.waits,
        suspendedAt: event.at,
        crashes: 0,
        progressed: true
      }
      const askingNow = asks(suspended) ? asking + 1 : asking
      let tasks = put(state, suspended)
      const spawned: Array<string> = []
      for (const plan of event.spawn) {
        if (HashMap.has(tasks, plan.id)) continue
        tasks = HashMap.set(tasks, plan.id, openTask(plan, event.taskId, HashMap.size(tasks)))
        spawned.push(plan.id)
      }
      if (spawned.length === 0) return { asking: askingNow, tasks }
      const earlier = Option.getOrElse(HashMap.get(state.children, event.taskId), () => [])
      const children = HashMap.set(state.children, event.taskId, [...earlier, ...spawned])
      return { asking: askingNow, tasks, children, unsettled: state.unsettled + spawned.length }
    }
    default:
      return {
        asking,
        unsettled: state.unsettled - 1,
        // Only what is taken over is settled by a run that never began.
        untaken: "run" in event && event.run === 0 ? Math.max(state.untaken - 1, 0) : state.untaken,
        tasks: put(state, {
          ...current,
          status: settledStatus[event.type],
          failure: event.type === "TaskFailed" ? event.error : current.failure,
          skipped: event.type === "TaskSkipped" ? skippedOf(event) : undefined,
          outputFile: event.type === "TaskCompleted" ? event.outputFile : undefined,
          retryAt: undefined,
          waits: undefined,
          endedAt: event.at
        })
      }
  }
}

const asks = ({ status, waits }: Task) => status === "suspended" && waits!.signals.length > 0

const skippedOf = ({ because, reason }: Skipped): Skipped => (because === undefined ? { reason } : { reason, because })

const settledStatus = {
  TaskCompleted: "completed",
  TaskFailed: "failed",
  TaskSkipped: "skipped",
  TaskCancelled: "cancelled"
} as const
