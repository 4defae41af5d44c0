/** Deleting executions in memory that have ended. */
import * as Effect from "effect/Effect"
import * as EventLog from "../EventLog.ts"
import * as Execution from "./Execution.ts"
import { fail, nowOf, type Storage } from "./Storage.ts"

export const make = (storage: Storage): Pick<EventLog.EventLog["Service"], "remove" | "prune"> => ({
  remove: (executionId) =>
    storage.withExecution("remove", executionId, (execution, fiber) => {
      if (!Execution.isEnded(execution)) return fail("remove", new EventLog.NotEnded({ executionId }))
      storage.bury(execution, nowOf(fiber), false)
      return Effect.void
    }),
  prune: ({ endedForMillis, limit, rememberMillis = EventLog.defaultRememberMillis, tenant }) =>
    Effect.withFiber((fiber) => {
      const millis = nowOf(fiber)
      const pruned: Array<{ readonly executionId: string; readonly tenant: string }> = []
      for (const execution of storage.ended) {
        if (pruned.length >= limit) break
        if (millis - execution.lastMillis < endedForMillis) continue
        if (tenant !== undefined && tenant !== execution.tenant) continue
        storage.bury(execution, millis, true)
        pruned.push({ executionId: execution.id, tenant: execution.tenant })
      }
      storage.forgetGraves(millis - rememberMillis)
      return Effect.succeed(pruned)
    })
})
