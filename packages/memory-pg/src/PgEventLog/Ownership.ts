/** Owners of executions: leases in their rows, by the database's clock. */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import type { Query } from "./Query.ts"

interface OwnerRow {
  readonly owner: string
  readonly executions: number
  readonly silent_millis: number
  readonly lease_millis: number
}

interface OwnedRow {
  readonly execution_id: string
  readonly tenant: string
  readonly last_seq: number
}

export const make = (query: Query): Pick<EventLog.EventLog["Service"], "adopt" | "owners" | "disown"> => ({
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
  owners: Effect.suspend(() =>
    Effect.map(query.run<OwnerRow>("owners", "select * from crewline_owners()", []), (rows) =>
      rows.map((row) => ({
        owner: row.owner,
        executions: row.executions,
        silentMillis: row.silent_millis,
        leaseMillis: row.lease_millis
      }))
    )
  ),
  disown: (owner) => Effect.asVoid(query.run("disown", "select crewline_disown($1)", [owner]))
})
