/**
 * What people tell the agents of an execution that goes on: for the manager, or for the agent of a
 * task. Whoever is told reads each message once in a conversation, in order, with its next turn.
 * Where nobody has sent anything, nothing is looked at.
 */
import type { MessageSent, Stamp } from "../ExecutionEvent.ts"
import { type Execution, type Message, type Task, task } from "./State.ts"

export const sent = (
  state: Execution,
  { at, idempotency, seq, taskId }: MessageSent & Stamp
): Pick<Execution, "messages"> => ({
  messages: [
    ...state.messages,
    { seq, at, ...(taskId === undefined ? {} : { taskId }), ...(idempotency === undefined ? {} : { idempotency }) }
  ]
})

const none: ReadonlyArray<number> = []

/** The messages for a task after the one with the seq `after`, by their seq. */
export const unheard = (state: Execution, reader: Task, after: number): ReadonlyArray<number> => {
  const { messages } = state
  if (messages.length === 0 || messages.at(-1)!.seq <= after) return none
  const names = namesOf(state, reader)
  const isManager = isOfManager(state, reader)
  const isFor = ({ taskId }: Message) => (taskId === undefined ? isManager : names.includes(taskId))
  return messages.flatMap((message) => (message.seq > after && isFor(message) ? [message.seq] : []))
}

const isOfManager = ({ plan: { manager } }: Execution, { plan }: Task): boolean =>
  manager?.agent === plan.agent && plan.frame === undefined

/** Under which names it is told something: its own, and those of the tasks whose work it does. */
const namesOf = (state: Execution, reader: Task): ReadonlyArray<string> => {
  const names = [reader.plan.id]
  for (let at = reader; at.parent !== undefined && at.plan.office === undefined;) {
    const parent = task(state, at.parent)!
    if (parent.plan.frame === undefined && at.plan.replaces !== true) break
    names.push(parent.plan.id)
    at = parent
  }
  return names
}

/**
 * True when a task does none of its work itself: it says nothing, and is told what those have said
 * that do it.
 */
export const isSilent = ({ plan, suspendedFor }: Task): boolean =>
  plan.frame !== undefined || suspendedFor?.kind === "replacement"
