/**
 * Starting an execution: its row and first event, once per id and idempotency key.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Failures from "./Failures.ts"
import { type Query, withTenant } from "./Query.ts"
import * as StoredEvent from "./StoredEvent.ts"

interface Answer {
  readonly outcome: "started" | "existing" | "reused"
  readonly execution_id: string
}

export const make =
  (query: Query): EventLog.EventLog["Service"]["start"] =>
  (executionId, event, options) =>
    withTenant((tenant) =>
      Effect.flatMap(
        query.run<Answer>("start", "select * from crewline_start($1, $2, $3, $4, $5, $6, $7, $8::float8, $9)", [
          tenant,
          executionId,
          event.plan.name,
          options?.crewId ?? null,
          options?.idempotency?.key ?? null,
          options?.idempotency?.requestHash ?? null,
          options?.owner?.name ?? null,
          options?.owner?.leaseMillis ?? null,
          StoredEvent.split(event).row.body
        ]),
        ([row]) =>
          row!.outcome === "reused"
            ? Effect.fail(Failures.make("start", new EventLog.KeyReused({ key: options!.idempotency!.key })))
            : Effect.succeed({ executionId: row!.execution_id, existing: row!.outcome === "existing" })
      )
    )
