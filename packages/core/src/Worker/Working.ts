/**
 * One task from its lease to its outcome: the log is read, the start recorded, the leg run, the
 * outcome committed, and the queue told of each. Where it is certain which task comes next, its
 * start is committed with the outcome, and it takes the place of the one that ended. Only the leg
 * can be interrupted: a start or an outcome that is recorded is followed by what it means.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { failed, type Ended, type Lost } from "../AgentLoop/Leg.ts"
import * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type * as Toolbox from "../Toolbox.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as TraceContext from "../TraceContext.ts"
import * as Abilities from "./Abilities.ts"
import { CodeRegistry } from "./CodeRegistry.ts"
import { type Committed, Ledger } from "./Ledger.ts"
import type * as Legs from "./Legs.ts"
import { LogClock } from "./LogClock.ts"
import * as NextTask from "./NextTask.ts"
import { QueueSync } from "./QueueSync.ts"
import { Tenure } from "./Tenure.ts"
import * as Thrown from "./Thrown.ts"

/** A task that this worker has taken. */
export interface Entry {
  readonly lease: TaskQueue.Lease
  /** Its start, when that was committed already. */
  readonly started: Committed | undefined
  fiber: Fiber.Fiber<void> | undefined
  /**
   * `lost`: another worker's from now on. `over`: only the queue is still to be told; a lost lease
   * must not stop that.
   */
  state: "working" | "lost" | "over"
  /** It counts as one of those that are worked on at once. */
  hasSlot: boolean
}

export interface Options {
  readonly worker: string
  readonly maxCrashes: number
  readonly legs: ReturnType<typeof Legs.make>
  readonly toolbox: Toolbox.Toolbox["Service"]
  /** The task needs its slot no longer. */
  readonly leave: (entry: Entry) => void
  /** Works on the next task in the slot of this one. */
  readonly goOn: (entry: Entry, next: TaskQueue.Lease, started: Committed) => void
  /** More tasks are taken. */
  readonly isTaking: () => boolean
  /** The worker stops: what is interrupted now is handed back. */
  readonly isStopping: () => boolean
}

/**
 * How long a task rests while it is not sure that this process still owns its execution, in
 * milliseconds.
 */
const askAgainMillis = 250

const unstored = ({ description, isRetryable }: EventLog.Unavailable): Ended =>
  failed("storage", `The outcome of the task could not be stored: ${description}`, { isRetryable, keepsTurns: true })

/** The start of a task, as it is seen. */
const starting = ({
  maxCrashes,
  now,
  worker
}: Pick<Options, "maxCrashes" | "worker"> & { readonly now: LogClock["Service"] }) =>
  Effect.fnUntraced(function* (lease: TaskQueue.Lease, seen: Execution.Task | undefined) {
    return {
      _tag: "Start",
      taskId: lease.taskId,
      worker,
      maxCrashes,
      ...(lease.timedOut === undefined ? {} : { timedOut: lease.timedOut }),
      ...(seen?.retryAt === undefined ? {} : { now: yield* now }),
      ...(seen === undefined ? {} : { seenRun: seen.run, seenAttempt: seen.attempt })
    } satisfies Decision.Command
  })

export const make = Effect.fnUntraced(function* (options: Options) {
  const { goOn, isStopping, isTaking, leave, legs, maxCrashes, toolbox, worker } = options
  const queue = yield* TaskQueue.TaskQueue
  const ledger = yield* Ledger
  const sync = yield* QueueSync
  const tenure = yield* Tenure
  const causes = yield* Thrown.Current
  const abilities = Abilities.make({ registry: yield* CodeRegistry, toolbox })
  const leaveToOthers = leaving({ abilities, ledger, queue, sync })

  const startOf = starting({ worker, maxCrashes, now: yield* LogClock })
  const settle = NextTask.make({ ledger, queue, isTaking: () => isTaking() && !tenure.isOver(), startOf })

  const finish = Effect.fnUntraced(function* (entry: Entry, run: number, { outcome, progress, thrown }: Ended) {
    const { lease } = entry
    if (thrown !== undefined) causes.add(lease.executionId, lease.taskId, thrown)
    const jitter = yield* Random.next
    const command = { _tag: "Finish", taskId: lease.taskId, run, outcome, progress, jitter } as const
    const { begun, decided } = yield* settle(lease, command)
    if (Result.isFailure(decided)) {
      if (decided.failure === "growth" || decided.failure === "unheard") return decided.failure
      yield* sync.refused(lease, decided.failure)
      return "refused"
    }
    // What is left is told in the same moment in which the next task is asked for: one round trip
    // for both.
    if (begun === undefined) leave(entry)
    yield* sync.announce(decided.success, lease)
    if (begun !== undefined) goOn(entry, begun.lease, begun.started)
    return "committed"
  })

  /**
   * What cannot be stored cannot be stored the next time either, unless the storage is only gone
   * for a while.
   */
  const commit = (entry: Entry, run: number, ended: Ended) =>
    Effect.catchReason(finish(entry, run, ended), "EventLogError", "Unavailable", (reason, error) =>
      reason.isRetryable ? Effect.fail(error) : Effect.as(finish(entry, run, unstored(reason)), "refused" as const)
    )

  const runLeg = (entry: Entry, state: Execution.Execution, task: Execution.Task, refused?: Legs.Refused) =>
    legs.run(state, task, refused).pipe(
      Effect.catchDefect((defect) =>
        Effect.as(
          Effect.logError(`Task "${entry.lease.taskId}" of ${entry.lease.executionId} hit a defect`, defect),
          failed("defect", defect instanceof Error ? defect.message : String(defect), {
            isRetryable: false,
            thrown: defect
          })
        )
      ),
      Effect.catchReason("EventLogError", "Unavailable", (reason) => Effect.succeed(unstored(reason)))
    )

  /** The start of the task, in the log; undefined: the queue was told why there is none. */
  const begin = Effect.fnUntraced(function* (entry: Entry) {
    const { lease } = entry
    if (!queue.isShared && tenure.isOver()) {
      yield* queue.release(lease, askAgainMillis)
      return undefined
    }
    const known = queue.isShared ? undefined : ledger.seen(lease.executionId)
    const state = known ?? (yield* ledger.state(lease.executionId))
    // A lease is worth something only after the log was read: before, its time may have run out
    // unseen.
    if (!(yield* queue.holds(lease))) return undefined
    const seen = Execution.task(state, lease.taskId)
    // Where nobody else takes tasks, what is missing is a failure of the task.
    if (queue.isShared && seen !== undefined) {
      const lack = yield* abilities.lackOf(state, seen.plan)
      if (lack !== undefined) {
        yield* leaveToOthers({ lease, state, task: seen, start: yield* startOf(lease, seen), what: lack })
        return undefined
      }
    }
    const decided = yield* ledger.decide(lease.executionId, yield* startOf(lease, seen))
    if (Result.isSuccess(decided)) return decided.success
    yield* sync.refused(lease, decided.failure)
    return undefined
  })

  return (entry: Entry) =>
    Effect.uninterruptibleMask(
      Effect.fnUntraced(function* (restore) {
        const { lease } = entry
        // One that follows another would begin on its stack, and a long chain would fill that.
        if (entry.started !== undefined) yield* Effect.yieldNow
        const started = entry.started ?? (yield* begin(entry))
        if (started === undefined) return
        const task = Execution.task(started.state, lease.taskId)!
        if (task.status !== "running") {
          entry.state = "over"
          return yield* sync.announce(started, lease)
        }
        // Those that lost: their calls stop.
        if (started.events.length > 1) yield* sync.announce(started)
        const { run } = task
        const attempt = (refused?: Legs.Refused) => {
          entry.state = "working"
          const leg = TraceContext.within(started.state.trace, runLeg(entry, started.state, task, refused))
          return restore(leg).pipe(
            // Interrupted by the worker's own end, the task is handed back; by the loss of its
            // lease, it is another worker's.
            Effect.onInterrupt(() =>
              isStopping() && entry.state === "working"
                ? Effect.ignore(finish(entry, run, { outcome: { _tag: "Released" }, progress: [] }))
                : Effect.void
            )
          )
        }
        const take = (ended: Ended) => {
          entry.state = "over"
          return commit(entry, run, ended)
        }
        const came = yield* untilTaken({ ledger, lease, run, attempt, commit: take })
        if (came === "growth") yield* queue.release(lease)
      })
    )
})

interface Attempting {
  readonly ledger: Ledger["Service"]
  readonly lease: TaskQueue.Lease
  readonly run: number
  readonly attempt: (refused?: Legs.Refused) => Effect.Effect<Ended, Lost | EventLog.EventLogError>
  readonly commit: (ended: Ended) => Effect.Effect<Legs.Refused | "refused" | "committed", EventLog.EventLogError>
}

/**
 * An agent goes on with what it was told meanwhile, or without the tasks that its calls would have
 * added, until its outcome is taken.
 */
const untilTaken = Effect.fnUntraced(function* ({ attempt, commit, lease, ledger, run }: Attempting) {
  const { executionId, taskId } = lease
  let ended = yield* attempt()
  let came = yield* commit(ended)
  let isFull = false
  while (came === "unheard" || (came === "growth" && !isFull)) {
    isFull ||= came === "growth"
    // What the model has said is recorded, and it is not asked for it again.
    if (Arr.isReadonlyArrayNonEmpty(ended.progress))
      yield* ledger.record(executionId, { taskId, run, events: ended.progress })
    ended = yield* attempt(came)
    came = yield* commit(ended)
  }
  return came
})

interface Leaving {
  readonly lease: TaskQueue.Lease
  readonly state: Execution.Execution
  readonly task: Execution.Task
  readonly start: Decision.Command
  /** What this process lacks, in words. */
  readonly what: string
}

/** Leaves a task to workers that have what it needs. */
const leaving = ({
  abilities,
  ledger,
  queue,
  sync
}: {
  readonly abilities: ReturnType<typeof Abilities.make>
  readonly ledger: Ledger["Service"]
  readonly queue: TaskQueue.TaskQueue["Service"]
  readonly sync: QueueSync["Service"]
}) =>
  Effect.fnUntraced(function* ({ lease, start, state, task, what }: Leaving) {
    // What cannot begin now, woken too early for example, does not wait for a worker.
    const possible = Decision.decide(state, start)
    if (Result.isFailure(possible)) return yield* sync.refused(lease, possible.failure)
    const { delayMillis, isDue } = yield* abilities.leave(state, task, what)
    if (isDue) {
      const { executionId, taskId } = lease
      const command = { _tag: "Unserved", taskId, seenRun: task.run, missing: what } as const
      const reported = yield* ledger.decide(executionId, command)
      // Of all workers that lack it, the first says so.
      if (Result.isSuccess(reported))
        yield* Effect.logWarning(
          `Task "${taskId}" of ${executionId} is waiting for a worker: for ${Abilities.reportAfterMillis / 1_000} s, no worker with ${what} has taken it.`
        )
    }
    return yield* queue.release(lease, delayMillis)
  })
