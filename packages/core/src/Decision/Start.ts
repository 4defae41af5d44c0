/** Whether a task may begin now. */
import * as Result from "effect/Result"
import * as Execution from "../Execution.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import type { Command, Decided } from "./Command.ts"
import * as Recovery from "./Recovery.ts"
import * as Settling from "./Settling.ts"
import * as Waking from "./Waking.ts"

/** The start of a task, or its end when it was given up. */
export const decide = (state: Execution.Execution, command: Extract<Command, { _tag: "Start" }>): Decided => {
  const task = Execution.task(state, command.taskId)
  if (task === undefined) return Result.fail("unknown-task")
  if (Execution.isSettled(task)) return Result.fail("settled")
  if (command.seenRun !== undefined && command.seenRun !== task.run) return Result.fail("stale")
  if (command.seenAttempt !== undefined && command.seenAttempt !== task.attempt) return Result.fail("stale")
  const satisfied = task.status !== "suspended" || Execution.isSatisfied(state, task.waits!)
  if (!satisfied && !(command.timedOut === task.run && task.waits!.timeoutMillis !== undefined))
    return Result.fail("suspended")
  if (state.paused) return Result.fail("paused")
  if (isDelayed(task, command.now)) return Result.fail("delayed")
  if (state.pendingTakeovers > 0 || !Execution.isReleased(state, task.plan)) return Result.fail("dependencies")
  const crashes = Execution.crashesOf(task)
  if (crashes > 0 && crashes >= command.maxCrashes) {
    const error = {
      code: "crashed",
      message: `Task "${command.taskId}" failed: its worker died ${crashes} times in a row without making progress.`,
      isRetryable: false
    }
    // The manager is asked by a run of its own: what the one that was given up still records is
    // stale then.
    const suspended = Recovery.suspension(state, task, { run: task.run + 1, error, progress: [] })
    return suspended === undefined
      ? Settling.settle(state, task, { type: "TaskFailed", taskId: command.taskId, run: task.run, error })
      : Result.succeed([startOf(task, command, crashes), suspended])
  }
  const start = startOf(task, command, crashes)
  if (task.status !== "suspended") return Result.succeed([start])
  const { closes, losers } = Waking.make(state, task, satisfied)
  return Result.succeed([
    { ...start, woke: satisfied ? "satisfied" : "timeout", ...(closes.length === 0 ? {} : { closes }) },
    ...Settling.cancel(state, losers, "not-needed")
  ])
}

const startOf = (
  task: Execution.Task,
  { taskId, worker }: Extract<Command, { _tag: "Start" }>,
  crashes: number
): ExecutionEvent.TaskStarted => ({
  type: "TaskStarted",
  taskId,
  run: task.run + 1,
  attempt: task.attempt,
  worker,
  crashes
})

/**
 * What a worker believes the time to be may be late by this: answers of the log take their time. In
 * milliseconds.
 */
const maxLagMillis = 60_000

/**
 * Before its next attempt is due. A clock that stands long before the failure itself is wrong, and
 * tells nothing.
 */
const isDelayed = (task: Execution.Task, now: number | undefined): boolean => {
  if (now === undefined || task.retryAt === undefined) return false
  const dueAt = Date.parse(task.retryAt)
  return now < dueAt && now >= dueAt - task.retryDelayMillis - maxLagMillis
}
