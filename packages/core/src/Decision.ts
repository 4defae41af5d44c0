/**
 * What may happen next, decided from the state alone: pure, so that a decision can be repeated
 * after a conflict and checked by a model. A decision is the list of events to append with
 * `expectVersion`, or the reason why there is nothing to append.
 *
 * An outcome and its consequences (skipped descendants, cancelled tasks, the end of the execution)
 * are one decision and hence one append: otherwise the last two tasks could miss each other, and
 * the execution would never end.
 */
import * as Result from "effect/Result"
import * as Answer from "./Decision/Answer.ts"
import type { Command, Decided } from "./Decision/Command.ts"
import * as Finish from "./Decision/Finish.ts"
import * as Message from "./Decision/Message.ts"
import * as Settling from "./Decision/Settling.ts"
import * as Start from "./Decision/Start.ts"
import * as TakeOver from "./Decision/TakeOver.ts"
import * as Execution from "./Execution.ts"

export type { Command, Outcome, Refusal, Taken } from "./Decision/Command.ts"
export { finalTasks } from "./Decision/Settling.ts"

/** The events that a command causes in this state. */
export const decide = (state: Execution.Execution, command: Command): Decided => {
  if (state.status !== "running") return Result.fail("ended")
  switch (command._tag) {
    case "Start":
      return Start.decide(state, command)
    case "Finish":
      return Finish.decide(state, command)
    case "Signal":
      return Answer.signal(state, command)
    case "Answer":
      return Answer.answer(state, command)
    case "Message":
      return Message.send(state, command)
    case "Unserved": {
      const { missing, seenRun, taskId } = command
      const task = Execution.task(state, taskId)
      if (task === undefined) return Result.fail("unknown-task")
      if (Execution.isSettled(task)) return Result.fail("settled")
      if (task.run !== seenRun) return Result.fail("stale")
      if (task.unserved === missing) return Result.fail("already")
      return Result.succeed([{ type: "TaskUnserved", taskId, missing }])
    }
    case "Spent": {
      const task = Execution.task(state, command.taskId)
      const reached = task === undefined ? [] : Execution.reachedBy(state, task, [])
      return reached.length === 0 ? Result.fail("already") : Result.succeed(reached)
    }
    case "Cancel":
      return Result.succeed(
        Settling.abort(state, {
          status: "cancelled",
          reason: "execution-cancelled",
          usage: state.usage,
          except: undefined
        })
      )
    case "Timeout":
      return Result.succeed(
        Settling.abort(state, {
          status: "failed",
          reason: "execution-timeout",
          usage: state.usage,
          except: undefined,
          error: {
            code: "execution-timeout",
            message: `The execution exceeded its time limit of ${command.millis} ms.`,
            isRetryable: false
          }
        })
      )
    case "TakeOver":
      return TakeOver.decide(state, command.tasks)
    case "Pause":
      return state.paused ? Result.fail("already") : Result.succeed([{ type: "ExecutionPaused" }])
    case "Resume":
      return state.paused ? Result.succeed([{ type: "ExecutionResumed" }]) : Result.fail("already")
  }
}
