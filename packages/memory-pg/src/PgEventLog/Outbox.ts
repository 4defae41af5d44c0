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
  readonly key: string | number
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
    claim: ({ consumers, leaseMillis, limit }) =>
      Effect.map(
        run<ClaimedRow>("claim", "select * from crewline_claim_outbox($1::text::jsonb, $2::int, $3::float8)", [
          JSON.stringify(consumers),
          limit,
          leaseMillis
        ]),
        (rows) => rows.map(({ execution_id: executionId, ...row }) => ({ ...row, executionId }))
      ),
    settle: (rows) =>
      Effect.asVoid(run("settle", "select crewline_settle_outbox($1::text::jsonb)", [JSON.stringify(rows)])),
    retry: (id) => {
      if (!isKey(id)) return Effect.succeed(undefined)
      return Effect.flatMap(Tenant.Current, (tenant) =>
        Effect.map(
          run<ListedRow>("retry", "select * from crewline_retry_outbox($1, $2::bigint)", [tenant, id]),
          ([row]) => (row === undefined ? undefined : viewOf(row))
        )
      )
    },
    list: ({ after = "0", limit = 50, state } = {}) => {
      if (!isKey(after)) return Effect.succeed([])
      return Effect.flatMap(Tenant.Current, (tenant) =>
        Effect.map(
          run<ListedRow>("list", "select * from crewline_list_outbox($1, $2::text::jsonb, $3::bigint, $4::int)", [
            tenant,
            JSON.stringify(state === undefined ? Outbox.State.literals : [state]),
            after,
            limit
          ]),
          (rows) => rows.map(viewOf)
        )
      )
    }
  }
}

const isKey = (id: string): boolean => /^\d{1,18}$/.test(id)

const viewOf = (row: ListedRow): Outbox.View => {
  const { at, attempts, consumer, due_at, error, execution_id, key, part, seq, state } = row
  return {
    id: String(key),
    executionId: execution_id,
    seq,
    part,
    consumer,
    state,
    attempts,
    at: at.toISOString(),
    ...(due_at === null ? {} : { nextAt: due_at.toISOString() }),
    ...(error === null ? {} : { error })
  }
}
