/**
 * What the log is asked for by name: asks, what signals said, the tasks that were spawned.
 */
import type * as EventLog from "@crewline/core/EventLog"
import type { PlannedTask } from "@crewline/core/Plan"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

type Service = EventLog.EventLog["Service"]

export const make = (read: Service["read"]): Pick<Service, "asks" | "ask" | "signals" | "spawned"> => ({
  asks: () => Effect.succeed([]),
  ask: () => Effect.succeed(undefined),
  signals: (executionId, names) =>
    Effect.map(read(executionId), (events) => {
      const found = new Map<string, Schema.Json>()
      for (const event of events) {
        if (event.type !== "SignalReceived" || found.has(event.signal) || !names.includes(event.signal)) continue
        found.set(event.signal, event.value)
      }
      return found
    }),
  spawned: (executionId, taskIds) =>
    Effect.map(read(executionId), (events) => {
      const found = new Map<string, PlannedTask>()
      for (const event of events) {
        if (event.type !== "TaskSuspended") continue
        for (const task of event.spawn) if (taskIds.includes(task.id) && !found.has(task.id)) found.set(task.id, task)
      }
      return found
    })
})
