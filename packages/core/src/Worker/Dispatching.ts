/** Asks the queue for as many tasks as there is room for, and begins them. What was taken is begun, also while the worker stops. */
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

/** From a shared queue no more are taken at once: workers elsewhere get their part, and no answer grows too large. */
const maxClaim = 256

/** Dispatchers, each for the scope it is forked in. */
export const make = ({ begin, isLimited, queue, slots, worker }: Options): ReadonlyArray<Effect.Effect<never>> => {
  // With two dispatchers, a queue that is far away works on one claim while the tasks of the other begin. Where lanes are limited there is
  // one: two could take more of a lane than there is room for.
  const count = queue.isShared && !isLimited ? 2 : 1
  const maxTasks = queue.isShared ? maxClaim : Number.POSITIVE_INFINITY
  /** Dispatchers that wait for tasks. */
  let asking = 0

  const takeAny = Effect.fnUntraced(function* (restore: Restore) {
    // What one asks for is not there for the other.
    const limit = Math.min(asking + 1 < count ? Math.ceil(slots.free / 2) : slots.free, maxTasks)
    slots.free -= limit
    asking++
    const leases = yield* restore(queue.take({ worker, limit }))
    asking--
    slots.free += limit
    return leases
  })

  /** It was taken in the moment of the end. */
  const giveBack = (taking: Fiber.Fiber<Leases>) => {
    const exit = taking.pollUnsafe()
    return exit !== undefined && Exit.isSuccess(exit)
      ? Effect.forEach(exit.value, (lease) => queue.release(lease), { discard: true })
      : Effect.void
  }

  /** As much as there is room for. What waits for too little is asked again when there is more. */
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
      // Slots become free in bursts: after one more turn of the scheduler they are asked for together.
      while (slots.free <= 0) yield* restore(Effect.andThen(slots.hasRoom, Effect.yieldNow))
      const leases = yield* take(restore)
      slots.free -= leases.length
      leases.forEach(begin)
      // It got less than it had asked for: the other may ask for some of the rest.
      if (slots.free > 0) slots.wakeOne()
    })
  )
  return Array.from({ length: count }, () => Effect.forever(dispatch))
}
