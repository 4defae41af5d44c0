/**
 * Groups starts like appends: the row and the first event of each execution, once per id and
 * idempotency key. Inside a transaction of the caller a start joins it instead.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Failures from "./Failures.ts"
import * as GroupCommit from "../GroupCommit.ts"
import * as StoredEvent from "./StoredEvent.ts"

interface Answer {
  readonly outcome: "started" | "existing" | "reused" | "full"
  readonly execution_id: string
  readonly at: Date
}

/** The start as `crewline_start` reads it. */
const encode = (
  tenant: string,
  executionId: string,
  event: ExecutionEvent.ExecutionStarted,
  { crewId, idempotency, maxUnfinished, owner }: EventLog.StartOptions
): string =>
  JSON.stringify({
    tenant,
    execution: executionId,
    crewName: event.plan.name,
    ...(crewId !== undefined && { crewId }),
    ...(idempotency !== undefined && { key: idempotency.key, hash: idempotency.requestHash }),
    ...(owner !== undefined && { owner: owner.name, leaseMillis: owner.leaseMillis }),
    ...(maxUnfinished !== undefined && { maxUnfinished }),
    body: StoredEvent.split(event).row.body
  })

/** Starts the writer; it ends with the scope. */
export const make = (
  sql: SqlClient.SqlClient
): Effect.Effect<EventLog.EventLog["Service"]["start"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const execute = (starts: string): Effect.Effect<ReadonlyArray<Answer>, SqlError> =>
      sql.unsafe<Answer>("select outcome, execution_id, at from crewline_start($1::text::jsonb) order by place", [
        starts
      ])
    const submit = yield* GroupCommit.make({ ...Failures.ofGroup("start"), execute, isBusy: () => false })

    return (executionId, event, options = {}) =>
      Effect.withFiber((fiber): Effect.Effect<EventLog.Started, EventLog.EventLogError> => {
        const json = encode(fiber.getRef(Tenant.Current), executionId, event, options)
        const resultOf = ({ at, execution_id, outcome }: Answer) => {
          switch (outcome) {
            case "reused":
              return Effect.fail(Failures.make("start", new EventLog.KeyReused({ key: options.idempotency!.key })))
            case "full":
              return Effect.fail(
                Failures.make("start", new EventLog.TooManyUnfinished({ limit: options.maxUnfinished! }))
              )
            default:
              return Effect.succeed({
                executionId: execution_id,
                existing: outcome === "existing",
                at: at.toISOString()
              })
          }
        }
        if (Context.getOption(fiber.context, sql.transactionService)._tag === "Some") {
          return Effect.flatMap(Effect.mapError(execute(`[${json}]`), Failures.fromSql("start")), ([answer]) =>
            resultOf(answer!)
          )
        }
        return submit(json, resultOf)
      })
  })
