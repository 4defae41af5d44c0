/** What an execution takes over from the one that it retries. */
import * as Result from "effect/Result"
import * as Execution from "../Execution.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import type { Decided, Taken } from "./Command.ts"
import * as Settling from "./Settling.ts"

/** The outcomes that are taken over, or the end of an execution whose source is gone. */
export const decide = (state: Execution.Execution, tasks: ReadonlyArray<Taken> | "gone"): Decided => {
  const { retryOf } = state
  if (retryOf === undefined || state.pendingTakeovers === 0) return Result.fail("already")
  if (tasks === "gone") {
    const message = `The execution that this one retries, ${retryOf.executionId}, was deleted before its outputs were copied: start the crew again.`
    const error = { code: "retry-source-gone", message, isRetryable: false }
    const { usage } = state
    return Result.succeed(
      Settling.abort(state, { status: "failed", reason: "execution-failed", usage, except: undefined, error })
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
  if (state.unsettled === drafts.length) drafts.push(Settling.end(state, drafts, state.usage))
  return Result.succeed(drafts)
}
