/** Whether a message is accepted: as long as a recipient may still read it. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Execution from "../Execution.ts"
import { maxMessages } from "../Message.ts"
import type { Draft } from "../ExecutionEvent.ts"
import type { Command, Decided, Outcome } from "./Command.ts"

export const send = (state: Execution.Execution, command: Extract<Command, { _tag: "Message" }>): Decided => {
  const { _tag: _, ...message } = command
  const { idempotency, taskId } = message
  const known = idempotency && state.messages.find((each) => each.idempotency?.key === idempotency.key)
  if (known !== undefined)
    return Result.fail(known.idempotency!.requestHash === idempotency!.requestHash ? "already" : "key-reused")
  if (taskId === undefined) {
    if (state.plan.manager === undefined) return Result.fail("no-manager")
  } else {
    const task = Execution.task(state, taskId)
    if (task === undefined) return Result.fail("unknown-task")
    if (isOver(state, task)) return Result.fail("settled")
  }
  if (state.messages.length >= maxMessages) return Result.fail("too-many-messages")
  return Result.succeed([{ type: "MessageSent", ...message }])
}

/** Nobody works on it any more, neither itself nor another in its place. */
const isOver = (state: Execution.Execution, task: Execution.Task): boolean => {
  if (Execution.isSettled(task)) return true
  if (!Execution.isSilent(task)) return false
  const children = Option.getOrElse(HashMap.get(state.children, task.plan.id), (): ReadonlyArray<string> => [])
  const worker = children.map((id) => Execution.task(state, id)!).findLast(({ plan }) => plan.office === undefined)
  return worker !== undefined && isOver(state, worker)
}

/**
 * Something was said to the agent that it has not read when it was done; it may still go on with
 * that.
 */
export const isOverheard = (
  state: Execution.Execution,
  task: Execution.Task,
  { outcome, progress }: { readonly outcome: Outcome; readonly progress: ReadonlyArray<Draft> }
): boolean => {
  if (state.messages.length === 0 || outcome._tag !== "Completed") return false
  if (outcome.partial === true || Execution.isSilent(task)) return false
  const heard = progress.reduce(
    (last, draft) => (draft.type === "TurnCompleted" && draft.heard !== undefined ? draft.heard : last),
    task.heard
  )
  return Execution.unheard(state, task, heard).length > 0
}
