/**
 * What tasks wait for, in the fold: asks and timers from the moment on in which they are recorded
 * until they are answered or closed.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { AskAnswered, SuspendedFor, TaskSuspended } from "../ExecutionEvent.ts"
import * as Wait from "../Wait.ts"
import { type Execution, isSettled, type Open, openTask, put, type Task, task } from "./State.ts"

const none: ReadonlyArray<string> = []

/** The last moment that a date can tell, in milliseconds since the epoch. */
export const lastMillis = 8.64e15

/** How what tasks wait for stands; `closes`: as if these were closed, timers by having elapsed. */
export const standings = (state: Execution, closes?: ReadonlySet<string>): Wait.Standings => ({
  ofTask: (id) => {
    const other = task(state, id)
    if (other === undefined || !isSettled(other)) return "open"
    return other.status === "completed" ? "come" : "gone"
  },
  ofSignal: (id) => {
    if (HashSet.has(state.signals, id)) return "come"
    const closed = Option.getOrUndefined(HashMap.get(state.closed, id))
    if (closed !== undefined) return closed === "closed" ? "gone" : "come"
    if (closes?.has(id) !== true) return "open"
    return openOf(state, id)?.kind === "timer" ? "come" : "gone"
  }
})

/** An ask or a timer that is open. */
export const openOf = (state: Execution, id: string): Open | undefined =>
  Option.getOrUndefined(HashMap.get(state.open, id))

/**
 * True when what a suspended task waits for has come. Timeouts are not looked at: the fold reads no
 * clock.
 */
export const isSatisfied = (state: Execution, waits: Wait.Waits): boolean => Wait.isSatisfied(waits, standings(state))

/** True when the task is suspended for asks or signals, come or not. */
export const isAsking = ({ status, waits }: Task) =>
  status === "suspended" && waits!.groups.some(({ signals }) => signals.length > 0)

/** An answer closes its ask. */
export const answered = (state: Execution, event: AskAnswered): Partial<Execution> => {
  const ask = openOf(state, event.ask)
  if (ask === undefined) return {}
  const owner = task(state, ask.taskId)
  const approvesAll = event.answer === "approve" && event.scope === "run" && ask.tool !== undefined
  return {
    open: HashMap.remove(state.open, event.ask),
    closed: HashMap.set(state.closed, event.ask, event.answer),
    ...(approvesAll ? { approved: HashSet.add(state.approved, approvalKey(ask.tool, ask.definition)) } : {}),
    ...(owner === undefined ? {} : { tasks: put(state, { ...owner, open: without(owner.open, [event.ask]) }) })
  }
}

/** The key of an approval of every further call: the tool and its definition. */
export const approvalKey = (tool: string, definition: string | undefined): string =>
  definition === undefined ? tool : `${tool} ${definition}`

/** These, but for those that are gone. */
export const without = (ids: ReadonlyArray<string>, gone: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.length === 0 ? ids : ids.filter((id) => !gone.includes(id))

/** Asks and timers end unanswered. A timer has elapsed when that is what woke the task. */
export const closing = (
  state: Execution,
  closes: ReadonlyArray<string> | undefined,
  byTime = false
): Pick<Execution, "open" | "closed"> => {
  let { closed, open } = state
  for (const id of closes ?? none) {
    const one = openOf(state, id)
    if (one === undefined) continue
    open = HashMap.remove(open, id)
    closed = HashMap.set(closed, id, byTime && one.kind === "timer" ? "elapsed" : "closed")
  }
  return { open, closed }
}

/** A task gives its worker back: what it asks, and what it adds. */
export const suspension = (
  state: Execution,
  current: Task,
  event: TaskSuspended & { readonly at: string },
  asking: number
): Partial<Execution> => {
  const { asks: asked = [], at, for: what, spawn, taskId, timers = [], waits } = event
  let { open } = state
  const ids: Array<string> = []
  const add = (id: string, millis: number | undefined, one: Omit<Open, "taskId" | "dueAt">) => {
    if (HashMap.has(open, id) || HashMap.has(state.closed, id)) return
    const dueAt = millis === undefined ? undefined : Math.min(Date.parse(at) + millis, lastMillis)
    open = HashMap.set(open, id, { ...one, taskId, dueAt })
    // What everybody waits for who was refused is nobody's own.
    if (one.kind !== "budget") ids.push(id)
  }
  for (const { deadlineMillis, definition, hash, id, kind, onSilence, scope, tool } of asked)
    add(id, deadlineMillis, { kind, hash, onSilence, scope, tool, definition })
  for (const { id, millis } of timers)
    add(id, millis, {
      kind: "timer",
      hash: "",
      onSilence: "deny",
      scope: undefined,
      tool: undefined,
      definition: undefined
    })
  const suspended: Task = {
    ...current,
    status: "suspended",
    waits,
    suspendedFor: what,
    suspendedAt: at,
    open: ids.length === 0 ? current.open : [...current.open, ...ids],
    recoveries: what.kind === "recovery" ? current.recoveries + 1 : current.recoveries,
    crashes: 0,
    progressed: true
  }
  const askingNow = isAsking(suspended) ? asking + 1 : asking
  let tasks = put(state, suspended)
  const spawned: Array<string> = []
  for (const plan of spawn) {
    if (HashMap.has(tasks, plan.id)) continue
    tasks = HashMap.set(tasks, plan.id, openTask(plan, taskId, HashMap.size(tasks)))
    spawned.push(plan.id)
  }
  if (spawned.length === 0) return { asking: askingNow, tasks, open }
  const earlier = Option.getOrElse(HashMap.get(state.children, taskId), () => [])
  return {
    asking: askingNow,
    open,
    tasks,
    children: HashMap.set(state.children, taskId, [...earlier, ...spawned]),
    grown: state.grown + (isGrowth(what) ? spawned.length : 0),
    unsettled: state.unsettled + spawned.length
  }
}

/** Whether what is spawned counts against the tasks that an execution may grow by. */
export const isGrowth = ({ kind }: SuspendedFor): boolean => kind === "calls" || kind === "replacement"
