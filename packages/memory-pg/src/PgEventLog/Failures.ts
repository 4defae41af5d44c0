/**
 * What a failed statement means to the one who called the event log.
 */
import * as EventLog from "@crewline/core/EventLog"
import type { SqlError } from "effect/sql/SqlError"

/** SQLSTATE classes that pass: connection lost, out of resources, server shutting down or starting, system error. */
const passing = /^(08|53|57P|58)/

/** True when the same statement may succeed later. */
export const isRetryable = (error: SqlError): boolean => {
  if (error.isRetryable) return true
  const { cause } = error.reason as { readonly cause?: unknown }
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" && passing.test(code)
}

export const make = (operation: string, reason: typeof EventLog.Reason.Type): EventLog.EventLogError =>
  new EventLog.EventLogError({ operation, reason })

export const fromSql =
  (operation: string) =>
  (error: SqlError): EventLog.EventLogError =>
    make(
      operation,
      new EventLog.Unavailable({
        description: `The database failed: ${error.message}`,
        isRetryable: isRetryable(error),
        cause: error
      })
    )
