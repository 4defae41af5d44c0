/**
 * State shared by the followers of one execution: the known end of the log, the pages read so far,
 * waiting followers, and subscribers of deltas.
 */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import type { Book } from "./Pages.ts"

export interface Position {
  readonly lastSeq: number
  readonly ended: boolean
}

/**
 * A follower that wants deltas. A delta is delivered after the events that were known when it
 * arrived.
 */
export interface DeltaFollower {
  readonly pending: Array<{ readonly after: number; readonly delta: ExecutionEvent.TextDelta }>
}

export interface Tail {
  /**
   * Unique in this process: a tail that everyone left and a new one of the same execution are two.
   */
  readonly id: number
  readonly tenant: string
  readonly executionId: string
  followers: number
  /** The greatest seq that is known to be stored; -1 before the first look. */
  known: number
  ended: boolean
  /** The execution was not found when all followed executions were looked up. */
  missing: boolean
  readonly book: Book
  readonly waiting: Set<() => void>
  readonly deltas: Set<DeltaFollower>
}

/** Further deltas are dropped while as many wait for a follower. */
const maxPendingDeltas = 256

const keyOf = (tenant: string, executionId: string) => `${tenant}\n${executionId}`

/** Lets every waiting follower look again. */
export const wake = (tail: Tail): void => {
  const waiting = [...tail.waiting]
  tail.waiting.clear()
  for (const resume of waiting) resume()
}

/** Waits until the tail knows more, or that the execution is gone. */
export const wait = (tail: Tail): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const waiter = () => resume(Effect.void)
    tail.waiting.add(waiter)
    return Effect.sync(() => tail.waiting.delete(waiter))
  })

/** Records the position of the execution; ignores older positions. */
export const learn = (tail: Tail, position: Position): void => {
  if (position.lastSeq <= tail.known && (tail.ended || !position.ended)) return
  tail.known = Math.max(tail.known, position.lastSeq)
  tail.ended ||= position.ended
  wake(tail)
}

/** Sends a delta to its subscribers. */
export const pass = (tail: Tail, delta: ExecutionEvent.TextDelta): void => {
  if (tail.deltas.size === 0) return
  const passing = { after: tail.known, delta }
  for (const { pending } of tail.deltas) if (pending.length < maxPendingDeltas) pending.push(passing)
  wake(tail)
}

export interface Tails {
  readonly find: (tenant: string, executionId: string) => Tail | undefined
  readonly all: () => ReadonlyArray<Tail>
  /** Counts one follower more. */
  readonly join: (tenant: string, executionId: string) => Tail
  /** Counts one follower less; true when it was the last one and the tail is gone. */
  readonly leave: (tail: Tail) => boolean
}

/** The tails of this process: one per execution that has followers here. */
export const makeTails = (): Tails => {
  const tails = new Map<string, Tail>()
  let lastId = 0
  return {
    find: (tenant, executionId) => tails.get(keyOf(tenant, executionId)),
    all: () => [...tails.values()],
    join: (tenant, executionId) => {
      const key = keyOf(tenant, executionId)
      let tail = tails.get(key)
      if (tail === undefined) {
        tail = {
          id: ++lastId,
          tenant,
          executionId,
          followers: 0,
          known: -1,
          ended: false,
          missing: false,
          book: new Map(),
          waiting: new Set(),
          deltas: new Set()
        }
        tails.set(key, tail)
      }
      tail.followers++
      return tail
    },
    leave: (tail) => {
      if (--tail.followers > 0) return false
      tails.delete(keyOf(tail.tenant, tail.executionId))
      return true
    }
  }
}
