/** Runs one statement of the memory for the current tenant, and converts its failures. */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as SqlFailure from "../SqlFailure.ts"

export const failureOf =
  (operation: string) =>
  (error: SqlError): Memory.MemoryError =>
    new Memory.MemoryError({
      operation,
      description: `The database failed: ${error.message}`,
      isRetryable: SqlFailure.isRetryable(error)
    })

/**
 * Runs `text` with the tenant as its first parameter. Objects and arrays are handed over as JSON.
 */
export type Query = <A extends object>(
  operation: string,
  text: string,
  params?: ReadonlyArray<unknown>
) => Effect.Effect<ReadonlyArray<A>, Memory.MemoryError>

export const make =
  (sql: SqlClient.SqlClient): Query =>
  <A extends object>(operation: string, text: string, params: ReadonlyArray<unknown> = []) =>
    Effect.withFiber((fiber) => {
      const given = params.map((param) => (typeof param === "object" && param !== null ? JSON.stringify(param) : param))
      return Effect.mapError(sql.unsafe<A>(text, [fiber.getRef(Tenant.Current), ...given]), failureOf(operation))
    })
