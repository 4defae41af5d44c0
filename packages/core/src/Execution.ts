/**
 * The state of one run of a plan: the fold of its events, and nothing else. `apply` is pure and total; it ignores events that the
 * fence (`run`) or a settled task makes stale, so every reader of the same log arrives at the same state.
 *
 * What may happen next is decided in `Decision`, from this state alone.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Ask from "./Ask.ts"
import {
  type AskAnswered,
  Ending,
  type ExecutionEvent,
  type ExecutionFailure,
  type Failure,
  type Priority,
  type RetryOf,
  type Skipped,
  type SuspendedFor
} from "./ExecutionEvent.ts"
import type { Limits } from "./Limits.ts"
import type * as Plan from "./Plan.ts"
import * as Usage from "./Usage.ts"
import * as Wait from "./Wait.ts"

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
  readonly waits: Wait.Waits | undefined
  /** What the last suspension was for. */
  readonly suspendedFor: SuspendedFor | undefined
  readonly suspendedAt: string | undefined
  /** Its asks and timers that are open. */
  readonly open: ReadonlyArray<string>
  /** How often it was suspended for recovery, and how many attempts beyond its policy that has granted. */
  readonly recoveries: number
  readonly granted: number
  readonly failure: Failure | undefined
  /** Why it was skipped. */
  readonly skipped: Skipped | undefined
  readonly outputFile: string | undefined
  readonly usage: Usage.Usage
  readonly startedAt: string | undefined
  readonly endedAt: string | undefined
}

/** An ask or a timer that is open. */
export interface Open {
  readonly kind: Ask.Kind | "timer"
  readonly taskId: string
  /** Of an ask: of what is shown. */
  readonly hash: string
  readonly tool: string | undefined
  readonly scope: string | undefined
  readonly onSilence: Ask.Silence
  /** In milliseconds since the epoch, by the log's clock. */
  readonly dueAt: number | undefined
}

/** How an ask or a timer ended: a person's answer, the time that a timer waited for, or nothing. */
export type Closed = Ask.Answer["answer"] | "elapsed" | "closed"

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
  /** Signals that have come; what they say is read from the log. */
  readonly signals: HashSet.HashSet<string>
  /** Asks and timers that are open, and those that were. */
  readonly open: HashMap.HashMap<string, Open>
  readonly closed: HashMap.HashMap<string, Closed>
  /** Tools whose every further call a person has approved. */
  readonly approved: HashSet.HashSet<string>
  /** Limits that were raised, by scope. */
  readonly raised: HashMap.HashMap<string, Limits>
  /** Tasks that were spawned because a model or a tool wanted them: those of the manager's office do not count. */
  readonly grown: number
  readonly paused: boolean
  readonly usage: Usage.Usage
  /** What agents with limits have spent in all of their tasks. */
  readonly spentByAgent: HashMap.HashMap<string, Usage.Usage>
  readonly error: ExecutionFailure | undefined
  readonly startedAt: string
  readonly endedAt: string | undefined
}

const none: ReadonlyArray<string> = []

const openTask = (plan: Plan.PlannedTask, parent: string | undefined): Task => ({
  plan,
  parent,
  run: 0,
  status: "open",
  attempt: 1,
  attempts: 0,
  crashes: 0,
  progressed: false,
  retryAt: undefined,
  retryDelayMillis: 0,
  waits: undefined,
  suspendedFor: undefined,
  suspendedAt: undefined,
  open: none,
  recoveries: 0,
  granted: 0,
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
  tasks: HashMap.fromIterable(event.plan.tasks.map((task) => [task.id, openTask(task, undefined)] as const)),
  children: HashMap.empty(),
  unsettled: event.plan.tasks.length,
  asking: 0,
  signals: HashSet.empty(),
  open: HashMap.empty(),
  closed: HashMap.empty(),
  approved: HashSet.empty(),
  raised: HashMap.empty(),
  grown: 0,
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

/** How what tasks wait for stands; `closes`: as if these were closed, timers by having elapsed. */
export const standings = (state: Execution, closes?: ReadonlySet<string>): Wait.Standings => ({
  ofTask: (id) => {
    const other = task(state, id)
    if (other === undefined || !isSettled(other)) return "open"
    return other.status === "completed" ? "come" : "gone"
  },
  ofSignal: (id) => {
    if (HashSet.has(state.signals, id)) return "come"
    const closed = Option.getOrUndefined(HashMap.get(state.closed, id))
    if (closed !== undefined) return closed === "closed" ? "gone" : "come"
    if (closes?.has(id) !== true) return "open"
    return openOf(state, id)?.kind === "timer" ? "come" : "gone"
  }
})

/** An ask or a timer that is open. */
export const openOf = (state: Execution, id: string): Open | undefined =>
  Option.getOrUndefined(HashMap.get(state.open, id))

/** True when what a suspended task waits for has come. Timeouts are not looked at: the fold reads no clock. */
export const isSatisfied = (state: Execution, waits: Wait.Waits): boolean => Wait.isSatisfied(waits, standings(state))

/** Pending, running, waiting (all that is open waits for people or signals), paused (nothing more begins), or how it ended. */
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
      waiting ||= Wait.openOf(each.waits!, standings(state)).signals.length > 0
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
      return structural(state, event, { signals: HashSet.add(state.signals, event.signal) })
    case "AskAnswered":
      return structural(state, event, answered(state, event))
    case "LimitRaised":
      return structural(state, event, { raised: HashMap.set(state.raised, event.scope, event.limits) })
    case "ExecutionPaused":
      return structural(state, event, { paused: true })
    case "ExecutionResumed":
      return structural(state, event, { paused: false })
    case "ExecutionEnded":
      return structural(state, event, {
        ...closing(state, event.closes),
        status: event.status,
        error: event.error,
        endedAt: event.at
      })
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

const answered = (state: Execution, event: AskAnswered): Partial<Execution> => {
  const ask = openOf(state, event.ask)
  if (ask === undefined) return {}
  const owner = task(state, ask.taskId)
  return {
    open: HashMap.remove(state.open, event.ask),
    closed: HashMap.set(state.closed, event.ask, event.answer),
    ...(event.scope === "run" && ask.tool !== undefined ? { approved: HashSet.add(state.approved, ask.tool) } : {}),
    ...(owner === undefined ? {} : { tasks: put(state, { ...owner, open: without(owner.open, [event.ask]) }) })
  }
}

const without = (ids: ReadonlyArray<string>, gone: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.length === 0 ? ids : ids.filter((id) => !gone.includes(id))

/** Asks and timers end unanswered. A timer has elapsed when that is what woke the task. */
const closing = (
  state: Execution,
  closes: ReadonlyArray<string> | undefined,
  byTime = false
): Pick<Execution, "open" | "closed"> => {
  let { closed, open } = state
  for (const id of closes ?? none) {
    const one = openOf(state, id)
    if (one === undefined) continue
    open = HashMap.remove(open, id)
    closed = HashMap.set(closed, id, byTime && one.kind === "timer" ? "elapsed" : "closed")
  }
  return { open, closed }
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
      ...closing(state, event.closes, event.woke === "timeout"),
      tasks: put(state, {
        ...current,
        status: "running",
        open: without(current.open, event.closes ?? none),
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
        ...closing(state, event.closes),
        tasks: put(state, {
          ...current,
          plan: event.description === undefined ? current.plan : { ...current.plan, description: event.description },
          status: "open",
          open: without(current.open, event.closes ?? none),
          granted: event.advice === undefined ? current.granted : current.granted + 1,
          attempt: event.attempt + 1,
          crashes: 0,
          progressed: true,
          failure: event.error,
          retryAt: new Date(Date.parse(event.at) + event.delayMillis).toISOString(),
          retryDelayMillis: event.delayMillis
        })
      }
    case "TaskSuspended":
      return suspension(state, current, event, asking)
    default:
      return {
        asking,
        ...closing(state, event.closes),
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
          open: none,
          endedAt: event.at
        })
      }
  }
}

const suspension = (
  state: Execution,
  current: Task,
  event: Extract<TaskEvent, { readonly type: "TaskSuspended" }>,
  asking: number
): Partial<Execution> => {
  const { asks: asked = [], at, for: what, spawn, taskId, timers = [], waits } = event
  let { open } = state
  const ids: Array<string> = []
  const add = (id: string, millis: number | undefined, one: Omit<Open, "taskId" | "dueAt">) => {
    if (HashMap.has(open, id) || HashMap.has(state.closed, id)) return
    const dueAt = millis === undefined ? undefined : Date.parse(at) + millis
    open = HashMap.set(open, id, { ...one, taskId, dueAt })
    // What everybody waits for who was refused is nobody's own.
    if (one.kind !== "budget") ids.push(id)
  }
  for (const { deadlineMillis, hash, id, kind, onSilence, scope, tool } of asked)
    add(id, deadlineMillis, { kind, hash, onSilence, scope, tool })
  for (const { id, millis } of timers)
    add(id, millis, { kind: "timer", hash: "", onSilence: "deny", scope: undefined, tool: undefined })
  const suspended: Task = {
    ...current,
    status: "suspended",
    waits,
    suspendedFor: what,
    suspendedAt: at,
    open: ids.length === 0 ? current.open : [...current.open, ...ids],
    recoveries: what.kind === "recovery" ? current.recoveries + 1 : current.recoveries,
    crashes: 0,
    progressed: true
  }
  const askingNow = asks(suspended) ? asking + 1 : asking
  let tasks = put(state, suspended)
  const spawned: Array<string> = []
  for (const plan of spawn) {
    if (HashMap.has(tasks, plan.id)) continue
    tasks = HashMap.set(tasks, plan.id, openTask(plan, taskId))
    spawned.push(plan.id)
  }
  if (spawned.length === 0) return { asking: askingNow, tasks, open }
  const earlier = Option.getOrElse(HashMap.get(state.children, taskId), () => [])
  return {
    asking: askingNow,
    open,
    tasks,
    children: HashMap.set(state.children, taskId, [...earlier, ...spawned]),
    grown: state.grown + (isGrowth(what) ? spawned.length : 0),
    unsettled: state.unsettled + spawned.length
  }
}

/** Whether what is spawned counts against the tasks that an execution may grow by. */
export const isGrowth = ({ kind }: SuspendedFor): boolean => kind === "calls" || kind === "replacement"

const asks = ({ status, waits }: Task) =>
  status === "suspended" && waits!.groups.some(({ signals }) => signals.length > 0)

const skippedOf = ({ because, reason }: Skipped): Skipped => (because === undefined ? { reason } : { reason, because })

const settledStatus = {
  TaskCompleted: "completed",
  TaskFailed: "failed",
  TaskSkipped: "skipped",
  TaskCancelled: "cancelled"
} as const
