/**
 * The executions that this process owns: it enforces their time limit and keeps the queue
 * consistent with the log. The log gives each unfinished execution to one owner by a lease, which
 * every sweep renews.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Adoption from "../Adoption.ts"
import { Ledger } from "../Worker/Ledger.ts"
import * as Owned from "./Ownership/Owned.ts"
import * as Sweep from "./Ownership/Sweep.ts"
import * as TakeUp from "./Ownership/TakeUp.ts"

export interface Options extends Owned.Options {
  readonly leaseMillis: number
}

export type Ownership = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* (options: Options) {
  const { leaseMillis, sweepMillis } = options
  const ledger = yield* Ledger
  const owned = yield* Owned.make(options)
  ledger.onEnded(owned.letGo)
  const { activate, takeUp } = yield* TakeUp.make(owned)
  const sweep = yield* Sweep.make({ leaseMillis, sweepMillis, owned, takeUp })
  // One at a time: concurrent sweeps would interfere with each other.
  const turn = yield* Semaphore.make(1)
  const once = turn.withPermits(1)(sweep)
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.catchCause(once, Sweep.warn("Failed to look for unfinished executions")),
        sleepBetweenSweeps(sweepMillis, leaseMillis)
      )
    )
  )
  // In a separate fiber: a queue that does not answer must not delay the renewal of leases.
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.catchCause(Adoption.releaseTasks, Sweep.warn("Failed to look for dead workers")),
        Effect.sleep(sweepMillis)
      )
    )
  )
  return { has: owned.has, activate, takeUp, sweep: once }
})

/** Warns when the process was blocked for longer than its leases last. */
const sleepBetweenSweeps = Effect.fnUntraced(function* (sweepMillis: number, leaseMillis: number) {
  const began = yield* Clock.currentTimeNanos
  yield* Effect.sleep(sweepMillis)
  const millis = Math.round(Number((yield* Clock.currentTimeNanos) - began) / 1_000_000)
  // If the sweep interval exceeds the lease, a long sleep is not a block.
  if (millis <= Math.max(leaseMillis, sweepMillis * 2)) return
  yield* Effect.logWarning(
    `The event loop was blocked: nothing ran for ${millis} ms, and leases last ${leaseMillis} ms. Other processes may have taken over ` +
      "the tasks of this one. Move long computations in tools, guardrails and conditions to a worker thread."
  )
})
