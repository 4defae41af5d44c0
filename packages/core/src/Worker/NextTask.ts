/**
 * The task that takes the place of one that is completed: where the queue is sure which one it is,
 * its start is committed in the append of the outcome. Both are decided on the same state of the
 * log; otherwise the task goes through the queue as usual.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Decision from "../Decision.ts"
import type { EventLogError } from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type * as TaskQueue from "../TaskQueue.ts"
import type { Committed, Ledger } from "./Ledger.ts"

export interface Options {
  readonly ledger: Ledger["Service"]
  readonly queue: TaskQueue.TaskQueue["Service"]
  /** More tasks are taken. */
  readonly isTaking: () => boolean
  /** The start of a task, as it is seen now. */
  readonly startOf: (
    lease: TaskQueue.Lease,
    seen: Execution.Task | undefined
  ) => Effect.Effect<Decision.Command, EventLogError>
}

/** A task that has begun, and is to be worked on. */
export interface Begun {
  readonly lease: TaskQueue.Lease
  readonly started: Committed
}

type Finish = Extract<Decision.Command, { readonly _tag: "Finish" }>

/** Commits how a task ended, and the start of the next one if there is one. */
export const make = ({ isTaking, ledger, queue, startOf }: Options) => {
  const { takeNext } = queue

  /** The start of the next task, if it was decided as well and may be worked on here. */
  const begunOf = Effect.fnUntraced(function* (
    lease: TaskQueue.Lease,
    answer: Effect.Success<ReturnType<Ledger["Service"]["decideBoth"]>>[1]
  ) {
    const started = Result.flatMap(answer, (decided) => decided)
    if (Result.isSuccess(started) && (yield* queue.holds(lease))) return { lease, started: started.success }
    yield* queue.release(lease)
    return undefined
  })

  return Effect.fnUntraced(function* (lease: TaskQueue.Lease, finish: Finish) {
    const { executionId } = lease
    const isFollowed = finish.outcome._tag === "Completed" && !queue.isShared && isTaking()
    const next = isFollowed && takeNext !== undefined ? yield* takeNext(lease) : undefined
    if (next === undefined) return { decided: yield* ledger.decide(executionId, finish), begun: undefined }
    const state = ledger.seen(executionId)
    const start = yield* startOf(next, state && Execution.task(state, next.taskId))
    const [decided, answer] = yield* ledger.decideBoth(executionId, finish, start)
    const begun: Begun | undefined = yield* begunOf(next, answer)
    const settled = yield* Effect.fromResult(decided)
    if (Result.isSuccess(settled) || begun === undefined) return { decided: settled, begun }
    // The task goes on after all, and keeps its place.
    yield* queue.release(begun.lease)
    return { decided: settled, begun: undefined }
  })
}
