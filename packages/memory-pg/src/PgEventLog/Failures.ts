/** Converts failed statements to errors of the event log. */
import * as EventLog from "@crewline/core/EventLog"
import type { SqlError } from "effect/sql/SqlError"
import * as SqlFailure from "../SqlFailure.ts"

export const make = (operation: string, reason: typeof EventLog.Reason.Type): EventLog.EventLogError =>
  new EventLog.EventLogError({ operation, reason })

export const fromSql =
  (operation: string) =>
  (error: SqlError): EventLog.EventLogError =>
    make(
      operation,
      new EventLog.Unavailable({
        description: `The database failed: ${error.message}`,
        isRetryable: SqlFailure.isRetryable(error),
        cause: error
      })
    )

/** The failures of requests of the group (see `GroupCommit`). */
export const ofGroup = (operation: string) => ({
  failureOf: fromSql(operation),
  closed: make(operation, new EventLog.Unavailable({ description: "The event log is closed.", isRetryable: false }))
})
