/**
 * Failed executions, with their causes: where to look when a queue is empty and work is missing.
 * They come from the event log, for the current tenant; they are not stored elsewhere.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"

export interface DeadLetter {
  /** Of the execution. */
  readonly id: string
  readonly crewName: string
  readonly crewId?: string
  readonly startedAt: string
  readonly endedAt?: string
  readonly error?: ExecutionEvent.Failure
  /** The task that failed; absent: the execution as a whole did, as by its time limit. */
  readonly task?: { readonly id: string; readonly attempts: number; readonly worker?: string }
}

/** Each costs two small reads: its last event, and those of the task that failed. */
const readsAtOnce = 8

const describe = Effect.fnUntraced(function* (log: EventLog.EventLog["Service"], summary: EventLog.Summary) {
  const { crewId, crewName, endedAt, id, lastSeq, startedAt } = summary
  const [end] = yield* log.read(id, { after: lastSeq - 1 })
  const error = end?.type === "ExecutionEnded" ? end.error : undefined
  const letter = {
    id,
    crewName,
    ...(crewId !== undefined && { crewId }),
    startedAt,
    ...(endedAt !== undefined && { endedAt })
  }
  if (error === undefined) return letter
  const { taskId, ...failure } = error
  if (taskId === undefined) return { ...letter, error: failure }
  const events = yield* log.read(id, { taskId, payloads: false })
  const starts = events.filter((event) => event.type === "TaskStarted")
  const last = starts.at(-1)
  const task = { id: taskId, attempts: last?.attempt ?? 0, ...(last !== undefined && { worker: last.worker }) }
  return { ...letter, error: failure, task }
})

/** At most `limit`, newest first; `before`: only those older than the one of this id. */
export const list = Effect.fn("DeadLetters.list")(function* (options: {
  readonly limit: number
  readonly before: string | undefined
}): Effect.fn.Return<ReadonlyArray<DeadLetter>, EventLog.EventLogError, EventLog.EventLog> {
  const log = yield* EventLog.EventLog
  const summaries = yield* log.list({
    status: ["failed"],
    limit: options.limit,
    ...(options.before !== undefined && { before: options.before })
  })
  return yield* Effect.forEach(summaries, (summary) => describe(log, summary), { concurrency: readsAtOnce })
})
