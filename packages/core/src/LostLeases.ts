/**
 * Leases that workers have lost, until each worker has been notified; queues report them as
 * `TaskQueue.lost`.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Lease } from "./TaskQueue.ts"

export interface LostLeases {
  readonly add: (lease: Lease) => void
  /** Waits until leases of the worker are lost. */
  readonly take: (worker: string) => Effect.Effect<NonEmptyReadonlyArray<Lease>>
}

/** None are lost yet. */
export const make = (): LostLeases => {
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
