/** Renews the leases of this process, and keeps its workers enlisted. */
import type { Lease, WorkerInfo } from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import type { Client } from "./Client.ts"
import * as Operations from "./Operations.ts"

export const make = Effect.fnUntraced(function* (
  { ask, held, monotonic }: Client,
  { heartbeatMillis, leaseMillis }: { readonly heartbeatMillis: number; readonly leaseMillis: number }
) {
  /** What the workers present themselves as, by name. */
  const enlisted = new Map<string, string>()

  /** Renews the leases; those that are another's by now are lost. */
  const renew = (leases: ReadonlyArray<Lease>) =>
    Effect.suspend(() => {
      const askedAt = monotonic()
      return Effect.map(ask(Operations.beat(leases)), (result) => {
        if (result === undefined) return
        const gone = new Set(Array.isArray(result) ? (result as ReadonlyArray<string>).map(Number) : [])
        for (const lease of leases) {
          const entry = held.get(lease.nonce)
          if (gone.has(lease.nonce)) held.lose(lease)
          else if (entry !== undefined) entry.confirmedAt = askedAt
        }
      })
    })

  const beat = Effect.gen(function* () {
    yield* Effect.sleep(heartbeatMillis)
    const leases = held.leases()
    if (leases.length > 0) yield* renew(leases)
    for (const [worker, info] of enlisted) {
      const answer = yield* ask(Operations.heard(worker))
      // Redis has lost everything; unless the worker was dismissed meanwhile.
      if (answer === 0 && enlisted.has(worker)) yield* ask(Operations.enlist(worker, info))
    }
  })
  yield* Effect.forkScoped(Effect.forever(beat))

  return {
    holds: Effect.fnUntraced(function* (lease: Lease) {
      const entry = held.get(lease.nonce)
      if (entry === undefined) return false
      // Redis gave it for longer than has passed here since it was asked.
      if (monotonic() - entry.confirmedAt < leaseMillis / 2) return true
      yield* renew([lease])
      return held.get(lease.nonce) !== undefined
    }),
    enlist: (info: WorkerInfo) =>
      Effect.suspend(() => {
        const text = JSON.stringify({ ...info, leaseMillis })
        enlisted.set(info.name, text)
        return Effect.asVoid(ask(Operations.enlist(info.name, text)))
      }),
    dismiss: (worker: string) =>
      Effect.suspend(() => {
        enlisted.delete(worker)
        return Effect.map(ask(Operations.dismiss(worker)), () => {
          for (const lease of held.leases()) if (lease.worker === worker) held.lose(lease)
        })
      })
  }
})
