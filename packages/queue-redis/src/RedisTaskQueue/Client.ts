/**
 * The client of one bucket: pending operations, waiting workers, and leases. Messages on the
 * bucket's channel say that something may be ready, and which leases are lost.
 */
import type { LostLeases } from "@crewline/core/LostLeases"
import type { Lease } from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import { RedisTransport } from "../RedisTransport.ts"
import * as Bells from "./Bells.ts"
import * as Caller from "./Caller.ts"
import * as Holdings from "./Holdings.ts"
import type { Keys } from "./Keys.ts"
import { encode } from "./Names.ts"
import * as Operations from "./Operations.ts"
import * as Pending from "./Pending.ts"
import * as Steps from "./Steps.ts"
import * as WaitingLine from "./WaitingLine.ts"

export interface Settings {
  readonly lanes: { readonly [lane: string]: number }
  readonly leaseMillis: number
  readonly giveUpMillis: number
  readonly pollMillis: number
  readonly busyPollMicros: number
}

export interface Client extends Pick<Caller.Caller, "id" | "monotonic" | "call" | "callBare"> {
  readonly held: Holdings.Holdings
  /** Sends an operation with the next step; `undefined`: it is not known whether it was done. */
  readonly ask: (operation: Operations.Operation | Operations.Settled) => Effect.Effect<unknown>
  /** A script outside the steps has made something ready. */
  readonly mustRing: () => void
  /** What is ready now, without waiting. */
  readonly poll: (wish: Operations.Wish) => Effect.Effect<ReadonlyArray<Lease>>
  readonly wait: WaitingLine.WaitingLine["wait"]
}

export const make = Effect.fnUntraced(function* (
  settings: Settings,
  keys: Keys,
  lost: LostLeases,
  bell: Bells.Bell | undefined
) {
  const transport = yield* RedisTransport
  const caller = yield* Caller.make({ ...settings, keys, hasBell: bell !== undefined })
  const held = Holdings.make(lost)
  const pending = Pending.make()
  const bells = bell === undefined ? Bells.none : yield* Bells.make(bell, caller, settings.pollMillis)
  const line = WaitingLine.make({ caller, held, pending, onJoin: bells.joined, onUnheard: bells.unheard })

  yield* transport.listen(
    keys.channel,
    (message) => {
      if (message === "ready") return line.hope()
      for (const [worker, nonce] of JSON.parse(message) as ReadonlyArray<readonly [string, string]>) {
        const entry = held.get(Number(nonce))
        if (entry !== undefined && encode(entry.lease.worker) === worker) held.lose(entry.lease)
      }
    },
    line.hope
  )
  yield* Steps.run({ ...settings, caller, keys, pending, line, onStep: bells.mustRing })
  yield* bells.run(line)

  const ask: Client["ask"] = (operation) =>
    Effect.callback((resume) => pending.add(operation, (result) => resume(Effect.succeed(result))))

  const client: Client = {
    ...caller,
    held,
    ask,
    mustRing: bells.mustRing,
    poll: (wish) =>
      Effect.suspend(() => {
        const askedAt = caller.monotonic()
        return Effect.map(ask(Operations.claim(wish)), (result) => {
          const leases = Operations.claimed(result, wish.worker)
          for (const lease of leases) held.add(lease, askedAt)
          return leases
        })
      }).pipe(Effect.uninterruptible),
    wait: line.wait
  }
  return client
})
