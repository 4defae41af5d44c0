/** The life of tasks: runs, attempts, the time they take, and what they take with them. */
import * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import * as Asks from "./Asks.ts"
import * as Candidates from "./Candidates.ts"
import { describe } from "./Describe.ts"
import * as Waits from "./Waits.ts"

type Events = ReadonlyArray<ExecutionEvent.ExecutionEvent>

/** Answers with the tasks that the start may cancel. */
export const started = (
  account: Account,
  task: Task,
  event: ExecutionEvent.Of<"TaskStarted">,
  now: number
): ReadonlySet<string> => {
  const what = describe(event)
  if (task.terminal) throw new Violation("start of a settled task", what)
  if (event.run !== task.run + 1) throw new Violation("run issued twice", what)
  if (account.paused) throw new Violation("start while paused", what)
  if (task.plan.dependencies.some((id) => !account.tasks.get(id)!.terminal))
    throw new Violation("start before its dependencies", what)
  const losers = task.status === "suspended" ? Waits.woken(account, task, event, now) : new Set<string>()
  task.idle = idleOf(task, event.seq)
  if (task.since !== undefined) task.worked += task.lastAt - task.since
  task.since = task.lastAt = now
  task.progressedSeq = undefined
  task.status = "running"
  task.run = event.run
  return losers
}

/** Runs in a row that recorded nothing, the current one included, as far as a decision knew that saw the events up to `seq`. */
const idleOf = ({ idle, progressedSeq = Number.POSITIVE_INFINITY, status }: Task, seq: number): number =>
  status === "running" && progressedSeq > seq ? idle + 1 : 0

/** The current run has recorded something. */
export const progressed = (task: Task, seq: number, now: number): void => {
  task.progressedSeq ??= seq
  task.lastAt = now
}

/** A leg goes on: by what the log says its time is not over. */
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

export const checkTimeout = (task: Task, event: ExecutionEvent.Of<"TaskFailed" | "TaskRetried">, now: number): void => {
  if (event.error.code !== "timeout") return
  const worked = task.worked + (now - task.since!)
  if (worked < task.plan.timeoutMillis!)
    throw new Violation("timed out unjustly", `${describe(event)} after ${worked} of ${task.plan.timeoutMillis} ms`)
}

export const retried = (account: Account, task: Task, event: ExecutionEvent.TaskRetried): void => {
  task.attempt++
  task.worked = 0
  if (task.attempt > task.plan.retry.attempts) throw new Violation("too many attempts", describe(event))
  if (event.keepsTurns) return
  Asks.ended(account, task.id, event)
  task.conversation++
  task.earlierRevisions = task.revisions
  task.turns = []
  task.stretch = 0
  for (const known of [task.asked, task.results, task.reviews]) known.clear()
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
  if (event.type === "TaskCompleted") Candidates.completed(account, task, event)
  if (event.type === "TaskFailed") {
    Candidates.checkFailure(account, task, event)
    if (
      event.error.code === "crashed" &&
      (idleOf(task, decidedAt) < maxCrashes || (poisonings ?? maxCrashes) < maxCrashes)
    )
      throw new Violation("given up unjustly", what)
  }
  if (event.type === "TaskSkipped" && event.because !== undefined && !account.tasks.get(event.because)!.terminal)
    throw new Violation("skipped before its dependency failed", what)
  task.terminal = true
  task.status = event.type
  Asks.ended(account, task.id, event)
}

/** What one append took with it. */
export const checkAppend = (account: Account, events: Events): void => {
  for (const event of events) {
    if (event.type === "ExecutionEnded") {
      const { error } = event
      if (error?.taskId !== undefined && account.tasks.get(error.taskId)?.parent !== undefined)
        throw new Violation("a child failed the execution", describe(event))
    }
    if (!ExecutionEvent.isTerminal(event) || !("taskId" in event)) continue
    const child = account.childrenOf(event.taskId).find(({ terminal }) => !terminal)
    if (child !== undefined) throw new Violation("a child outlives its parent", `${child.id} after ${describe(event)}`)
  }
  const open = [...account.tasks.values()].filter(({ terminal }) => !terminal)
  if (account.ended && open.length > 0) throw new Violation("open tasks at the end", open.map(({ id }) => id).join(" "))
}
