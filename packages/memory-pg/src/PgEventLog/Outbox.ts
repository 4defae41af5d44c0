/** The outbox in the database of its event log. */
import * as Outbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"

interface ClaimedRow {
  readonly tenant: string
  readonly execution_id: string
  readonly seq: number
  readonly part: number
  readonly consumer: string
  readonly attempts: number
}

interface ListedRow extends Omit<ClaimedRow, "tenant"> {
  readonly state: Outbox.State
  readonly at: Date
  readonly due_at: Date | null
  readonly error: string | null
}

export const make = (sql: SqlClient.SqlClient): Outbox.Outbox["Service"] => {
  const run = <A extends object>(operation: string, text: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(
      sql.unsafe<A>(text, params),
      (cause) => new Outbox.OutboxError({ operation, description: `The database failed: ${cause.message}`, cause })
    )
  return {
    claim: ({ consumers, leaseMillis, limit, settled = [] }) =>
      Effect.map(
        run<ClaimedRow>(
          "claim",
          "select * from crewline_claim_outbox($1::text::jsonb, $2::int, $3::float8, $4::text::jsonb)",
          [JSON.stringify(consumers), limit, leaseMillis, settled.length === 0 ? null : JSON.stringify(settled)]
        ),
        (rows) => rows.map(({ execution_id: executionId, ...row }) => ({ ...row, executionId }))
      ),
    settle: (rows) =>
      Effect.asVoid(run("settle", "select crewline_settle_outbox($1::text::jsonb)", [JSON.stringify(rows)])),
    retry: (id) => {
      const place = Outbox.placeOf(id)
      if (place === undefined) return Effect.succeed(undefined)
      const { at, executionId, part, seq } = place
      return Effect.flatMap(Tenant.Current, (tenant) =>
        Effect.map(
          run<ListedRow>("retry", "select * from crewline_retry_outbox($1, $2::timestamptz, $3, $4::int, $5::int)", [
            tenant,
            at,
            executionId,
            seq,
            part
          ]),
          ([row]) => (row === undefined ? undefined : viewOf(row))
        )
      )
    },
    list: ({ after, limit = 50, state } = {}) => {
      const place = after === undefined ? undefined : Outbox.placeOf(after)
      if (after !== undefined && place === undefined) return Effect.succeed([])
      return Effect.flatMap(Tenant.Current, (tenant) =>
        Effect.map(
          run<ListedRow>(
            "list",
            "select * from crewline_list_outbox($1, $2::text::jsonb, $3::timestamptz, $4, $5::int, $6::int, $7::int)",
            [
              tenant,
              JSON.stringify(state === undefined ? Outbox.State.literals : [state]),
              place?.at ?? null,
              place?.executionId ?? null,
              place?.seq ?? null,
              place?.part ?? null,
              limit
            ]
          ),
          (rows) => rows.map(viewOf)
        )
      )
    }
  }
}

const viewOf = (row: ListedRow): Outbox.View => {
  const { attempts, consumer, due_at, error, execution_id: executionId, part, seq, state } = row
  const at = row.at.toISOString()
  return {
    id: Outbox.idOf({ at, executionId, seq, part }),
    executionId,
    seq,
    part,
    consumer,
    state,
    attempts,
    at,
    ...(due_at === null ? {} : { nextAt: due_at.toISOString() }),
    ...(error === null ? {} : { error })
  }
}
