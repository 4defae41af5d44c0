/**
 * What may happen next, decided from the state alone: pure, so that a decision can be taken again after a conflict and checked by a
 * model. A decision is the list of events to append with `expectVersion`, or the reason why there is nothing to append.
 *
 * An outcome and all that it causes (skipped descendants, cancelled tasks, the end of the execution) are one decision, hence one
 * append: otherwise the last two tasks could each miss the other, and nobody would end the execution.
 */
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Dag from "./Dag.ts"
import * as Execution from "./Execution.ts"
import * as ExecutionEvent from "./ExecutionEvent.ts"
import * as Growth from "./Decision/Growth.ts"
import * as Reach from "./Decision/Reach.ts"
import type * as Plan from "./Plan.ts"
import * as Usage from "./Usage.ts"

/** How one leg of a task ended. */
export type Outcome =
  | { readonly _tag: "Completed"; readonly output: Schema.Json; readonly outputFile?: string }
  | { readonly _tag: "Skipped" }
  | {
      readonly _tag: "Failed"
      readonly error: ExecutionEvent.Failure
      /** Wait at least so long before the next attempt (`Retry-After`), in milliseconds. */
      readonly retryAfterMillis?: number
      /** The next attempt goes on after the last recorded turn. */
      readonly keepsTurns?: boolean
    }
  | {
      readonly _tag: "Suspended"
      readonly waits: ExecutionEvent.Waits
      readonly spawn: ReadonlyArray<Plan.PlannedTask>
    }
  | { readonly _tag: "Released" }

/** What a task came to in the execution that is retried, with run 0. */
export type Taken = ExecutionEvent.TaskCompleted | ExecutionEvent.TaskSkipped

export type Command =
  | {
      readonly _tag: "Start"
      readonly taskId: string
      readonly worker: string
      /** The run that the worker saw when it took the task: another start since then means that it lost the race. */
      readonly seenRun?: number
      /** The attempt that it saw: if that has failed since, the next one has a time of its own. */
      readonly seenAttempt?: number
      /** The wait that this run began has timed out (by the queue's timer): a timer belongs to one wait. */
      readonly timedOut?: number
      /** The time as far as the worker knows it, in milliseconds since the epoch: nothing starts before its next attempt is due. */
      readonly now?: number
      /** Consecutive runs without recorded progress after which the task is given up. */
      readonly maxCrashes: number
    }
  | {
      readonly _tag: "Finish"
      readonly taskId: string
      readonly run: number
      readonly outcome: Outcome
      /** Progress to record in the same append, before the outcome. */
      readonly progress: ReadonlyArray<ExecutionEvent.Draft>
      /** A number in [0, 1) for the jitter of the backoff. */
      readonly jitter: number
    }
  | { readonly _tag: "Signal"; readonly signal: string; readonly value: Schema.Json }
  | { readonly _tag: "Cancel" }
  | { readonly _tag: "Timeout"; readonly millis: number }
  /** Tasks of the execution that this one retries; `gone`: that one was deleted in the meantime. */
  | { readonly _tag: "TakeOver"; readonly tasks: ReadonlyArray<Taken> | "gone" }
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }

/** Why nothing is appended. */
export type Refusal =
  | "ended"
  | "unknown-task"
  | "settled"
  /** Another run of the task has begun since. */
  | "stale"
  /** Suspended, and what it waits for has not come. */
  | "suspended"
  | "paused"
  /** Its next attempt is not due yet. */
  | "delayed"
  /** Dependencies are not settled in the log, or not taken over yet: the queue is ahead of it. */
  | "dependencies"
  /** It is so already (a second answer to a signal, a pause of what is paused). */
  | "already"

type Decided = Result.Result<ReadonlyArray<ExecutionEvent.Draft>, Refusal>

/** The events that a command causes in this state. */
export const decide = (state: Execution.Execution, command: Command): Decided => {
  if (state.status !== "running") return Result.fail("ended")
  switch (command._tag) {
    case "Start":
      return start(state, command)
    case "Finish":
      return finish(state, command)
    case "Signal":
      return HashMap.has(state.signals, command.signal)
        ? Result.fail("already")
        : Result.succeed([{ type: "SignalReceived", signal: command.signal, value: command.value }])
    case "Cancel":
      return Result.succeed(
        abort(state, { status: "cancelled", reason: "execution-cancelled", usage: state.usage, except: undefined })
      )
    case "Timeout":
      return Result.succeed(
        abort(state, {
          status: "failed",
          reason: "execution-timeout",
          usage: state.usage,
          except: undefined,
          error: {
            code: "execution-timeout",
            message: `The execution was stopped after its time limit of ${command.millis} ms.`,
            isRetryable: false
          }
        })
      )
    case "TakeOver":
      return takeOver(state, command.tasks)
    case "Pause":
      return state.paused ? Result.fail("already") : Result.succeed([{ type: "ExecutionPaused" }])
    case "Resume":
      return state.paused ? Result.succeed([{ type: "ExecutionResumed" }]) : Result.fail("already")
  }
}

const start = (state: Execution.Execution, command: Extract<Command, { _tag: "Start" }>): Decided => {
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
  if (state.untaken > 0 || !Execution.isReleased(state, task.plan)) return Result.fail("dependencies")
  const crashes = Execution.crashesOf(task)
  if (crashes > 0 && crashes >= command.maxCrashes) {
    return settle(state, task, {
      type: "TaskFailed",
      taskId: command.taskId,
      run: task.run,
      error: {
        code: "crashed",
        message: `Task "${command.taskId}" was given up: its worker died ${crashes} times in a row without any progress.`,
        isRetryable: false
      }
    })
  }
  return Result.succeed([
    {
      type: "TaskStarted",
      taskId: command.taskId,
      run: task.run + 1,
      attempt: task.attempt,
      worker: command.worker,
      crashes,
      ...(task.status === "suspended" ? { woke: satisfied ? ("satisfied" as const) : ("timeout" as const) } : {})
    }
  ])
}

const takeOver = (state: Execution.Execution, tasks: ReadonlyArray<Taken> | "gone"): Decided => {
  const { retryOf } = state
  if (retryOf === undefined || state.untaken === 0) return Result.fail("already")
  if (tasks === "gone") {
    const message = `The execution that this one retries, ${retryOf.executionId}, was deleted before its outputs were taken over: start the crew anew.`
    const error = { code: "retry-source-gone", message, isRetryable: false }
    const { usage } = state
    return Result.succeed(
      abort(state, { status: "failed", reason: "execution-failed", usage, except: undefined, error })
    )
  }
  const wanted = new Set(retryOf.tasks)
  const drafts: Array<ExecutionEvent.Draft> = []
  for (const taken of tasks) {
    const task = Execution.task(state, taken.taskId)
    const isOpen = task !== undefined && !Execution.isSettled(task) && task.run === taken.run
    if (isOpen && wanted.delete(taken.taskId)) drafts.push(taken)
  }
  if (drafts.length === 0) return Result.fail("already")
  if (state.unsettled === drafts.length) drafts.push(end(state, drafts, state.usage))
  return Result.succeed(drafts)
}

/** What a worker believes the time to be may be late by this: answers of the log take their time. In milliseconds. */
const longestLag = 60_000

/** Before its next attempt is due. A clock that stands long before the failure itself is wrong, and tells nothing. */
const isDelayed = (task: Execution.Task, now: number | undefined): boolean => {
  if (now === undefined || task.retryAt === undefined) return false
  const dueAt = Date.parse(task.retryAt)
  return now < dueAt && now >= dueAt - task.retryDelayMillis - longestLag
}

const finish = (state: Execution.Execution, command: Extract<Command, { _tag: "Finish" }>): Decided => {
  const { outcome, run, taskId } = command
  const task = Execution.task(state, taskId)
  if (task === undefined) return Result.fail("unknown-task")
  if (Execution.isSettled(task)) return Result.fail("settled")
  if (task.run !== run || task.status !== "running") return Result.fail("stale")
  switch (outcome._tag) {
    case "Released":
      return Result.succeed([...command.progress, { type: "TaskReleased", taskId, run }])
    case "Suspended": {
      const problem = Growth.problemOf(state, taskId, outcome)
      if (problem !== undefined) {
        const error = { code: "invalid-growth", message: problem, isRetryable: false }
        return settle(state, task, { type: "TaskFailed", taskId, run, error }, command.progress)
      }
      return Result.succeed([
        ...command.progress,
        { type: "TaskSuspended", taskId, run, waits: outcome.waits, spawn: outcome.spawn }
      ])
    }
    case "Completed":
      return settle(
        state,
        task,
        {
          type: "TaskCompleted",
          taskId,
          run,
          output: outcome.output,
          ...(outcome.outputFile === undefined ? {} : { outputFile: outcome.outputFile })
        },
        command.progress
      )
    case "Skipped":
      return settle(
        state,
        task,
        {
          type: "TaskSkipped",
          taskId,
          run,
          reason: "condition",
          ...(task.plan.when === undefined ? {} : { because: task.plan.when.task })
        },
        command.progress
      )
    case "Failed": {
      const { attempts } = task.plan.retry
      if (outcome.error.isRetryable && task.attempt < attempts) {
        return Result.succeed([
          ...command.progress,
          {
            type: "TaskRetried",
            taskId,
            run,
            attempt: task.attempt,
            error: outcome.error,
            delayMillis: backoff(task.plan.retry, task.attempt, command.jitter, outcome.retryAfterMillis),
            keepsTurns: outcome.keepsTurns === true
          }
        ])
      }
      return settle(state, task, { type: "TaskFailed", taskId, run, error: outcome.error }, command.progress)
    }
  }
}

/** What a timer of the platform can hold: 24 days. */
const longestDelayMillis = 2 ** 31 - 1

/**
 * Whole milliseconds before the next attempt: full jitter below an exponential bound, never less than the provider asked for.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export const backoff = (
  retry: Plan.Retry,
  attempt: number,
  jitter: number,
  retryAfterMillis: number | undefined
): number => {
  // A factor to a high power may be infinite; nothing times it is not a number.
  const grown = retry.initialMillis === 0 ? 0 : retry.initialMillis * retry.factor ** (attempt - 1)
  const delay = Math.max(jitter * Math.min(retry.maxMillis, grown), retryAfterMillis ?? 0)
  return Math.min(Math.ceil(delay), longestDelayMillis)
}

type Terminal =
  | ExecutionEvent.TaskCompleted
  | ExecutionEvent.TaskFailed
  | ExecutionEvent.TaskSkipped
  | ExecutionEvent.TaskCancelled

/** A terminal event with all that follows from it. */
const settle = (
  state: Execution.Execution,
  task: Execution.Task,
  event: Terminal,
  progress: ReadonlyArray<ExecutionEvent.Draft> = []
): Decided => {
  const drafts: Array<ExecutionEvent.Draft> = [...progress, event]
  const gone = new Set<string>([event.taskId])
  const usage = progress.reduce(
    (sum, draft) => ("usage" in draft && draft.usage !== undefined ? Usage.add(sum, draft.usage) : sum),
    state.usage
  )
  // Whoever ends takes what it spawned with it.
  for (const descendant of Reach.spawnedBy(state, event.taskId)) {
    gone.add(descendant)
    drafts.push({ type: "TaskCancelled", taskId: descendant, reason: "parent-ended" })
  }
  if (event.type === "TaskFailed" && task.plan.onFailure !== "continue") {
    // The failure of a spawned task is its parent's business: only the siblings that depend on it are skipped.
    if (task.plan.onFailure === "fail" && task.parent === undefined) {
      return Result.succeed([
        ...drafts,
        ...abort(state, {
          status: "failed",
          reason: "execution-failed",
          usage,
          except: gone,
          error: { ...event.error, taskId: event.taskId }
        })
      ])
    }
    for (const id of Reach.dependentsOf(state, event.taskId)) {
      gone.add(id)
      drafts.push({ type: "TaskSkipped", taskId: id, reason: "dependency-failed", because: event.taskId })
    }
  }
  if (state.unsettled === gone.size) drafts.push(end(state, drafts, usage))
  return Result.succeed(drafts)
}

/**
 * The end of an execution whose tasks are all settled: it has a result when one of its final tasks has, and when nothing failed (every
 * final task was skipped by its condition). Otherwise the first failure, in declared order, is why it has none.
 */
const end = (
  state: Execution.Execution,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  usage: Usage.Usage
): ExecutionEvent.ExecutionEnded => {
  const news = new Map<string, Terminal>()
  for (const draft of drafts)
    if (ExecutionEvent.isTerminal(draft)) news.set((draft as Terminal).taskId, draft as Terminal)
  const hasResult = finalTasks(state.plan).some((id) =>
    news.has(id) ? news.get(id)!.type === "TaskCompleted" : Execution.task(state, id)!.status === "completed"
  )
  if (!hasResult) {
    for (const { id } of state.plan.tasks) {
      const event = news.get(id)
      const { failure, status } = Execution.task(state, id)!
      const error = event?.type === "TaskFailed" ? event.error : status === "failed" ? failure : undefined
      if (error !== undefined)
        return { type: "ExecutionEnded", status: "failed", error: { ...error, taskId: id }, usage }
    }
  }
  return { type: "ExecutionEnded", status: "completed", usage }
}

/** Cancels whatever is open, and ends the execution. */
const abort = (
  state: Execution.Execution,
  options: {
    readonly status: Exclude<ExecutionEvent.Ending, "completed">
    readonly reason: ExecutionEvent.TaskCancelled["reason"]
    readonly usage: Usage.Usage
    readonly except: ReadonlySet<string> | undefined
    readonly error?: ExecutionEvent.ExecutionFailure
  }
): ReadonlyArray<ExecutionEvent.Draft> => {
  const drafts: Array<ExecutionEvent.Draft> = []
  for (const id of Reach.inOrder(state)) {
    if (options.except?.has(id) !== true && !Execution.isSettled(Execution.task(state, id)!)) {
      drafts.push({ type: "TaskCancelled", taskId: id, reason: options.reason })
    }
  }
  drafts.push({
    type: "ExecutionEnded",
    status: options.status,
    usage: options.usage,
    ...(options.error === undefined ? {} : { error: options.error })
  })
  return drafts
}

/** Tasks of a plan that no other task depends on: their outputs are the result. */
export const finalTasks = (plan: Plan.Plan): ReadonlyArray<string> => Dag.sinks(Reach.graphOf(plan))
