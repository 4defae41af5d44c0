/** Asks of executions in memory, kept from the events as they are added. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Answer } from "../Ask.ts"
import type * as EventLog from "../EventLog.ts"
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import type { Execution } from "./Execution.ts"
import type { Storage } from "./Storage.ts"

type Service = EventLog.EventLog["Service"]

/** What an event says about asks, some are asked, answered, or closed, and which tasks it adds. */
export const note = (execution: Execution, event: ExecutionEvent): void => {
  if (event.type === "TaskSuspended") {
    for (const task of event.spawn) {
      execution.spawned ??= new Map()
      if (!execution.spawned.has(task.id)) execution.spawned.set(task.id, task)
    }
    for (const { deadlineMillis, ...ask } of event.asks ?? []) {
      execution.asks ??= new Map()
      if (execution.asks.has(ask.id)) continue
      const { at: askedAt, executionId, taskId } = event
      const deadline =
        deadlineMillis === undefined ? {} : { deadline: new Date(Date.parse(askedAt) + deadlineMillis).toISOString() }
      execution.asks.set(ask.id, { ...ask, executionId, taskId, state: "open", askedAt, ...deadline })
      execution.openAsks++
    }
  } else if (event.type === "AskAnswered") {
    const { arguments: args, answer, feedback, limits, reason, scope, value } = event
    const said: Answer = {
      answer,
      ...(args !== undefined && { arguments: args }),
      ...(feedback !== undefined && { feedback }),
      ...(limits !== undefined && { limits }),
      ...(reason !== undefined && { reason }),
      ...(scope !== undefined && { scope }),
      ...(value !== undefined && { value })
    }
    close(execution, event.ask, { state: "answered", closedAt: event.at, answer: said, answeredBy: event.by })
  } else if ("closes" in event) {
    for (const id of event.closes ?? []) close(execution, id, { state: "closed", closedAt: event.at })
  }
}

const close = (execution: Execution, id: string, how: Partial<EventLog.RecordedAsk>): void => {
  const ask = execution.asks?.get(id)
  if (ask?.state !== "open") return
  execution.asks!.set(id, { ...ask, ...how })
  execution.openAsks--
}

export const make = (storage: Storage): Pick<Service, "signals" | "spawned" | "asks" | "ask"> => ({
  signals: (executionId, names) =>
    storage.withExecution("signals", executionId, (execution) => {
      const found = new Map<string, Schema.Json>()
      for (const event of execution.events)
        if (event.type === "SignalReceived" && names.includes(event.signal) && !found.has(event.signal))
          found.set(event.signal, event.value)
      return Effect.succeed(found)
    }),
  spawned: (executionId, taskIds) =>
    storage.withExecution("spawned", executionId, (execution) => {
      const found = new Map<string, Plan.PlannedTask>()
      for (const id of taskIds) {
        const task = execution.spawned?.get(id)
        if (task !== undefined) found.set(id, task)
      }
      return Effect.succeed(found)
    }),
  asks: ({ after, executionId, limit = 50, state } = {}) =>
    Effect.withFiber((fiber) => {
      const executions = storage.seen(fiber)?.executions ?? new Map<string, Execution>()
      const all = [...executions.values()]
        .filter(({ asks, id }) => asks !== undefined && (executionId === undefined || id === executionId))
        .flatMap(({ asks }) => [...asks!.values()])
        .sort(byTime)
      const from = after === undefined ? undefined : executions.get(after.executionId)?.asks?.get(after.id)
      return Effect.succeed(
        all
          .filter(
            (ask) => (state === undefined || ask.state === state) && (from === undefined || byTime(ask, from) > 0)
          )
          .slice(0, limit)
      )
    }),
  ask: (executionId, id) =>
    storage.withExecution("ask", executionId, (execution) => Effect.succeed(execution.asks?.get(id)))
})

const byTime = (left: EventLog.RecordedAsk, right: EventLog.RecordedAsk): number =>
  compare(left.askedAt, right.askedAt) || compare(left.executionId, right.executionId) || compare(left.id, right.id)

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)
