/**
 * Who runs which executions: leases in their rows, by the database's clock.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import type { Query } from "./Query.ts"

interface OwnedRow {
  readonly execution_id: string
  readonly tenant: string
  readonly last_seq: number
}

export const make = (query: Query): Pick<EventLog.EventLog["Service"], "adopt" | "disown"> => ({
  adopt: ({ executionIds, leaseMillis, limit, owner }) =>
    Effect.map(
      query.run<OwnedRow>("adopt", "select * from crewline_adopt($1, $2::float8, $3::int, $4::text::jsonb)", [
        owner,
        leaseMillis,
        limit,
        executionIds === undefined ? null : JSON.stringify(executionIds)
      ]),
      (rows) => rows.map((row) => ({ executionId: row.execution_id, tenant: row.tenant, lastSeq: row.last_seq }))
    ),
  disown: (owner) => Effect.asVoid(query.run("disown", "select crewline_disown($1)", [owner]))
})
