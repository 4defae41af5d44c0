/** The state of an execution and of its tasks, and what can be asked of it. */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Ask from "../Ask.ts"
import {
  type AgentAssigned,
  type Criterion,
  type Doubt,
  Ending,
  type ExecutionEvent,
  type ExecutionFailure,
  type Failure,
  type MessageSent,
  type Priority,
  type Requester,
  type RetryOf,
  type Skipped,
  type SuspendedFor,
  type TaskFailed
} from "../ExecutionEvent.ts"
import type { Limits } from "../Limits.ts"
import type { Origin } from "../MemoryOptions.ts"
import type * as Plan from "../Plan.ts"
import type { TraceContext } from "../TraceContext.ts"
import * as Usage from "../Usage.ts"
import type * as Wait from "../Wait.ts"

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
  /**
   * Among all tasks: first those of the plan, in its order, then those that were spawned, in the
   * order in which they were.
   */
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
  /**
   * Not before this time (ISO 8601, the log's clock), and how long the delay was in milliseconds.
   */
  readonly retryAt: string | undefined
  readonly retryDelayMillis: number
  readonly waits: Wait.Waits | undefined
  /** What the last suspension was for. */
  readonly suspendedFor: SuspendedFor | undefined
  readonly suspendedAt: string | undefined
  /** Its asks and timers that are open. */
  readonly open: ReadonlyArray<string>
  /**
   * How often it was suspended for recovery, and how many attempts beyond its policy that has
   * granted.
   */
  readonly recoveries: number
  readonly granted: number
  /** What no worker has that has taken it; until one begins. */
  readonly unserved: string | undefined
  readonly failure: Failure | undefined
  /** What was decided about its failure, where that is not what it declares. */
  readonly policy: TaskFailed["policy"]
  /** Why it was skipped. */
  readonly skipped: Skipped | undefined
  readonly outputFile: string | undefined
  /** The output is what the agent had when a limit was reached. */
  readonly partial: boolean
  /** Who was chosen for its work. */
  readonly assigned: Pick<AgentAssigned, "agent" | "by" | "reason"> | undefined
  /** Signs that its output is not a success. */
  readonly doubts: ReadonlyArray<Doubt>
  /** The least trusted origin of what its output was made from. */
  readonly trust: Origin
  /** The seq of the last message that a turn of the attempt has carried; 0: none. */
  readonly heard: number
  /** How its output stands with the criteria of the crew, as judged last. */
  readonly criteria: ReadonlyArray<Criterion> | undefined
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
  /** The definition of the tool that was shown. */
  readonly definition: string | undefined
  readonly scope: string | undefined
  readonly onSilence: Ask.Silence
  /** In milliseconds since the epoch, by the log's clock. */
  readonly dueAt: number | undefined
}

/** How an ask or a timer ended: a person's answer, the time that a timer waited for, or nothing. */
export type Closed = Ask.Answer["answer"] | "elapsed" | "closed"

/** A message that was sent, without its text. */
export interface Message extends Pick<MessageSent, "taskId" | "idempotency"> {
  readonly seq: number
  readonly at: string
}

/** Limits of a scope in place of the declared ones. */
export interface Raised {
  readonly limits: Limits
  readonly times: number
}

export interface Execution {
  readonly id: string
  readonly plan: Plan.Plan
  readonly priority: Priority
  /** The execution that this one retries. */
  readonly retryOf: RetryOf | undefined
  readonly requester: Requester
  /** The span in which it was started. */
  readonly trace: TraceContext | undefined
  /** Tasks of `retryOf` that are still to be copied; no task begins while there are any. */
  readonly pendingTakeovers: number
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
  /** Tools whose further calls a person has approved: see `approvalKey`. */
  readonly approved: HashSet.HashSet<string>
  /** What people have sent, in order. */
  readonly messages: ReadonlyArray<Message>
  /** Limits that were raised, by scope. */
  readonly raised: HashMap.HashMap<string, Raised>
  /** How much of a limit was reported as used up, in percent, by scope. */
  readonly reached: HashMap.HashMap<string, number>
  /**
   * Tasks that were spawned because a model or a tool wanted them: those of the manager's office do
   * not count.
   */
  readonly grown: number
  readonly paused: boolean
  readonly usage: Usage.Usage
  /**
   * What was spent under limits of tasks and agents, by scope: of a task with all that it spawned,
   * of an agent in all of its tasks.
   */
  readonly spent: HashMap.HashMap<string, Usage.Usage>
  readonly error: ExecutionFailure | undefined
  readonly startedAt: string
  readonly endedAt: string | undefined
}

const none: ReadonlyArray<string> = []

/** A task that has not begun. */
export const openTask = (plan: Plan.PlannedTask, parent: string | undefined, place: number): Task => ({
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
  suspendedFor: undefined,
  suspendedAt: undefined,
  open: none,
  recoveries: 0,
  granted: 0,
  unserved: undefined,
  failure: undefined,
  policy: undefined,
  skipped: undefined,
  outputFile: undefined,
  partial: false,
  assigned: undefined,
  doubts: [],
  trust: "agent",
  heard: 0,
  criteria: undefined,
  usage: Usage.zero,
  startedAt: undefined,
  endedAt: undefined
})

const requesterOf = ({ sessionId, startedBy, userId }: Requester): Requester => ({
  ...(userId === undefined ? {} : { userId }),
  ...(startedBy === undefined ? {} : { startedBy }),
  ...(sessionId === undefined ? {} : { sessionId })
})

/** The state right after `ExecutionStarted`, the first event. */
export const make = (event: Extract<ExecutionEvent, { readonly type: "ExecutionStarted" }>): Execution => ({
  id: event.executionId,
  plan: event.plan,
  priority: event.priority ?? "normal",
  retryOf: event.retryOf,
  requester: requesterOf(event),
  trace: event.trace,
  pendingTakeovers: event.retryOf?.tasks.length ?? 0,
  version: 1,
  lastSeq: event.seq,
  status: "running",
  tasks: HashMap.fromIterable(
    event.plan.tasks.map((task, place) => [task.id, openTask(task, undefined, place)] as const)
  ),
  children: HashMap.empty(),
  unsettled: event.plan.tasks.length,
  asking: 0,
  signals: HashSet.empty(),
  open: HashMap.empty(),
  closed: HashMap.empty(),
  approved: HashSet.empty(),
  messages: [],
  raised: HashMap.empty(),
  reached: HashMap.empty(),
  grown: 0,
  paused: false,
  usage: Usage.zero,
  spent: HashMap.empty(),
  error: undefined,
  startedAt: event.at,
  endedAt: undefined
})

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

/** The tasks with this one in its new state. */
export const put = (state: Execution, next: Task): HashMap.HashMap<string, Task> =>
  HashMap.set(state.tasks, next.plan.id, next)
