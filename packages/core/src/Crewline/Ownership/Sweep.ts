/**
 * One pass over all owned executions: takes over new ones, releases those that are no longer owned,
 * and makes the queue forget what the log has ended.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Adoption from "../../Adoption.ts"
import * as EventLog from "../../EventLog.ts"
import * as TaskQueue from "../../TaskQueue.ts"
import * as Tenant from "../../Tenant.ts"
import * as Worker from "../../Worker.ts"
import { CodeRegistry } from "../../Worker/CodeRegistry.ts"
import { Ledger } from "../../Worker/Ledger.ts"
import { Tenure } from "../../Worker/Tenure.ts"
import type { Owned } from "./Owned.ts"

export interface Options {
  readonly leaseMillis: number
  readonly sweepMillis: number
  readonly owned: Owned
  readonly takeUp: (executionId: string, lastSeq: number) => Effect.Effect<void, EventLog.EventLogError>
}

/** Maximum number of executions taken over per sweep, besides those already owned. */
const maxAdopted = 10_000
/** Concurrent reads when many executions are taken over. */
const takeUpConcurrency = 16
/** Executions of the queue that a sweep looks up in the log. */
const knownLimit = 200

/** Logs what failed, including defects; interruptions propagate. */
export const warn = (text: string) => (cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logWarning(text, cause)

export const make = Effect.fnUntraced(function* ({ leaseMillis, owned, sweepMillis, takeUp }: Options) {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const worker = yield* Worker.Worker
  const ledger = yield* Ledger
  const registry = yield* CodeRegistry
  const tenure = yield* Tenure

  const releaseExecutions = Effect.provideService(Adoption.releaseExecutions, EventLog.EventLog, log)

  let cursor: string | undefined
  /** Forgets what the log has ended, or does not have; a page of what the queue knows at a time. */
  const tidy = Effect.fnUntraced(function* (adopted: ReadonlySet<string>) {
    const page = yield* queue.known({ after: cursor, limit: knownLimit })
    cursor = page.length < knownLimit ? undefined : page.at(-1)!.executionId
    yield* Effect.forEach(
      page.filter(({ executionId }) => !adopted.has(executionId)),
      ({ executionId, tenant }) =>
        log.summary(executionId).pipe(
          Effect.map(({ endedAt }) => endedAt !== undefined),
          Effect.catchReasons("EventLogError", {
            UnknownExecution: () => Effect.succeed(true),
            Gone: () => Effect.succeed(true)
          }),
          Effect.flatMap((isOver) => (isOver ? queue.forget(executionId) : Effect.void)),
          Effect.provideService(Tenant.Current, tenant)
        ),
      { concurrency: takeUpConcurrency, discard: true }
    )
  })

  /** Takes over newly owned executions and releases those that are no longer owned. */
  const sweep = Effect.fnUntraced(function* () {
    // What begins while the log is asked is not in its answer.
    const before = owned.ids()
    const until = (yield* Clock.currentTimeMillis) + sweepMillis
    yield* releaseExecutions
    const askedAt = tenure.now()
    const adopted = yield* log.adopt({ owner: worker.owner, leaseMillis, limit: before.length + maxAdopted })
    const ids = new Set(adopted.map((each) => each.executionId))
    for (const id of before) {
      if (ids.has(id) || !owned.has(id)) continue
      owned.letGo(id)
      registry.forget(id)
      // Whoever owns it now has a queue of its own; a shared one is everybody's.
      if (queue.isShared) continue
      yield* queue.forget(id)
      ledger.forget(id)
    }
    yield* Effect.forEach(
      adopted,
      Effect.fnUntraced(function* ({ executionId, lastSeq, tenant }) {
        // The rest comes with the next sweep: what runs here has to be renewed in time.
        if ((yield* Clock.currentTimeMillis) >= until) return
        yield* takeUp(executionId, lastSeq).pipe(
          Effect.provideService(Tenant.Current, tenant),
          // One that cannot be read must not keep the others waiting.
          Effect.catchCause(warn(`Failed to take over execution ${executionId}`))
        )
      }),
      { concurrency: takeUpConcurrency, discard: true }
    )
    // Only now: what others have written meanwhile was read. Where sweeps are rarer than leases are
    // long, nobody takes over any sooner.
    tenure.renew(askedAt, Math.max(leaseMillis, sweepMillis * 2))
    // Also where the queue is this process's own: what was submitted in the moment of its end would
    // stay for ever.
    yield* tidy(ids)
  })

  return sweep()
})
