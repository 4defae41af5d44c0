/**
 * The executions that this process looks after: it watches their time limit, and that the queue has them and all that the log says.
 * The log gives each unfinished execution to one owner, by a lease, which every sweep renews.
 */
import * as Effect from "effect/Effect"
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
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.catchCause(sweep, Sweep.warn("Looking for unfinished executions failed")),
        Effect.sleep(sweepMillis)
      )
    )
  )
  return { has: owned.has, activate, takeUp }
})
