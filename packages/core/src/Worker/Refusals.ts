/** What the queue learns when the log refuses a start or an outcome. */
import * as Effect from "effect/Effect"
import type * as Decision from "../Decision.ts"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as QueueFacts from "../QueueFacts.ts"
import type * as TaskQueue from "../TaskQueue.ts"
import type { Ledger } from "./Ledger.ts"

export interface Options {
  readonly queue: TaskQueue.TaskQueue["Service"]
  readonly ledger: Ledger["Service"]
  /** By the log's clock. */
  readonly now: Effect.Effect<number, EventLog.EventLogError>
  readonly ended: (executionId: string) => Effect.Effect<void>
  readonly rebuild: (executionId: string) => Effect.Effect<void, EventLog.EventLogError>
}

export const make = ({ ended, ledger, now, queue, rebuild }: Options) => {
  /** The queue may lack more than the wait: what the task spawned, and what came since. */
  const suspendAgain = Effect.fnUntraced(function* (lease: TaskQueue.Lease) {
    const state = ledger.seen(lease.executionId)
    if (state === undefined) return yield* queue.release(lease)
    const facts = QueueFacts.factsOf(state, { tenant: lease.tenant, now: yield* now })
    const suspended = facts.suspended.find(({ id }) => id === lease.taskId)
    if (suspended === undefined) return yield* queue.release(lease)
    const { remainingMillis, run, waits } = suspended
    const left = remainingMillis === undefined ? waits : { ...waits, timeoutMillis: remainingMillis }
    yield* queue.suspend(lease, { run, waits: left, spawn: facts.nodes })
    return yield* queue.tell(lease.executionId, { settled: facts.settled, signals: facts.signals })
  })

  return (lease: TaskQueue.Lease, refusal: Decision.Refusal): Effect.Effect<unknown, EventLog.EventLogError> => {
    switch (refusal) {
      case "ended":
        return ended(lease.executionId)
      case "settled":
        return queue.tell(lease.executionId, { settled: [lease.taskId] })
      case "suspended":
        return suspendAgain(lease)
      case "paused":
        // It may have gone on since: what is told last must be what the log said last.
        return Effect.andThen(
          Effect.suspend(() => {
            const { lastSeq = 0, paused = true } = ledger.seen(lease.executionId) ?? {}
            return queue.tell(lease.executionId, { pause: { paused, seq: lastSeq } })
          }),
          queue.release(lease)
        )
      case "dependencies":
      case "unknown-task":
        return rebuild(lease.executionId)
      case "delayed": {
        // The ledger may have forgotten the execution since: taken again, the task is read anew.
        const state = ledger.seen(lease.executionId)
        const retryAt = state === undefined ? undefined : Execution.task(state, lease.taskId)?.retryAt
        if (retryAt === undefined) return queue.release(lease)
        return Effect.flatMap(now, (millis) => queue.release(lease, Math.max(Date.parse(retryAt) - millis, 0)))
      }
      case "stale":
      case "already":
      case "growth":
      case "unheard":
      case "no-manager":
      case "too-many-messages":
      case "key-reused":
      case "unknown-ask":
      case "unknown-signal":
      case "ask-closed":
      case "hash-mismatch":
      case "wrong-answer":
        return queue.release(lease)
    }
  }
}
