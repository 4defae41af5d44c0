/** What follows from the end of a leg. */
import * as Result from "effect/Result"
import * as Execution from "../Execution.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import { backoff } from "./Backoff.ts"
import type { Command, Decided } from "./Command.ts"
import * as Growth from "./Growth.ts"
import * as Message from "./Message.ts"
import * as Recovery from "./Recovery.ts"
import * as Reach from "./Reach.ts"
import * as Settling from "./Settling.ts"

/** The outcome of a run with all that it causes, or why the run has no say any more. */
export const decide = (state: Execution.Execution, given: Extract<Command, { _tag: "Finish" }>): Decided => {
  const { outcome, run, taskId } = given
  const task = Execution.task(state, taskId)
  if (task === undefined) return Result.fail("unknown-task")
  if (Execution.isSettled(task)) return Result.fail("settled")
  if (task.run !== run || task.status !== "running") return Result.fail("stale")
  if (Message.isOverheard(state, task, given)) return Result.fail("unheard")
  const reached = Execution.reachedBy(state, task, given.progress)
  const command = reached.length === 0 ? given : { ...given, progress: [...given.progress, ...reached] }
  switch (outcome._tag) {
    case "Released":
      return Result.succeed([...command.progress, { type: "TaskReleased", taskId, run }])
    case "Suspended": {
      const { _tag: _, ...suspension } = outcome
      const problem = Growth.problemOf(state, taskId, suspension)
      if (problem !== undefined) {
        const error = { code: "invalid-growth", message: problem, isRetryable: false }
        return fail(state, task, { run, error, progress: command.progress })
      }
      if (Growth.isTooMuch(state, suspension)) return Result.fail("growth")
      return Result.succeed([...command.progress, { type: "TaskSuspended", taskId, run, ...suspension }])
    }
    case "Completed":
      return Settling.settle(
        state,
        task,
        {
          type: "TaskCompleted",
          taskId,
          run,
          output: outcome.output,
          ...(outcome.outputFile === undefined ? {} : { outputFile: outcome.outputFile }),
          ...(outcome.partial === true ? { partial: true } : {}),
          ...(outcome.doubts === undefined || outcome.doubts.length === 0 ? {} : { doubts: outcome.doubts }),
          ...(outcome.criteria === undefined ? {} : { criteria: outcome.criteria }),
          ...(outcome.trust === undefined || outcome.trust === "agent" ? {} : { trust: outcome.trust })
        },
        command.progress
      )
    case "Skipped":
      return Settling.settle(
        state,
        task,
        {
          type: "TaskSkipped",
          taskId,
          run,
          ...(task.plan.when === undefined
            ? { reason: "dependency-failed" }
            : { reason: "condition", because: task.plan.when.task })
        },
        command.progress
      )
    case "Failed": {
      const attempts = task.plan.retry.attempts + task.granted
      if (outcome.policy === undefined && outcome.error.isRetryable && task.attempt < attempts) {
        const keepsTurns = outcome.keepsTurns === true
        return Result.succeed([
          ...command.progress,
          {
            type: "TaskRetried",
            taskId,
            run,
            attempt: task.attempt,
            error: outcome.error,
            delayMillis: backoff(task.plan.retry, task.attempt, command.jitter, outcome.retryAfterMillis),
            keepsTurns,
            ...(keepsTurns ? {} : Settling.closing(task))
          },
          // The next attempt begins anew, and will wait for nothing that this one has begun.
          ...(keepsTurns ? [] : Settling.cancel(state, Reach.spawnedBy(state, taskId), "not-needed"))
        ])
      }
      return fail(state, task, { run, error: outcome.error, progress: command.progress, policy: outcome.policy })
    }
    case "Recovered": {
      const { advice, description, error } = outcome
      return Result.succeed([
        ...command.progress,
        {
          type: "TaskRetried",
          taskId,
          run,
          attempt: task.attempt,
          error,
          delayMillis: 0,
          keepsTurns: true,
          advice,
          ...(description === undefined ? {} : { description }),
          ...Settling.closing(task)
        },
        ...Settling.cancel(state, Reach.spawnedBy(state, taskId), "not-needed")
      ])
    }
  }
}

interface Failing {
  readonly run: number
  readonly error: ExecutionEvent.Failure
  readonly progress: ReadonlyArray<ExecutionEvent.Draft>
  readonly policy?: ExecutionEvent.TaskFailed["policy"]
}

/** A failure that no further attempt follows: it is final, unless the manager is asked first. */
const fail = (state: Execution.Execution, task: Execution.Task, { error, policy, progress, run }: Failing): Decided => {
  const suspended = policy === undefined ? Recovery.suspension(state, task, { run, error, progress }) : undefined
  if (suspended !== undefined) return Result.succeed([...progress, suspended])
  const failed = {
    type: "TaskFailed",
    taskId: task.plan.id,
    run,
    error,
    ...(policy === undefined ? {} : { policy })
  } as const
  return Settling.settle(state, task, failed, progress)
}
