/**
 * Spending limits of tenants on models per day and per month (UTC). A tenant has its own limits or
 * the defaults of the environment.
 *
 * The sums are rows of the database: all servers on it share them, and a restart forgets nothing.
 * The possible usage of a call is reserved before it is made, in all limits of the tenant or in
 * none, under the locks of their rows. Reservations of a dead server remain, as if they were spent,
 * until the period is over. Calls are counted from the first one that a limit holds for. Changed
 * limits hold in this process at once, in others within two seconds.
 */
import type * as Limits from "@crewline/core/Limits"
import * as Tenant from "@crewline/core/Tenant"
import * as Budget from "@crewline/llm/Budget"
import type * as BudgetStore from "@crewline/llm/BudgetStore"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Period, periods, type TenantBudget } from "./Api/Budget.ts"
import * as ResourceStore from "./ResourceStore.ts"
import * as Environment from "./TenantBudgets/Environment.ts"
import * as Spending from "./TenantBudgets/Spending.ts"

/** The usage of a period. */
export interface Spent {
  /** `2026-11-22`, or `2026-11`. */
  readonly period: string
  readonly tokens: number
  readonly requests: number
  readonly costUsd: number
}

export interface Standing {
  readonly budget: TenantBudget
  /**
   * Whose limits these are: the tenant's own, or those of the environment for all that have none.
   */
  readonly source: "tenant" | "environment"
  readonly spent: { readonly [P in Period]: Spent }
}

export class TenantBudgets extends Context.Service<
  TenantBudgets,
  {
    /** The budget of the current tenant. */
    readonly get: Effect.Effect<Standing, ResourceStore.StoreError>
    /** Sets limits for the current tenant. */
    readonly set: (budget: TenantBudget) => Effect.Effect<void, ResourceStore.StoreError>
    /** Those of the environment hold again. */
    readonly remove: Effect.Effect<void, ResourceStore.StoreError>
    /** For the models of the application. */
    readonly further: Budget.Further
  }
>()("@crewline/server/TenantBudgets") {}

export interface Options {
  /** For tenants without their own limits. */
  readonly standard?: TenantBudget | undefined
}

/** How long limits that were read are good, in milliseconds. */
const freshMillis = 2_000

/** The day and the month of a moment, in UTC. */
const periodsAt = (millis: number): { readonly [P in Period]: string } => {
  const iso = new Date(millis).toISOString()
  return { day: iso.slice(0, 10), month: iso.slice(0, 7) }
}

const spentIn = (period: string, { nanoUsd, ...counted }: BudgetStore.Amount): Spent => ({
  period,
  ...counted,
  costUsd: nanoUsd / 1_000_000_000
})

const make = Effect.fnUntraced(function* ({ standard = {} }: Options) {
  const sql = yield* SqlClient.SqlClient
  const spending = yield* Spending.make
  const known = new Map<string, { readonly own: TenantBudget | undefined; readonly until: number }>()

  const storage =
    (operation: string) =>
    <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, ResourceStore.StoreError> =>
      Effect.mapError(effect, (error) => ResourceStore.storageFailed(`TenantBudgets.${operation}`, error))

  const read = (tenant: string): Effect.Effect<TenantBudget | undefined, SqlError> =>
    Effect.map(
      sql<{ readonly body: string }>`select body from crewline_tenant_budget where ${RowSecurity.rowsOf(sql, tenant)}`,
      // Written below alone, from a budget that was parsed at the edge.
      ([row]) => (row === undefined ? undefined : JSON.parse(row.body))
    )

  const limits = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const now = yield* Clock.currentTimeMillis
    let entry = known.get(tenant)
    if (entry === undefined || entry.until <= now) {
      entry = { own: yield* Spending.answering(read(tenant)), until: now + freshMillis }
      known.set(tenant, entry)
    }
    const budget = entry.own ?? standard
    const at = periodsAt(now)
    const scoped: Array<Limits.Scoped> = []
    for (const period of periods) {
      const limit = budget[period]
      if (limit !== undefined) scoped.push({ ...limit, scope: "tenant", key: `${tenant}, ${at[period]}` })
    }
    return scoped
  })

  const get = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const at = periodsAt(yield* Clock.currentTimeMillis)
    const own = yield* read(tenant).pipe(storage("get"))
    const [day, month] = yield* spending.sums(tenant, [at.day, at.month]).pipe(storage("get"))
    return {
      budget: own ?? standard,
      source: own === undefined ? "environment" : "tenant",
      spent: { day: spentIn(at.day, day!.spent), month: spentIn(at.month, month!.spent) }
    } as const
  }).pipe(Effect.withSpan("TenantBudgets.get"))

  const set = Effect.fn("TenantBudgets.set")(function* (budget: TenantBudget) {
    const tenant = yield* Tenant.Current
    yield* sql`
      insert into crewline_tenant_budget ${RowSecurity.insertOf(sql, tenant, [{ body: JSON.stringify(budget) }])}
      on conflict (tenant) do update set body = excluded.body, updated_at = now()`.pipe(storage("set"))
    known.delete(tenant)
  })

  const remove = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    yield* sql`delete from crewline_tenant_budget where ${RowSecurity.rowsOf(sql, tenant)}`.pipe(storage("remove"))
    known.delete(tenant)
  }).pipe(Effect.withSpan("TenantBudgets.remove"))

  return TenantBudgets.of({ get, set, remove, further: { store: spending, limits: () => limits } })
})

/** The budgets, and what keeps the models that are made over it to them. */
export const layer = (options: Options = {}): Layer.Layer<TenantBudgets, never, SqlClient.SqlClient> =>
  Layer.effectContext(
    Effect.map(make(options), (budgets) =>
      Context.make(TenantBudgets, budgets).pipe(Context.add(Budget.Further, budgets.further))
    )
  )

/** With what the environment gives to every tenant. */
export const layerConfig: Layer.Layer<TenantBudgets, Config.ConfigError, SqlClient.SqlClient> = Layer.unwrap(
  Effect.map(Environment.config, (standard) => layer({ standard }))
)
