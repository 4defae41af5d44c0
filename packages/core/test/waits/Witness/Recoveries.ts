/**
 * Failures of the crew's work are brought to the manager, not too often and not in vain; the next
 * model call carries its advice.
 */
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { textOf } from "../History.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import { describe } from "./Describe.ts"

/** The work of the crew. */
const isWork = ({ tasks }: Account, { parent, plan }: Task): boolean =>
  plan.frame === undefined &&
  plan.office === undefined &&
  (parent === undefined || tasks.get(parent)!.plan.frame !== undefined)

const maxRecoveriesOf = ({ crew }: Account): number => crew.plan.manager?.maxRecoveries ?? 0

/**
 * The budget is spent, so no recovery is possible: the limit of the execution refused a call of the
 * task, or of a task that took its place.
 */
const isSpent = ({ tasks }: Account, task: Task, { code }: ExecutionEvent.Failure): boolean => {
  if (code !== "model-budget-exceeded") return false
  const calling = task.follows ? task.awaitedTasks.map((id) => tasks.get(id)!) : [task]
  return calling.some(({ refusedBy }) => refusedBy === "execution")
}

/** The failure is final. */
export const failed = (account: Account, task: Task, event: ExecutionEvent.TaskFailed): void => {
  const isAsked =
    isWork(account, task) && task.recoveries < maxRecoveriesOf(account) && !isSpent(account, task, event.error)
  if (event.policy === undefined && isAsked) throw new Violation("not recovered", describe(event))
}

/** The failure is not final yet. */
export const suspended = (account: Account, task: Task, event: ExecutionEvent.TaskSuspended): void => {
  const what = describe(event)
  task.recoveries++
  if (task.recoveries > maxRecoveriesOf(account) || !isWork(account, task))
    throw new Violation("recovered too often", what)
  if (isSpent(account, task, event.for.error!)) throw new Violation("asked in vain", what)
}

/** The manager has granted another attempt. */
export const advised = (task: Task, advice: string): void => {
  task.granted++
  task.advice.push(advice)
  task.adviceDue = true
}

/** The task does something other than call the model. */
export const checkDone = ({ adviceDue, turns }: Task, what: string): void => {
  if (adviceDue && turns.length > 0) throw new Violation("advice late", what)
}

/** The model was called. Returns the messages that were not advice. */
export const turned = (task: Task, event: ExecutionEvent.TurnCompleted): ReadonlyArray<string> => {
  const told = event.messages.map(textOf).filter(Boolean)
  // A conversation that begins anew begins with all of it.
  const due = task.turns.length === 0 ? task.advice : task.adviceDue ? task.advice.slice(-1) : []
  const lost = due.find((advice) => !told.includes(advice))
  if (lost !== undefined) throw new Violation("advice lost", `${lost}: ${describe(event)}`)
  task.adviceDue = false
  return told.filter((text) => !task.advice.includes(text))
}
