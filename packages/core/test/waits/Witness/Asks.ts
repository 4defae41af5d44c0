/** Asks and timers are answered or end while they are open, at their time, for what was shown. */
import type * as Ask from "../../../src/Ask.ts"
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { hashOf } from "../Needs.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import { describe } from "./Describe.ts"

/** The valid answers of each kind. */
const kinds: { readonly [kind in Ask.Kind]: ReadonlyArray<Ask.Answer["answer"]> } = {
  approval: ["approve", "edit", "deny"],
  question: ["reply", "deny"],
  review: ["accept", "revise"],
  budget: ["raise", "deny"]
}

/** The asks of a suspension. Earlier asks are unchanged. */
export const asked = (
  account: Account,
  task: Task,
  { asks = [], timers = [] }: ExecutionEvent.TaskSuspended,
  now: number
): void => {
  const add = (id: string, millis: number | undefined, ask?: (typeof asks)[number]) => {
    if (account.opens.has(id)) return
    const dueAt = millis === undefined ? undefined : now + millis
    // A budget ask is shared by all refused tasks and belongs to none of them.
    const taskId = ask?.kind === "budget" ? "" : task.id
    account.opens.set(id, { id, taskId, ask, dueAt, state: "open" })
  }
  for (const ask of asks) add(ask.id, ask.deadlineMillis, ask)
  for (const { id, millis } of timers) add(id, millis)
}

export const answered = (account: Account, event: ExecutionEvent.AskAnswered): void => {
  const open = account.opens.get(event.ask)
  const what = describe(event)
  if (open?.ask === undefined) throw new Violation("answer while not open", what)
  if (open.state !== "open")
    throw new Violation(open.state === "closed" ? "answer while not open" : "answered twice", what)
  if (event.hash !== hashOf(open.ask.shown)) throw new Violation("answer to what was not shown", what)
  if (!kinds[open.ask.kind].includes(event.answer)) throw new Violation("answer of another kind", what)
  open.state = event.answer
  if (event.arguments !== undefined) open.amount = event.arguments["amount"] as number
  if (event.scope === "run" && open.ask.tool !== undefined) account.approved.add(open.ask.tool)
  if (event.answer === "revise") account.tasks.get(open.taskId)!.revisions++
}

export const signalled = (account: Account, event: ExecutionEvent.SignalReceived): void => {
  if (account.signals.has(event.signal)) throw new Violation("answered twice", event.signal)
  const isDeclared = [...account.tasks.values()].some(({ plan }) => plan.signals?.includes(event.signal))
  if (!isDeclared) throw new Violation("signal that nobody declares", event.signal)
  account.signals.add(event.signal)
}

/**
 * The asks and timers that a start from a wait closes: those that are due, and timers of calls that
 * no longer need them.
 */
export const closed = (account: Account, task: Task, event: ExecutionEvent.TaskStarted, now: number): void => {
  const pending = account.pendingOf(task)
  const { closes = [] } = event
  for (const id of closes) {
    const open = account.opens.get(id)
    if (open?.state !== "open") throw new Violation("closes what is not open", `${id} by ${describe(event)}`)
    const isDue = open.dueAt !== undefined && open.dueAt <= now
    if (event.woke === "timeout" && isDue) {
      open.state = open.ask === undefined ? "elapsed" : "closed"
      continue
    }
    const call = pending.find(({ index }) => account.askedBy(task, task.turns.length, index).timer === id)
    if (call === undefined || !account.isMet(task, call))
      throw new Violation("closed before its time", `${id} by ${describe(event)}`)
    open.state = "closed"
  }
  if (event.woke !== "timeout") return
  const due = account.openOf(task.id).find(({ dueAt }) => dueAt !== undefined && dueAt <= task.limitAt)
  if (due !== undefined) throw new Violation("left open", `${due.id} by ${describe(event)}`)
}

/** The end of a task, or of an attempt, ends exactly its asks and timers. */
export const ended = (account: Account, taskId: string, event: ExecutionEvent.Draft & ExecutionEvent.Closing): void => {
  const { closes = [] } = event
  const open = account.openOf(taskId)
  const extra = closes.find((id) => !open.some((each) => each.id === id))
  if (extra !== undefined) throw new Violation("closes what is not open", `${extra} by ${describe(event)}`)
  for (const each of open) {
    if (!closes.includes(each.id)) throw new Violation("left open", `${each.id} by ${describe(event)}`)
    each.state = "closed"
  }
}

/** The end of the execution ends the asks that belong to no task. */
export const over = (account: Account, { closes = [] }: ExecutionEvent.Closing): void => {
  for (const open of account.openOf("")) {
    if (!closes.includes(open.id)) throw new Violation("left open", open.id)
    open.state = "closed"
  }
}

/** The answer was refused because the ask is not open. */
export const refused = (account: Account, id: string): void => {
  if (account.stateOf(id) === "open") throw new Violation("answer refused unjustly", id)
}
