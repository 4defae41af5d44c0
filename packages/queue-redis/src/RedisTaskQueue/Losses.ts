/** Leases that are lost, by worker, until the worker asks for them. One list for all buckets of a queue. */
import type { Lease } from "@crewline/core/TaskQueue"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"

export interface Losses {
  readonly add: (lease: Lease) => void
  /** Waits until leases of the worker are lost. */
  readonly take: (worker: string) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
}

export const make = (): Losses => {
  const byWorker = new Map<string, { leases: Array<Lease>; wake: (() => void) | undefined }>()
  const entryOf = (worker: string) => {
    const entry = byWorker.get(worker) ?? { leases: [], wake: undefined }
    byWorker.set(worker, entry)
    return entry
  }
  return {
    add: (lease) => {
      const entry = entryOf(lease.worker)
      entry.leases.push(lease)
      entry.wake?.()
    },
    take: (worker) =>
      Effect.callback((resume) => {
        const entry = entryOf(worker)
        const flush = () => {
          entry.wake = undefined
          resume(Effect.succeed(entry.leases.splice(0) as [Lease, ...Array<Lease>]))
        }
        if (entry.leases.length > 0) return flush()
        entry.wake = flush
        return Effect.sync(() => {
          entry.wake = undefined
        })
      })
  }
}
