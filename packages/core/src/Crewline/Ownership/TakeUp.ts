/**
 * Takes over an execution that the log has given to this process and completes the queue's state.
 *
 * With a local queue, the owner also runs the execution. With a shared queue, any process does: an
 * owner keeps only a small entry per execution and reads one only if the queue may lack something.
 */
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import type * as Execution from "../../Execution.ts"
import * as QueueFacts from "../../QueueFacts.ts"
import * as TaskQueue from "../../TaskQueue.ts"
import { CodeRegistry } from "../../Worker/CodeRegistry.ts"
import { Ledger } from "../../Worker/Ledger.ts"
import { QueueSync } from "../../Worker/QueueSync.ts"
import type { Owned } from "./Owned.ts"

/**
 * An execution whose log advances is not stuck: the queue is asked about it only once in this many
 * sweeps.
 */
const maxPasses = 2

export const make = Effect.fnUntraced(function* (owned: Owned) {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const sync = yield* QueueSync
  const ledger = yield* Ledger
  const registry = yield* CodeRegistry

  /** Takes ownership of an execution whose state is known, and submits it. */
  const activate = Effect.fnUntraced(function* (state: Execution.Execution) {
    if (yield* owned.own(state.id, state.plan, state.startedAt, state.lastSeq)) yield* sync.enqueue(state)
  })

  /** Gone from the queue; or quiet there, and behind the log: it may lack a fact. */
  const check = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    const { status, upTo } = yield* queue.inspect(executionId)
    if (status === "busy" || (status === "idle" && upTo >= lastSeq) || !owned.has(executionId)) return
    const state = yield* ledger.state(executionId)
    if (state.status !== "running") return yield* queue.forget(executionId)
    if (status === "absent") return yield* sync.enqueue(state)
    yield* queue.tell(executionId, QueueFacts.newsOf(state))
  })

  const takeUpLocally = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    if (owned.has(executionId)) {
      // What others wrote is told to the queue when it is read.
      if ((ledger.seen(executionId)?.lastSeq ?? 0) < lastSeq) yield* ledger.state(executionId)
      return yield* check(executionId, lastSeq)
    }
    const state = yield* ledger.state(executionId)
    if (state.status !== "running") return ledger.forget(executionId)
    if (state.plan.needsCode === true && registry.find(executionId, state.plan.name) === undefined) {
      ledger.forget(executionId)
      return yield* Effect.logDebug(
        `Execution ${executionId} needs the code of crew "${state.plan.name}": adopt it with its crew.`
      )
    }
    yield* activate(state)
  })

  const takeUpShared = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    const entry = owned.get(executionId)
    if (entry === undefined) {
      const [started] = yield* log.read(executionId, { limit: 1, payloads: false })
      if (started?.type !== "ExecutionStarted") return
      yield* owned.own(executionId, started.plan, started.at, lastSeq)
    } else if (entry.lastSeq !== lastSeq && ++entry.passes < maxPasses) {
      entry.lastSeq = lastSeq
      return
    } else {
      entry.lastSeq = lastSeq
      entry.passes = 0
    }
    yield* check(executionId, lastSeq)
  })

  /** An execution that this process owns. */
  const takeUp = queue.isShared ? takeUpShared : takeUpLocally

  return { activate, takeUp }
})
