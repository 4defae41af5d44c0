/**
 * A wait ends when it is met or its time is up, and then ends the work that is not needed any more.
 */
import * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { placeOf } from "../Call.ts"
import { Violation } from "../Violation.ts"
import * as Asks from "./Asks.ts"
import type { Account, Task } from "./Account.ts"
import { describe } from "./Describe.ts"
import * as Recoveries from "./Recoveries.ts"

/** Consecutive wake-ups without recorded progress that a lost queue and a lost worker explain. */
const maxWakeUps = 12

/** Milliseconds within which a worker is free for a woken task. */
const patience = 2_000

type Events = ReadonlyArray<ExecutionEvent.ExecutionEvent>

export const suspended = (account: Account, task: Task, event: ExecutionEvent.TaskSuspended, now: number): void => {
  Asks.asked(account, task, event, now)
  task.suspended = event.for
  task.awaited = event.waits.groups.flatMap(({ signals }) => signals)
  task.awaitedTasks = event.waits.groups.flatMap(({ tasks }) => tasks)
  task.limitAt = event.waits.timeoutMillis === undefined ? Number.POSITIVE_INFINITY : now + event.waits.timeoutMillis
  task.metAt = undefined
  for (const plan of event.spawn) {
    if (!account.add(plan, task.id)) continue
    if (event.for.kind !== "calls" && event.for.kind !== "replacement") continue
    account.grown++
    if (account.grown > account.crew.options.maxGrowth) throw new Violation("grew too far", describe(event))
  }
  const { kind } = event.for
  // The last one provides the output of this one.
  if (kind === "work" || kind === "replacement") {
    task.standIn = event.spawn.at(-1)!.id
    account.tasks.get(task.standIn)!.standsFor = task.standsFor ?? task.id
  }
  if (kind !== "calls") return
  Recoveries.checkDone(task, describe(event))
  for (const group of event.waits.groups)
    for (const index of group.call!.split(",")) note(account, task, Number(index), group)
  for (const { id } of event.spawn) {
    const { index } = placeOf(id)
    const asked = account.askedBy(task, event.for.turn, index)
    asked.tasks.add(id)
    const need = account.callsOf(task)[index]?.need
    if (need?.kind !== "tasks" || asked.tasks.size > need.count) throw new Violation("spawned twice", describe(event))
  }
}

const note = (
  account: Account,
  task: Task,
  index: number,
  { signals, tasks, timer }: ExecutionEvent.TaskSuspended["waits"]["groups"][number]
): void => {
  const asked = account.askedBy(task, task.turns.length, index)
  const own = signals.filter((id) => id.includes("/") && placeOf(id).index === index)
  for (const id of own) {
    const kind = id.endsWith(".question") ? "question" : "approval"
    if (asked[kind] !== undefined && asked[kind] !== id)
      throw new Violation("asked twice", `${asked[kind]}, then ${id}`)
    asked[kind] = id
  }
  if (timer !== undefined && placeOf(timer).index === index) {
    if (asked.timer !== undefined && asked.timer !== timer)
      throw new Violation("asked twice", `${asked.timer}, then ${timer}`)
    asked.timer = timer
  }
  if (tasks.length > 0 || timer !== undefined || signals.some((id) => id !== asked.approval)) asked.begun = true
}

/** A suspended task starts. Answers with the tasks that it may cancel as not needed. */
export const woken = (
  account: Account,
  task: Task,
  event: ExecutionEvent.TaskStarted,
  now: number
): ReadonlySet<string> => {
  const pending = account.pendingOf(task)
  if (event.woke === "satisfied" ? !hasCome(account, task) : !isDue(account, task, now))
    throw new Violation("woken too early", describe(event))
  if (++task.wakeUps > maxWakeUps) throw new Violation("spins", describe(event))
  Asks.closed(account, task, event, now)
  const losers = new Set<string>()
  if (task.suspended?.kind !== "calls") return losers
  for (const each of pending) {
    if (each.call.need?.kind !== "tasks" || each.call.need.keep || !account.isMet(task, each)) continue
    for (const id of account.askedBy(task, task.turns.length, each.index).tasks)
      if (!account.tasks.get(id)!.terminal) losers.add(id)
  }
  return losers
}

/** All that it waits for. */
const hasCome = (account: Account, task: Task): boolean => {
  switch (task.suspended?.kind) {
    case "assignment":
    case "work":
    case "recovery":
    case "replacement":
      return task.awaitedTasks.every((id) => account.tasks.get(id)!.terminal)
    case "review":
      if (task.awaitedTasks.length > 0) return task.awaitedTasks.every((id) => account.tasks.get(id)!.terminal)
      return [...task.reviews.values()].every((id) => account.stateOf(id) !== "open")
    case "budget":
      return task.awaited.every((id) => account.stateOf(id) !== "open")
    default:
      return account.pendingOf(task).every((each) => account.isMet(task, each))
  }
}

/** Without obstacles, a waiting task is woken soon after its wait is met. */
export const checkPromptness = (account: Account, now: number): void => {
  for (const task of account.tasks.values()) {
    if (task.status !== "suspended" || !hasCome(account, task)) continue
    task.metAt ??= now
    if (now - task.metAt > patience) throw new Violation("woken too late", `${task.id}, ${now - task.metAt} ms`)
  }
}

/**
 * The time of an ask or timer of its calls, or of its candidate, is up: the queue may have been
 * told of the wait before it was met.
 */
const isDue = (account: Account, task: Task, now: number): boolean => {
  const ids = account.pendingOf(task).flatMap(({ index }) => {
    const { approval, question, timer } = account.askedBy(task, task.turns.length, index)
    return [approval, question, timer]
  })
  return [...ids, ...task.reviews.values()].some((id) => {
    const dueAt = id === undefined ? undefined : account.opens.get(id)?.dueAt
    return dueAt !== undefined && dueAt <= now
  })
}

/**
 * Tasks that one append cancelled as not needed, against those that it should have cancelled.
 * `losers`: as its starts made them.
 */
export const checkLosers = (account: Account, events: Events, losers: ReadonlySet<string>): void => {
  const isRetried = (id: string | undefined) => events.some((each) => isNewAttempt(each) && each.taskId === id)
  for (const event of events) {
    if (isNewAttempt(event)) {
      const orphan = account.childrenOf(event.taskId).find((child) => !child.terminal)
      if (orphan !== undefined) throw new Violation("orphan", `${orphan.id} after ${describe(event)}`)
    }
    if (event.type !== "TaskCancelled" || event.reason !== "not-needed" || losers.has(event.taskId)) continue
    const { parent } = account.tasks.get(event.taskId)!
    if (isRetried(parent) || account.tasks.get(parent!)!.terminal) continue
    throw new Violation("cancelled though needed", describe(event))
  }
  for (const id of losers)
    if (!account.tasks.get(id)!.terminal) throw new Violation("loser left", `${id} after ${describe(events[0]!)}`)
}

export const isNewAttempt = (event: ExecutionEvent.ExecutionEvent): event is ExecutionEvent.Of<"TaskRetried"> =>
  event.type === "TaskRetried" && (!event.keepsTurns || event.advice !== undefined)
