/**
 * The tasks that a worker has taken and works on: begun, stopped when their lease is lost, waited
 * for at the end.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { EventLogError } from "../EventLog.ts"
import type { Lost } from "../AgentLoop/Leg.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Tenant from "../Tenant.ts"
import { type Committed, Ledger } from "./Ledger.ts"
import type { Slots } from "./Slots.ts"
import type { Entry } from "./Working.ts"

export interface Running {
  readonly begin: (lease: TaskQueue.Lease) => void
  /** Works on another task of the same lane in the slot of this one; its start is in the log. */
  readonly goOn: (entry: Entry, next: TaskQueue.Lease, started: Committed) => void
  /** Stops work whose lease is lost. */
  readonly stop: (leases: ReadonlyArray<TaskQueue.Lease>) => void
  readonly leases: () => ReadonlyArray<TaskQueue.Lease>
  readonly fibers: () => ReadonlyArray<Fiber.Fiber<void>>
}

export interface Options {
  readonly slots: Slots
  readonly work: (entry: Entry) => Effect.Effect<unknown, EventLogError | Lost>
}

/** How long a task rests in the queue after the storage failed under it, in milliseconds. */
export const storageBackoffMillis = 1_000

/** The task needs its slot no longer. */
export const leave = (slots: Slots, entry: Entry): void => {
  if (!entry.hasSlot) return
  entry.hasSlot = false
  slots.end(entry.lease.lane)
}

export const make = Effect.fnUntraced(function* ({ slots, work }: Options) {
  const queue = yield* TaskQueue.TaskQueue
  const ledger = yield* Ledger
  const fork = Effect.runForkWith(yield* Effect.context())
  const entries = new Map<number, Entry>()

  const body = (entry: Entry) =>
    Effect.catch(
      work(entry),
      Effect.fnUntraced(function* (error) {
        const { lease } = entry
        if (error._tag === "Lost") return yield* queue.release(lease)
        if (error.reason._tag === "UnknownExecution" || error.reason._tag === "Gone")
          return yield* queue.forget(lease.executionId)
        yield* Effect.logWarning(
          `The event log failed while task "${lease.taskId}" of ${lease.executionId} was running: ${error.message}`
        )
        return yield* queue.release(lease, storageBackoffMillis)
      })
    )

  const enter = (lease: TaskQueue.Lease, started: Committed | undefined): void => {
    const entry: Entry = { lease, started, fiber: undefined, state: "working", hasSlot: true }
    entries.set(lease.nonce, entry)
    ledger.hold(lease.executionId)
    const { executionId, taskId, tenant } = lease
    const own = Effect.annotateLogs(body(entry), { executionId, taskId })
    entry.fiber = fork(
      Effect.asVoid(tenant === Tenant.defaultTenant ? own : Effect.provideService(own, Tenant.Current, tenant))
    )
    entry.fiber.addObserver((exit) => {
      entries.delete(lease.nonce)
      ledger.letGo(lease.executionId)
      leave(slots, entry)
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
      // A defect of ours: it must be seen, and the task must not stay leased for ever.
      fork(
        Effect.andThen(
          Effect.logError(
            `The worker failed while task "${lease.taskId}" of ${lease.executionId} was running`,
            exit.cause
          ),
          queue.release(lease, storageBackoffMillis)
        )
      )
    })
  }

  const running: Running = {
    begin: (lease) => {
      slots.begin(lease.lane)
      enter(lease, undefined)
    },
    goOn: (entry, next, started) => {
      // Of the same lane: nothing is to be counted.
      entry.hasSlot = false
      enter(next, started)
    },
    stop: (leases) => {
      for (const { nonce } of leases) {
        const entry = entries.get(nonce)
        if (entry?.state !== "working") continue
        entry.state = "lost"
        entry.fiber?.interruptUnsafe()
      }
    },
    leases: () => Array.from(entries.values(), ({ lease }) => lease),
    fibers: () => Array.from(entries.values()).flatMap(({ fiber }) => fiber ?? [])
  }
  return running
})
