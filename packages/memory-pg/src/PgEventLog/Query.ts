/** Runs one statement of the event log and converts its failures. */
import * as EventLog from "@crewline/core/EventLog"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Failures from "./Failures.ts"

export interface Query {
  readonly run: <A extends object>(
    operation: string,
    text: string,
    params: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<A>, EventLog.EventLogError>
  /** Fails: the execution was deleted, or never existed. */
  readonly missing: (
    operation: string,
    tenant: string,
    executionId: string
  ) => Effect.Effect<never, EventLog.EventLogError>
}

/** Hands on the tenant that the caller acts for. */
export const withTenant = <A>(
  f: (tenant: string) => Effect.Effect<A, EventLog.EventLogError>
): Effect.Effect<A, EventLog.EventLogError> =>
  Effect.withFiber<A, EventLog.EventLogError>((fiber) => f(fiber.getRef(Tenant.Current)))

export const make = (sql: SqlClient.SqlClient): Query => {
  const run: Query["run"] = <A extends object>(operation: string, text: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(sql.unsafe<A>(text, params), Failures.fromSql(operation))
  return {
    run,
    missing: (operation, tenant, executionId) =>
      Effect.flatMap(
        run<{ readonly gone: boolean }>(operation, "select crewline_is_gone($1, $2) as gone", [tenant, executionId]),
        ([row]) => {
          const Reason = row!.gone ? EventLog.Gone : EventLog.UnknownExecution
          return Effect.fail(Failures.make(operation, new Reason({ executionId })))
        }
      )
  }
}
