/**
 * The spending of tenants in each period, and the reservations of calls in flight: the rows that
 * budgets are kept by, as the budget store of the models.
 */
import * as BudgetStore from "@crewline/llm/BudgetStore"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

interface Row {
  readonly period: string
  readonly spent_tokens: string | number | bigint
  readonly spent_requests: string | number | bigint
  readonly spent_nano_usd: string | number | bigint
  readonly reserved_tokens: string | number | bigint
  readonly reserved_requests: string | number | bigint
  readonly reserved_nano_usd: string | number | bigint
}

const none: BudgetStore.Amount = { tokens: 0, requests: 0, nanoUsd: 0 }

const sumsOf = (row: Row) => ({
  spent: {
    tokens: Number(row.spent_tokens),
    requests: Number(row.spent_requests),
    nanoUsd: Number(row.spent_nano_usd)
  },
  reserved: {
    tokens: Number(row.reserved_tokens),
    requests: Number(row.reserved_requests),
    nanoUsd: Number(row.reserved_nano_usd)
  }
})

const nothing = { spent: none, reserved: none }

/**
 * A parsed key of the store, `tenant:acme, 2026-11`: the name of a tenant may contain any
 * characters.
 */
const partsOf = (key: string) => {
  const comma = key.lastIndexOf(", ")
  return { tenant: key.slice("tenant:".length, comma), period: key.slice(comma + 2) }
}

/** A database that fails as a budget store that does not answer. */
export const answering = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, BudgetStore.BudgetStoreError> =>
  Effect.catch(effect, (cause) =>
    Effect.andThen(
      Effect.logWarning("Failed to check tenant budgets", cause),
      Effect.fail(
        new BudgetStore.BudgetStoreError({
          description: "The database, which stores the tenant budgets, did not answer."
        })
      )
    )
  )

/** The sums over the database. */
export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /** The sums of these periods, in their order. */
  const sums = (tenant: string, which: ReadonlyArray<string>) =>
    Effect.map(
      sql<Row>`
        select period, spent_tokens, spent_requests, spent_nano_usd, reserved_tokens, reserved_requests, reserved_nano_usd
        from crewline_tenant_spending where ${RowSecurity.rowsOf(sql, tenant)} and ${sql.in("period", which)}`,
      (rows) => {
        const found = new Map(rows.map((row) => [row.period, sumsOf(row)]))
        return which.map((period) => found.get(period) ?? nothing)
      }
    )

  /** All entries are of one tenant. */
  const reserve: BudgetStore.BudgetStore["reserve"] = ({ entries, want }) => {
    const { tenant } = partsOf(entries[0]!.key)
    const which = entries.map(({ key }) => partsOf(key).period)
    // A fixed order of locks prevents deadlock.
    const rows = which.toSorted().map((period) => ({ period }))
    return Effect.gen(function* () {
      yield* sql`
        insert into crewline_tenant_spending ${RowSecurity.insertOf(sql, tenant, rows)}
        on conflict (tenant, period) do update set updated_at = now()`
      const decided = BudgetStore.decide(want, entries, yield* sums(tenant, which))
      if (decided._tag === "Refused") return decided
      const { nanoUsd, requests, tokens } = decided.reservation.amount
      yield* sql`
        update crewline_tenant_spending set reserved_tokens = reserved_tokens + ${tokens},
          reserved_requests = reserved_requests + ${requests}, reserved_nano_usd = reserved_nano_usd + ${nanoUsd}
        where ${RowSecurity.rowsOf(sql, tenant)} and ${sql.in("period", which)}`
      return decided
    }).pipe(sql.withTransaction, answering)
  }

  const settle: BudgetStore.BudgetStore["settle"] = ({ amount, keys }, used) => {
    const { tenant } = partsOf(keys[0]!)
    const which = keys.map((key) => partsOf(key).period)
    return sql`
      update crewline_tenant_spending set
        reserved_tokens = reserved_tokens - ${amount.tokens}, spent_tokens = spent_tokens + ${used.tokens},
        reserved_requests = reserved_requests - ${amount.requests}, spent_requests = spent_requests + ${used.requests},
        reserved_nano_usd = reserved_nano_usd - ${amount.nanoUsd}, spent_nano_usd = spent_nano_usd + ${used.nanoUsd},
        updated_at = now()
      where ${RowSecurity.rowsOf(sql, tenant)} and period = any (array(
        select period from crewline_tenant_spending where tenant = ${tenant} and ${sql.in("period", which)}
        order by period for update
      ))`.pipe(Effect.asVoid, answering)
  }

  return { reserve, settle, sums }
})
