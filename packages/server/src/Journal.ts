/**
 * Logs the progress of executions: a line for the start and the end of each execution and of each
 * of its tasks, with their ids and the reason of a failure. No line contains inputs, outputs or
 * prompts.
 *
 * A line is written by the process that stored the event, once it is stored. Its trace is that of
 * the request that started the execution, because events are appended within this trace
 * (`TraceContext`).
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

type Level = "Info" | "Warn" | "Error"

interface Line {
  readonly level: Level
  readonly message: string
  readonly fields?: { readonly [name: string]: unknown }
}

const failure = ({ code, message }: ExecutionEvent.Failure) => ({ code, error: message })

const lineOf = (event: ExecutionEvent.ExecutionEvent): Line | undefined => {
  switch (event.type) {
    case "TaskStarted":
      return { level: "Info", message: "Task started", fields: { run: event.run, attempt: event.attempt } }
    case "TaskCompleted":
      return { level: "Info", message: "Task completed" }
    case "TaskFailed":
      return { level: "Warn", message: "Task failed", fields: failure(event.error) }
    case "TaskRetried": {
      const { attempt, delayMillis, error } = event
      return { level: "Warn", message: "Task will be retried", fields: { attempt, delayMillis, ...failure(error) } }
    }
    case "TaskSuspended":
      return { level: "Info", message: "Task is waiting", fields: { waitingFor: event.for.kind } }
    case "TaskReleased":
      return { level: "Info", message: "Task was returned to the queue" }
    case "TaskUnserved":
      return { level: "Warn", message: "No worker can run the task", fields: { missing: event.missing } }
    case "TaskSkipped":
      return { level: "Info", message: "Task skipped", fields: { reason: event.reason } }
    case "TaskCancelled":
      return { level: "Info", message: "Task cancelled" }
    case "ExecutionPaused":
      return { level: "Info", message: "Execution paused" }
    case "ExecutionResumed":
      return { level: "Info", message: "Execution resumed" }
    case "ExecutionEnded":
      return event.status === "failed"
        ? { level: "Error", message: "Execution failed", ...(event.error && { fields: failure(event.error) }) }
        : { level: "Info", message: `Execution ${event.status}` }
    default:
      return undefined
  }
}

const log = { Info: Effect.logInfo, Warn: Effect.logWarning, Error: Effect.logError }

const make = (events: EventLog.EventLog["Service"]): EventLog.EventLog["Service"] => {
  const write = (executionId: string, { fields, level, message }: Line, taskId?: string) =>
    // If a task ends its execution, the line is not about the task.
    Effect.annotateLogs(log[level](message), { executionId, taskId, ...fields })

  const started = Effect.fnUntraced(function* (
    { existing, executionId }: EventLog.Started,
    event: ExecutionEvent.ExecutionStarted
  ) {
    if (existing) return
    yield* write(executionId, {
      level: "Info",
      message: "Execution started",
      fields: { crew: event.plan.name, ...(event.retryOf && { retryOf: event.retryOf.executionId }) }
    })
  })

  const appended = Effect.fnUntraced(function* ({ events }: EventLog.Appended) {
    for (const event of events) {
      const line = lineOf(event)
      if (line !== undefined) yield* write(event.executionId, line, "taskId" in event ? event.taskId : undefined)
    }
  })

  return {
    ...events,
    start: (id, event, options) => Effect.tap(events.start(id, event, options), (stored) => started(stored, event)),
    append: (...args) => Effect.tap(events.append(...args), appended)
  }
}

/** The event log of this layer, with lines in the log of the process. */
export const layerJournaled = <More, E, R>(
  events: Layer.Layer<EventLog.EventLog | More, E, R>
): Layer.Layer<EventLog.EventLog | More, E, R> =>
  Layer.effect(EventLog.EventLog, Effect.map(EventLog.EventLog, make)).pipe(Layer.provideMerge(events))
