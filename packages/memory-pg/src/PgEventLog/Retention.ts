/**
 * Deleting executions that have ended, one by one or by age.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Failures from "./Failures.ts"
import { type Query, withTenant } from "./Query.ts"

export const make = (query: Query): Pick<EventLog.EventLog["Service"], "remove" | "prune"> => ({
  remove: (executionId) =>
    withTenant((tenant) =>
      Effect.flatMap(
        query.run<{ readonly outcome: "removed" | "running" | "missing" }>(
          "remove",
          "select crewline_remove($1, $2) as outcome",
          [tenant, executionId]
        ),
        ([row]) => {
          if (row!.outcome === "missing") return query.missing("remove", tenant, executionId)
          if (row!.outcome === "removed") return Effect.void
          return Effect.fail(Failures.make("remove", new EventLog.NotEnded({ executionId })))
        }
      )
    ),
  prune: ({ endedForMillis, limit, rememberMillis, tenant }) =>
    Effect.map(
      query.run<{ readonly execution_id: string; readonly tenant: string }>(
        "prune",
        "select * from crewline_prune($1::float8, $2::int, $3, $4::float8)",
        [endedForMillis, limit, tenant ?? null, rememberMillis ?? EventLog.defaultRememberMillis]
      ),
      (rows) => rows.map((row) => ({ executionId: row.execution_id, tenant: row.tenant }))
    )
})
