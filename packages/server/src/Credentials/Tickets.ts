/**
 * Tickets for browsers, which cannot send headers with a WebSocket or an EventSource. A ticket is
 * part of a URL, which may be logged: it is valid for one connection and for half a minute, on any
 * server of the database, and only its hash is stored.
 */
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import type { Principal } from "../Principal.ts"
import * as Secret from "../Secret.ts"

export const lifetimeSeconds = 30

/**
 * The number of expired tickets that a new ticket deletes: more than one, so that their number
 * decreases.
 */
const maxDeleted = 10

export const make = Effect.map(SqlClient.SqlClient, (sql) => ({
  /** A ticket of this caller. */
  make: Effect.fnUntraced(function* (principal: Principal) {
    const { tenant } = principal
    const ticket = Secret.make()
    yield* sql`
      with expired as (
        delete from crewline_ticket where ${RowSecurity.rowsOf(sql, tenant)} and hash = any (array(
          select hash from crewline_ticket where tenant collate "C" = ${tenant} and expires_at <= now()
          order by expires_at limit ${maxDeleted} for update skip locked
        ))
      )
      insert into crewline_ticket (tenant, hash, principal, expires_at)
      values (${RowSecurity.named(sql, tenant)}, ${Secret.hash(ticket)}, ${JSON.stringify(principal)},
        now() + ${lifetimeSeconds}::int * interval '1 second')`
    return ticket
  }),
  /** The owner of the ticket, which is consumed. */
  take: Effect.fnUntraced(function* (ticket: Redacted.Redacted) {
    const [row] = yield* sql<{ readonly principal: string; readonly is_good: boolean }>`
      select * from crewline_take_ticket(${Secret.hash(ticket)})`
    // Written above alone.
    return row?.is_good === true ? (JSON.parse(row.principal) as Principal) : undefined
  })
}))
