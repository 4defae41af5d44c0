/**
 * Interprets failed statements by SQLSTATE: whether a retry may succeed, and a message for people.
 */
import type { SqlError } from "effect/sql/SqlError"

/** The SQLSTATE that the server gave, or the code of the system error: `ECONNREFUSED`. */
export const codeOf = (error: SqlError): string | undefined => {
  const { cause } = error.reason as { readonly cause?: unknown }
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
}

/** Of a standby, or of a primary that a failover has demoted. */
const readOnlyState = "25006"

/** What is wrong with a database that takes no writes. */
export const readOnly = "The database is read-only, for example a standby after a failover."

/**
 * States that pass: connection lost, read-only, out of resources, server shutting down or starting,
 * system error.
 */
const passing = /^(08|25006|53|57P|58)/

/** True when the same statement may succeed later. */
export const isRetryable = (error: SqlError): boolean => error.isRetryable || passing.test(codeOf(error) ?? "")

/** True when reading may go on while every write fails. */
export const stopsWrites = (error: SqlError): boolean => /^(25006|53100|53200)$/.test(codeOf(error) ?? "")

/**
 * What is wrong with the database, as a sentence. Repeats nothing of the statement or of the
 * server's address.
 */
export const describe = (error: SqlError): string => {
  const code = codeOf(error) ?? ""
  if (code === readOnlyState) return readOnly
  if (code === "53100") return "The database has no disk space left."
  if (code === "53200") return "The database is out of memory."
  if (code === "53300") return "The database has no connections left."
  if (code.startsWith("57P")) return "The database is shutting down or starting up."
  return "The database does not answer."
}
