/** Leases that workers have lost, until each worker has heard of its own. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Lease } from "../TaskQueue.ts"

interface Entry {
  readonly leases: Array<Lease>
  wake: (() => void) | undefined
}

export class Losses {
  private readonly entries = new Map<string, Entry>()

  lose(lease: Lease): void {
    const entry = this.of(lease.worker)
    entry.leases.push(lease)
    entry.wake?.()
  }

  /** Waits until the worker has lost some. */
  wait(worker: string): Effect.Effect<NonEmptyReadonlyArray<Lease>> {
    return Effect.callback((resume) => {
      const entry = this.of(worker)
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

  private of(worker: string): Entry {
    let entry = this.entries.get(worker)
    if (entry === undefined) {
      entry = { leases: [], wake: undefined }
      this.entries.set(worker, entry)
    }
    return entry
  }
}
