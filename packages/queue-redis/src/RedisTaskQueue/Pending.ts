/**
 * Operations that wait for the next step, and the senders that sleep until there is something to
 * send.
 */
import * as Effect from "effect/Effect"
import type { Operation, Settled } from "./Operations.ts"

export interface PendingCall {
  readonly operation: Operation | Settled
  /** `undefined`: it is not known whether it was done. */
  readonly done: (result: unknown) => void
}

export interface Pending {
  readonly add: (operation: PendingCall["operation"], done: PendingCall["done"]) => void
  readonly isEmpty: () => boolean
  /** Removes the oldest, at most so many. */
  readonly take: (limit: number) => Array<PendingCall>
  /** Wakes a sender, unless one was woken that has not looked yet. */
  readonly awaken: () => void
  /** Sleeps until awakened or, if there is an alarm, until that has gone off. */
  readonly sleep: (alarm: Effect.Effect<void> | undefined) => Effect.Effect<void>
}

export const make = (): Pending => {
  const calls: Array<PendingCall> = []
  const sleepers: Array<() => void> = []
  /** One of them was woken and has not looked yet. */
  let isRising = false

  const awaken = () => {
    const wake = isRising ? undefined : sleepers.shift()
    if (wake === undefined) return
    isRising = true
    wake()
  }

  const woken = Effect.callback<void>((resume) => {
    const wake = () => resume(Effect.void)
    sleepers.push(wake)
    return Effect.sync(() => {
      const at = sleepers.indexOf(wake)
      if (at >= 0) sleepers.splice(at, 1)
    })
  })
  /** Calls come in bursts: yields once, so that the next ones go along. */
  const looks = Effect.andThen(
    Effect.yieldNow,
    Effect.sync(() => {
      isRising = false
    })
  )

  return {
    add: (operation, done) => {
      calls.push({ operation, done })
      awaken()
    },
    isEmpty: () => calls.length === 0,
    take: (limit) => calls.splice(0, limit),
    awaken,
    sleep: (alarm) => Effect.andThen(alarm === undefined ? woken : Effect.raceFirst(woken, alarm), looks)
  }
}
