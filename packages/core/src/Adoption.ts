/**
 * Releasing what a dead worker owned: its executions and tasks are freed at once instead of when
 * its leases expire.
 *
 * - Workers whose process is certainly gone (`Liveness`) are released automatically.
 * - Any other worker is released on request, unless it has just renewed its leases; with `force`,
 *   even then. If it was alive after all, the log rejects its outcomes for tasks that another
 *   worker has started, and it stops.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as EventLog from "./EventLog.ts"
import * as Liveness from "./Liveness.ts"
import * as Suggestion from "./Suggestion.ts"
import * as TaskQueue from "./TaskQueue.ts"

/** No worker of this name owns an execution or is known to the queue. */
export class UnknownWorker extends Schema.TaggedError<UnknownWorker>()("UnknownWorker", {
  worker: Schema.String,
  /** Those that do. */
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    const closest = Suggestion.make().closest(this.worker, this.known)
    const known =
      this.known.length === 0
        ? "no worker owns any"
        : `${this.known.length === 1 ? "the only one is" : "they are"} ${this.known.slice(0, 20).join(", ")}`
    return (
      `Worker "${this.worker}" owns no executions and is not registered with the queue; ${known}.` +
      (closest === undefined ? "" : ` Did you mean "${closest}"?`)
    )
  }
}

/** The worker renews its leases: it may be alive. */
export class WorkerAlive extends Schema.TaggedError<WorkerAlive>()("WorkerAlive", {
  worker: Schema.String,
  /** Since it renewed them, in milliseconds. */
  silentMillis: Schema.Finite,
  /** How long they hold from a renewal on, in milliseconds. */
  leaseMillis: Schema.Finite
}) {
  override get message() {
    const seconds = (millis: number) => `${(Math.max(millis, 0) / 1_000).toFixed(1)} s`
    const left = this.leaseMillis * silentShare - this.silentMillis
    return (
      `Worker "${this.worker}" renewed its lease ${seconds(this.silentMillis)} ago and may be alive. ` +
      `If you know that it is dead, use force; otherwise try again in ${seconds(left)}.`
    )
  }
}

/**
 * Leases are renewed after a third of their time: a worker that has not done so after half of it is
 * late.
 */
const silentShare = 0.5

export interface Options {
  /** Also when it seems to be alive. Default false. */
  readonly force?: boolean
}

/** Gives up for the worker of this name. Answers how many executions it owned. */
export const release = Effect.fn("Adoption.release")(function* (
  worker: string,
  { force = false }: Options = {}
): Effect.fn.Return<
  { readonly executions: number },
  UnknownWorker | WorkerAlive | EventLog.EventLogError,
  EventLog.EventLog | TaskQueue.TaskQueue
> {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const { isGone } = yield* Liveness.Liveness
  const owners = (yield* log.owners).map((each) => ({ ...each, ...Liveness.parse(each.owner) }))
  const workers = queue.isShared ? yield* queue.workers : []
  const owning = owners.filter((each) => each.worker === worker || each.owner === worker)
  const working = workers.filter(({ name }) => name === worker)
  if (owning.length === 0 && working.length === 0) {
    const known = new Set([...owners.map((each) => each.worker), ...workers.map(({ name }) => name)])
    return yield* new UnknownWorker({ worker, known: [...known].toSorted() })
  }
  for (const { leaseMillis = Number.MAX_SAFE_INTEGER, process = "", silentMillis } of [...owning, ...working]) {
    if (force || isGone(process) || silentMillis > leaseMillis * silentShare) continue
    return yield* new WorkerAlive({ worker, silentMillis, leaseMillis })
  }
  for (const { owner } of owning) yield* log.disown(owner)
  if (working.length > 0) yield* queue.dismiss(worker)
  return { executions: owning.reduce((sum, { executions }) => sum + executions, 0) }
})

/** Frees the executions that processes left which are gone for certain. */
export const releaseExecutions: Effect.Effect<void, EventLog.EventLogError, EventLog.EventLog> = Effect.gen(
  function* () {
    const { isGone, self } = yield* Liveness.Liveness
    if (self === undefined) return
    const log = yield* EventLog.EventLog
    for (const { executions, owner } of yield* log.owners) {
      const { process, worker } = Liveness.parse(owner)
      if (!isGone(process)) continue
      yield* Effect.logInfo(`Worker "${worker}" is gone: taking over its executions (${executions}) now.`)
      yield* log.disown(owner)
    }
  }
)

/** Frees the tasks of a shared queue that processes held which are gone for certain. */
export const releaseTasks: Effect.Effect<void, never, TaskQueue.TaskQueue> = Effect.gen(function* () {
  const { isGone, self } = yield* Liveness.Liveness
  const queue = yield* TaskQueue.TaskQueue
  if (self === undefined || !queue.isShared) return yield* Effect.never
  for (const { name, process } of yield* queue.enlisted)
    if (process !== undefined && isGone(process)) yield* queue.dismiss(name)
})
