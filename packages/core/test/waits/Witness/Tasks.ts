/** The life of tasks: runs, attempts, their times, and the tasks that end with them. */
import * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import * as Asks from "./Asks.ts"
import * as Candidates from "./Candidates.ts"
import { describe } from "./Describe.ts"
import * as Recoveries from "./Recoveries.ts"
import * as Waits from "./Waits.ts"

type Events = ReadonlyArray<ExecutionEvent.ExecutionEvent>

/** Answers with the tasks that the start may cancel. */
export const started = (
  account: Account,
  task: Task,
  event: ExecutionEvent.Of<"TaskStarted">,
  { decidedAt, now }: { readonly decidedAt: number; readonly now: number }
): ReadonlySet<string> => {
  const what = describe(event)
  if (task.terminal) throw new Violation("start of a settled task", what)
  if (event.run !== task.run + 1) throw new Violation("run issued twice", what)
  if (account.paused) throw new Violation("start while paused", what)
  if (task.plan.dependencies.some((id) => !account.tasks.get(id)!.terminal))
    throw new Violation("start before its dependencies", what)
  const losers = task.status === "suspended" ? Waits.woken(account, task, event, now) : new Set<string>()
  if (task.suspended?.kind === "work" || task.suspended?.kind === "replacement") task.follows = true
  task.idleAtStart = idleOf(task, decidedAt)
  task.startedSeq = event.seq
  task.idle = idleOf(task, event.seq)
  if (task.since !== undefined) task.worked += task.lastAt - task.since
  task.since = task.lastAt = now
  task.progressedSeq = undefined
  task.status = "running"
  task.run = event.run
  return losers
}

/**
 * Runs in a row that recorded nothing when the task was given up, by a start in the same append.
 */
export const idleBefore = (task: Task, decidedAt: number): number =>
  task.startedSeq > decidedAt ? task.idleAtStart : idleOf(task, decidedAt)

/**
 * Runs in a row that recorded nothing, the current one included, as far as a decision knew that saw
 * the events up to `seq`.
 */
const idleOf = ({ idle, progressedSeq = Number.POSITIVE_INFINITY, status }: Task, seq: number): number =>
  status === "running" && progressedSeq > seq ? idle + 1 : 0

/** The current run has recorded something. */
export const progressed = (task: Task, seq: number, now: number): void => {
  task.progressedSeq ??= seq
  task.lastAt = now
}

/** A leg continues: according to the log its time is not over. */
export const goesOn = (task: Task, run: number): void => {
  if (task.run !== run || task.status !== "running") return
  const worked = task.worked + (task.lastAt - task.since!)
  if (worked >= task.plan.timeoutMillis!) throw new Violation("over time", `${task.id} after ${worked} ms`)
}

/** The current run is over, and the task is not. */
export const rested = (task: Task, event: ExecutionEvent.ExecutionEvent, now: number): void => {
  task.worked += now - task.since!
  task.since = undefined
  task.status = event.type === "TaskSuspended" ? "suspended" : "open"
}

const checkTimeout = (task: Task, { code }: ExecutionEvent.Failure, now: number, what: string): void => {
  if (code !== "timeout") return
  const worked = task.worked + (now - task.since!)
  if (worked < task.plan.timeoutMillis!)
    throw new Violation("timed out unjustly", `${what} after ${worked} of ${task.plan.timeoutMillis} ms`)
}

/**
 * A failure of the task's own run, in any event: not a failure of another task, and not one that
 * was already decided about.
 */
export const failed = (
  account: Account,
  task: Task,
  event: ExecutionEvent.Of<"TaskFailed" | "TaskRetried" | "TaskSuspended">,
  now: number
): void => {
  const error = event.type === "TaskSuspended" ? event.for.error : event.error
  const isDecided = "policy" in event || "advice" in event
  if (error === undefined || isDecided || task.follows || task.suspended?.kind === "recovery") return
  const what = describe(event)
  if (task.since !== undefined) checkTimeout(task, error, now, what)
  if (event.type === "TaskRetried") return
  Candidates.checkFailure(account, task, error, what)
  if (error.isRetryable && task.attempt < task.plan.retry.attempts + task.granted)
    throw new Violation("not tried again", what)
}

export const retried = (account: Account, task: Task, event: ExecutionEvent.Of<"TaskRetried">): void => {
  task.attempt++
  task.worked = 0
  task.follows = false
  task.suspended = undefined
  const { advice } = event
  if (advice !== undefined) Recoveries.advised(task, advice)
  if (task.attempt > task.plan.retry.attempts + task.granted) throw new Violation("too many attempts", describe(event))
  if (Waits.isNewAttempt(event)) Asks.ended(account, task.id, event)
  if (event.keepsTurns) return
  task.conversation++
  task.earlierRevisions = task.revisions
  task.turns = []
  task.stretch = 0
  task.managerReview = task.managerVerdict = task.sentBack = undefined
  for (const known of [task.asked, task.results, task.reviews]) known.clear()
}

/**
 * Too many runs in a row have recorded nothing; where workers die only of poison, a call has killed
 * them.
 */
export const checkGivenUp = (
  { follows, suspended }: Task,
  { code }: ExecutionEvent.Failure,
  what: string,
  {
    idle,
    maxCrashes,
    poisonings = maxCrashes
  }: { readonly idle: number; readonly maxCrashes: number; readonly poisonings: number | undefined }
): void => {
  if (code !== "crashed" || follows || suspended?.kind === "recovery") return
  if (idle < maxCrashes || poisonings < maxCrashes) throw new Violation("given up unjustly", what)
}

export interface Settling {
  readonly maxCrashes: number
  /** The last event that the decision knew of: turns raise no version. */
  readonly decidedAt: number
  /** Absent: workers die for other reasons too. */
  readonly poisonings: number | undefined
}

export const settled = (
  account: Account,
  task: Task,
  event: ExecutionEvent.ExecutionEvent,
  { decidedAt, maxCrashes, poisonings }: Settling
): void => {
  const what = describe(event)
  if (task.terminal) throw new Violation("two terminal events", what)
  if (event.type === "TaskCompleted" && event.run === 0) takenOver(account, task, what)
  else if (event.type === "TaskCompleted") Candidates.completed(account, task, event)
  if (event.type === "TaskFailed") {
    Recoveries.failed(account, task, event)
    checkGivenUp(task, event.error, what, { idle: idleOf(task, decidedAt), maxCrashes, poisonings })
  }
  if (event.type === "TaskSkipped" && event.because !== undefined && !account.tasks.get(event.because)!.terminal)
    throw new Violation("skipped before its dependency failed", what)
  task.terminal = true
  task.status = event.type
  Asks.ended(account, task.id, event)
}

/** A task that is taken over has not started here, and its dependencies are complete. */
const takenOver = ({ tasks }: Account, { parent, plan, run }: Task, what: string): void => {
  const isOpen = plan.dependencies.some((id) => tasks.get(id)!.status !== "TaskCompleted")
  if (run > 0 || parent !== undefined || isOpen) throw new Violation("taken over wrongly", what)
}

/** Dependents of a failed task continue or are skipped, as decided or declared. */
const checkPolicy = ({ ended, tasks }: Account, event: ExecutionEvent.Of<"TaskFailed">, events: Events): void => {
  const { parent, plan } = tasks.get(event.taskId)!
  if (parent !== undefined) return
  const isSkipped = events.some((each) => each.type === "TaskSkipped" && each.because === event.taskId)
  const depends = [...tasks.values()].some((task) => !task.terminal && task.plan.dependencies.includes(event.taskId))
  const holds = {
    abort: ended,
    skip: !depends,
    continue: !isSkipped
  }[event.policy ?? declared[plan.onFailure]]
  if (!holds) throw new Violation("policy not followed", describe(event))
}

const declared = { fail: "abort", skip: "skip", continue: "continue" } as const

/** The consequences within one append. */
export const checkAppend = (account: Account, events: Events): void => {
  for (const event of events) {
    if (event.type === "ExecutionEnded") {
      const { error } = event
      if (error?.taskId !== undefined && account.tasks.get(error.taskId)?.parent !== undefined)
        throw new Violation("a child failed the execution", describe(event))
    }
    if (event.type === "TaskFailed") checkPolicy(account, event, events)
    if (!ExecutionEvent.isTerminal(event) || !("taskId" in event)) continue
    const child = account.childrenOf(event.taskId).find(({ terminal }) => !terminal)
    if (child !== undefined) throw new Violation("a child outlives its parent", `${child.id} after ${describe(event)}`)
  }
  const open = [...account.tasks.values()].filter(({ terminal }) => !terminal)
  if (account.ended && open.length > 0) throw new Violation("open tasks at the end", open.map(({ id }) => id).join(" "))
}
