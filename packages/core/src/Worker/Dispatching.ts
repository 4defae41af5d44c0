/**
 * Claims as many tasks from the queue as there are slots, and starts them. Claimed tasks are
 * started even while the worker stops.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Lease, TaskQueue } from "../TaskQueue.ts"
import type { Slots } from "./Slots.ts"

export interface Options {
  readonly queue: TaskQueue["Service"]
  readonly worker: string
  readonly slots: Slots
  /** Lanes have limits. */
  readonly isLimited: boolean
  readonly begin: (lease: Lease) => void
}

type Restore = <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
type Leases = NonEmptyReadonlyArray<Lease>

/**
 * Maximum per claim from a shared queue: leaves tasks for other workers and bounds the size of
 * answers.
 */
const maxClaim = 256

/** Dispatchers, each for the scope it is forked in. */
export const make = ({ begin, isLimited, queue, slots, worker }: Options): ReadonlyArray<Effect.Effect<never>> => {
  // With two dispatchers, a queue that is far away works on one claim while the tasks of the other
  // begin. Where lanes are limited there is one: two could take more of a lane than there is room
  // for.
  const count = queue.isShared && !isLimited ? 2 : 1
  const maxTasks = queue.isShared ? maxClaim : Number.POSITIVE_INFINITY
  /** Dispatchers that wait for tasks. */
  let asking = 0

  const takeAny = Effect.fnUntraced(function* (restore: Restore) {
    // Reserve slots, so that the dispatchers do not claim the same ones.
    const limit = Math.min(asking + 1 < count ? Math.ceil(slots.free / 2) : slots.free, maxTasks)
    slots.free -= limit
    asking++
    const leases = yield* restore(queue.take({ worker, limit }))
    asking--
    slots.free += limit
    return leases
  })

  /** Return leases claimed during shutdown. */
  const giveBack = (taking: Fiber.Fiber<Leases>) => {
    const exit = taking.pollUnsafe()
    return exit !== undefined && Exit.isSuccess(exit)
      ? Effect.forEach(exit.value, (lease) => queue.release(lease), { discard: true })
      : Effect.void
  }

  /**
   * Claims as many tasks as there are slots for. A claim that waits with too few slots is repeated
   * when more are free.
   */
  const take = Effect.fnUntraced(function* (restore: Restore): Effect.fn.Return<Leases> {
    for (;;) {
      const room = slots.lanes.room()
      if (room === undefined) return yield* takeAny(restore)
      const limit = Math.min(slots.free, maxTasks)
      const taking = yield* Effect.forkChild(restore(queue.take({ worker, limit, lanes: room })))
      if (slots.lanes.isTight()) slots.onRoom = () => taking.interruptUnsafe()
      const exit = yield* restore(Fiber.await(taking)).pipe(
        Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(taking), giveBack(taking)))
      )
      slots.onRoom = undefined
      if (Exit.isSuccess(exit)) return exit.value
      if (!Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.failCause(exit.cause)
    }
  })

  const dispatch = Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      // Slots free up in bursts; yield once to claim them together.
      while (slots.free <= 0) yield* restore(Effect.andThen(slots.hasRoom, Effect.yieldNow))
      const leases = yield* take(restore)
      slots.free -= leases.length
      leases.forEach(begin)
      // Fewer tasks than slots: let the other dispatcher claim some of the remaining slots.
      if (slots.free > 0) slots.wakeOne()
    })
  )
  return Array.from({ length: count }, () => Effect.forever(dispatch))
}
