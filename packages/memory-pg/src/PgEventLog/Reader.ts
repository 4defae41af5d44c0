/** Reads events, outputs, summaries, positions and the time. */
import type * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Followers from "./Followers.ts"
import { type Query, withTenant } from "./Query.ts"
import * as StoredEvent from "./StoredEvent.ts"

interface EventRow {
  readonly seq: number
  readonly at: Date
  readonly body: string
  readonly payload: string | null
}

/** An execution as `crewline_summary` gives it. */
export interface SummaryRow {
  readonly id: string | null
  readonly crew_name: string
  readonly crew_id: string | null
  readonly status: EventLog.Summary["status"]
  readonly started_at: Date
  readonly ended_at: Date | null
  readonly last_seq: number
  readonly version: number
  readonly asking: boolean
}

interface PositionRow {
  readonly tenant: string
  readonly execution_id: string
  readonly last_seq: number
  readonly ended: boolean
}

export const summaryOf = (tenant: string, row: SummaryRow): EventLog.Summary => ({
  id: row.id!,
  tenant,
  crewName: row.crew_name,
  ...(row.crew_id !== null && { crewId: row.crew_id }),
  status: row.status,
  ...(row.asking && { waitingFor: "person" }),
  startedAt: row.started_at.toISOString(),
  ...(row.ended_at !== null && { endedAt: row.ended_at.toISOString() }),
  lastSeq: row.last_seq,
  version: row.version
})

export interface Reader extends Pick<EventLog.EventLog["Service"], "read" | "outputs" | "summary" | "list" | "now"> {
  /** The stored events from `first` to `last`. */
  readonly range: (
    tenant: string,
    executionId: string,
    range: { readonly first: number; readonly last: number }
  ) => Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
  /** What followers need. */
  readonly following: Pick<Followers.Options, "read" | "position" | "positions">
}

export const make = (query: Query): Reader => {
  const rowsOf = (operation: string, tenant: string, executionId: string, read: EventLog.ReadOptions) =>
    Effect.flatMap(
      query.run<EventRow>(operation, "select * from crewline_read($1, $2, $3::int, $4::int, $5, $6::boolean)", [
        tenant,
        executionId,
        Math.max(read.after ?? 0, 0),
        read.limit ?? null,
        read.taskId ?? null,
        read.payloads ?? true
      ]),
      // The first row says that the execution exists.
      (rows) => (rows.length === 0 ? query.missing(operation, tenant, executionId) : Effect.succeed(rows.slice(1)))
    )

  const eventsOf = (operation: string, tenant: string, executionId: string, read: EventLog.ReadOptions) =>
    Effect.map(rowsOf(operation, tenant, executionId, read), (rows) =>
      rows.map((row) => StoredEvent.join(executionId, row))
    )

  const summaryRow = (operation: string, tenant: string, executionId: string) =>
    Effect.flatMap(
      query.run<SummaryRow>(operation, "select * from crewline_summary($1, $2)", [tenant, executionId]),
      ([row]) => (row === undefined ? query.missing(operation, tenant, executionId) : Effect.succeed(row))
    )

  return {
    range: (tenant, executionId, { first, last }) =>
      eventsOf("append", tenant, executionId, { after: first - 1, limit: last - first + 1 }),
    following: {
      read: (tenant, executionId, range) =>
        Effect.map(rowsOf("follow", tenant, executionId, range), (rows) =>
          rows.map((row) => ({
            event: StoredEvent.join(executionId, row),
            length: row.body.length + (row.payload?.length ?? 0)
          }))
        ),
      position: (tenant, executionId) =>
        Effect.map(summaryRow("follow", tenant, executionId), (row) => ({
          lastSeq: row.last_seq,
          ended: row.ended_at !== null
        })),
      positions: (executions) =>
        Effect.map(
          query.run<PositionRow>("follow", "select * from crewline_positions($1::text::jsonb)", [
            JSON.stringify(executions)
          ]),
          (rows) =>
            rows.map((row) => ({
              tenant: row.tenant,
              executionId: row.execution_id,
              lastSeq: row.last_seq,
              ended: row.ended
            }))
        )
    },
    now: Effect.map(
      query.run<{ readonly millis: number }>(
        "now",
        "select (extract(epoch from clock_timestamp()) * 1000)::float8 as millis",
        []
      ),
      ([row]) => row!.millis
    ),
    read: (executionId, options = {}) => withTenant((tenant) => eventsOf("read", tenant, executionId, options)),
    outputs: (executionId, taskIds) =>
      withTenant((tenant) =>
        Effect.flatMap(
          query.run<{ readonly task_id: string | null; readonly payload: string }>(
            "outputs",
            "select * from crewline_outputs($1, $2, $3::text::jsonb)",
            [tenant, executionId, JSON.stringify(taskIds)]
          ),
          (rows) => {
            if (rows.length === 0) return query.missing("outputs", tenant, executionId)
            const outputOf = (payload: string) => (JSON.parse(payload) as { readonly output: Schema.Json }).output
            return Effect.succeed(new Map(rows.slice(1).map((row) => [row.task_id!, outputOf(row.payload)])))
          }
        )
      ),
    summary: (executionId) =>
      withTenant((tenant) => Effect.map(summaryRow("summary", tenant, executionId), (row) => summaryOf(tenant, row))),
    list: (options = {}) =>
      withTenant((tenant) =>
        Effect.flatMap(
          query.run<SummaryRow>("list", "select * from crewline_list($1, $2::text::jsonb, $3, $4, $5, $6::int)", [
            tenant,
            options.status === undefined ? null : JSON.stringify(options.status),
            options.crewId ?? null,
            options.crewName ?? null,
            options.before ?? null,
            options.limit ?? 50
          ]),
          // One row without an id says that `before` does not exist.
          (rows) =>
            rows[0]?.id === null
              ? query.missing("list", tenant, options.before!)
              : Effect.succeed(rows.map((row) => summaryOf(tenant, row)))
        )
      )
  }
}
