/**
 * One execution of the local event log: its events, and those who follow them. Followers hold a
 * position in the execution's own array, never a copy of it; only passing deltas are buffered, and
 * few.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as EventLog from "../EventLog.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import type { FeedBook, Source } from "./FeedBook.ts"
import type * as Named from "./Named.ts"

type Event = ExecutionEvent.ExecutionEvent

/**
 * A follower that wants deltas; a delta is seen after the events that stood when it was published.
 */
export interface DeltaFollower {
  readonly pending: Array<{ readonly after: number; readonly delta: ExecutionEvent.TextDelta }>
}

export interface Execution extends Source {
  /** Of its tenant. */
  readonly feed: FeedBook
  readonly id: string
  readonly tenant: string
  readonly crewName: string
  readonly crewId: string | undefined
  readonly idempotencyKey: string | undefined
  /** Rises with every execution that is started. */
  readonly order: number
  /** The event with `seq` n stands at n - 1. */
  readonly events: Array<Event>
  version: number
  status: EventLog.Summary["status"]
  /** The greatest time given to an event so far. */
  lastMillis: number
  /** Terminal events by task id. */
  readonly outcomes: Map<string, Event>
  /** What an append answered, by nonce, and by turn: for its repetition. Absent until the first. */
  nonces: Map<string, EventLog.Appended> | undefined
  turns: Map<string, EventLog.Appended> | undefined
  /**
   * The events of each task. Absent until somebody asks for those of one: most executions run
   * without.
   */
  byTask: Map<string, Array<Event>> | undefined
  /** What is asked for by name. Absent until there is something. */
  named: Named.Named | undefined
  openAsks: number
  /** What is kept of its view, when it has ended. */
  view:
    | { readonly format: number; head: string | undefined; readonly parts: Map<number, EventLog.ViewPart> }
    | undefined
  /** Followers that wait for something new. */
  readonly waiting: Set<() => void>
  readonly deltaFollowers: Set<DeltaFollower>
  owner: string | undefined
  /** When the owner took it, or renewed its lease last. */
  leasedAt: number
  leaseUntil: number
  /** It was deleted: who has not seen all of it will not. */
  isGone: boolean
}

/** Events handed to a follower at once. */
const pageSize = 512
/** Deltas kept for a follower that does not keep up; further ones are dropped. */
const maxPendingDeltas = 256

export const stamp = (draft: ExecutionEvent.Draft, seq: number, at: string, executionId: string): Event => ({
  ...draft,
  seq,
  at,
  executionId
})

const file = (byTask: Map<string, Array<Event>>, event: Event): void => {
  if (!("taskId" in event)) return
  const events = byTask.get(event.taskId)
  if (events === undefined) byTask.set(event.taskId, [event])
  else events.push(event)
}

/** Adds a stamped event. */
export const add = (execution: Execution, event: Event): void => {
  execution.events.push(event)
  if (execution.byTask !== undefined) file(execution.byTask, event)
}

/** The events of one task, in order. */
export const eventsOf = (execution: Execution, taskId: string): ReadonlyArray<Event> => {
  if (execution.byTask === undefined) {
    execution.byTask = new Map()
    for (const event of execution.events) file(execution.byTask, event)
  }
  return execution.byTask.get(taskId) ?? []
}

export const lastSeq = (execution: Execution) => execution.events.length

const endings: ReadonlySet<EventLog.Summary["status"]> = new Set(ExecutionEvent.Ending.literals)

export const isEnded = ({ status }: Execution) => endings.has(status)

/**
 * Whether lists of this status show it: one that goes on while a person is asked is waiting, too.
 */
export const presentsAs = ({ openAsks, status }: Execution, wanted: EventLog.Summary["status"]): boolean =>
  status === wanted || (wanted === "waiting" && status === "running" && openAsks > 0)

export const wake = (execution: Execution) => {
  if (execution.waiting.size === 0) return
  const waiting = Array.from(execution.waiting)
  execution.waiting.clear()
  for (const resume of waiting) resume()
}

/** Gives a passing delta to the followers that want deltas. */
export const pass = (execution: Execution, delta: ExecutionEvent.TextDelta) => {
  const passing = { after: lastSeq(execution), delta }
  for (const { pending } of execution.deltaFollowers) if (pending.length < maxPendingDeltas) pending.push(passing)
  wake(execution)
}

export const summaryOf = (execution: Execution): EventLog.Summary => {
  const last = execution.events.at(-1)!
  return {
    id: execution.id,
    tenant: execution.tenant,
    crewName: execution.crewName,
    ...(execution.crewId !== undefined && { crewId: execution.crewId }),
    status: execution.status,
    ...(execution.openAsks > 0 && !isEnded(execution) && { waitingFor: "person" }),
    startedAt: execution.events[0]!.at,
    ...(isEnded(execution) && { endedAt: last.at }),
    lastSeq: lastSeq(execution),
    version: execution.version
  }
}

/**
 * The stored events after `cursor` with the deltas where they belong, at most one page of events.
 * `undefined`: nothing is there.
 */
const page = (
  execution: Execution,
  cursor: number,
  deltas: DeltaFollower | undefined
): NonEmptyReadonlyArray<ExecutionEvent.Followed> | undefined => {
  const events = execution.events.slice(cursor, cursor + pageSize)
  if (deltas === undefined || deltas.pending.length === 0) return Arr.isArrayNonEmpty(events) ? events : undefined
  const mixed: Array<ExecutionEvent.Followed> = []
  let taken = 0
  for (const event of events) {
    while (taken < deltas.pending.length && deltas.pending[taken]!.after < event.seq)
      mixed.push(deltas.pending[taken++]!.delta)
    mixed.push(event)
  }
  const reached = cursor + events.length
  while (taken < deltas.pending.length && deltas.pending[taken]!.after <= reached)
    mixed.push(deltas.pending[taken++]!.delta)
  deltas.pending.splice(0, taken)
  return Arr.isArrayNonEmpty(mixed) ? mixed : undefined
}

const waitForMore = (execution: Execution) =>
  Effect.callback<void>((resume) => {
    const waiter = () => resume(Effect.void)
    execution.waiting.add(waiter)
    return Effect.sync(() => execution.waiting.delete(waiter))
  })

/** The events after `after`, then those that come, to the end of the execution. */
export const follow = (execution: Execution, after: number, deltas: DeltaFollower | undefined) =>
  Stream.fromPull(
    Effect.sync(() => {
      let cursor = after
      type FollowerPull = Pull.Pull<NonEmptyReadonlyArray<ExecutionEvent.Followed>, EventLog.EventLogError>
      const pull: FollowerPull = Effect.suspend((): FollowerPull => {
        if (execution.isGone && cursor < lastSeq(execution)) {
          const reason = new EventLog.Gone({ executionId: execution.id })
          return Effect.fail(new EventLog.EventLogError({ operation: "follow", reason }))
        }
        const next = page(execution, cursor, deltas)
        if (next !== undefined) {
          for (let i = next.length - 1; i >= 0; i--) {
            const event = next[i]!
            if (ExecutionEvent.isStored(event)) {
              cursor = event.seq
              break
            }
          }
          return Effect.succeed(next)
        }
        if (isEnded(execution) && cursor >= lastSeq(execution)) return Cause.done()
        return Effect.flatMap(waitForMore(execution), () => pull)
      })
      return pull
    })
  )
