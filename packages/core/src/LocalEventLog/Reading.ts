/** Reading and following executions in memory. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as EventLog from "../EventLog.ts"
import * as Execution from "./Execution.ts"
import { fail, type Storage } from "./Storage.ts"

type Service = EventLog.EventLog["Service"]

export const make = (
  storage: Storage
): Pick<Service, "read" | "outputs" | "follow" | "publish" | "summary" | "list"> => ({
  read: (executionId, { after: given = 0, limit = Number.POSITIVE_INFINITY, taskId } = {}) =>
    storage.withExecution("read", executionId, (execution) => {
      const after = Math.max(given, 0)
      // Payloads stay in whatever was asked: they are in memory anyway, and leaving them out would
      // cost copies.
      if (taskId === undefined) return Effect.succeed(execution.events.slice(after, after + limit))
      const events = Execution.eventsOf(execution, taskId)
      const from = after === 0 ? 0 : events.findIndex((event) => event.seq > after)
      return Effect.succeed(from < 0 ? [] : events.slice(from, from + limit))
    }),
  outputs: (executionId, taskIds) =>
    storage.withExecution("outputs", executionId, (execution) => {
      const found = new Map<string, Schema.Json>()
      for (const taskId of taskIds) {
        const event = execution.outcomes.get(taskId)
        if (event?.type === "TaskCompleted") found.set(taskId, event.output)
      }
      return Effect.succeed(found)
    }),
  follow: (executionId, { after: given = 0, deltas } = {}) =>
    Stream.unwrap(
      storage.withExecution("follow", executionId, (execution) => {
        const after = Math.max(given, 0)
        if (deltas !== true) return Effect.succeed(Execution.follow(execution, after, undefined))
        return Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => {
              const follower: Execution.DeltaFollower = { pending: [] }
              execution.deltaFollowers.add(follower)
              return follower
            }),
            (follower) => Effect.sync(() => execution.deltaFollowers.delete(follower))
          ),
          (follower) => Execution.follow(execution, after, follower)
        )
      })
    ),
  publish: (delta) =>
    Effect.withFiber((fiber) => {
      const execution = storage.find(fiber, delta.executionId)
      if (execution !== undefined && execution.deltaFollowers.size > 0) Execution.pass(execution, delta)
      return Effect.void
    }),
  summary: (executionId) =>
    storage.withExecution("summary", executionId, (execution) => Effect.succeed(Execution.summaryOf(execution))),
  list: ({ before, crewId, crewName, limit = 50, status } = {}) =>
    Effect.withFiber((fiber) => {
      const state = storage.seen(fiber)
      const executions = Array.from(state?.executions.values() ?? [])
      const summaries: Array<EventLog.Summary> = []
      let order = Number.POSITIVE_INFINITY
      if (before !== undefined) {
        const known = state?.executions.get(before) ?? state?.graves.get(before)
        if (known === undefined) return fail("list", new EventLog.UnknownExecution({ executionId: before }))
        order = known.order
      }
      for (let i = executions.length - 1; i >= 0 && summaries.length < limit; i--) {
        const execution = executions[i]!
        if (execution.order >= order) continue
        if (status !== undefined && !status.some((one) => Execution.presentsAs(execution, one))) continue
        if (crewId !== undefined && execution.crewId !== crewId) continue
        if (crewName !== undefined && execution.crewName !== crewName) continue
        summaries.push(Execution.summaryOf(execution))
      }
      return Effect.succeed(summaries)
    })
})
