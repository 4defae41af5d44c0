/**
 * What a tenant may spend on models in a day and in a month (UTC). A tenant has its own limits, or those that the environment gives to
 * every tenant without any.
 *
 * The sums are rows of the database: all servers on it share them, and a restart forgets nothing. What a call can use is reserved
 * before it is made, in all limits of the tenant or in none, under the locks of their rows. What a dead server had reserved stays, as
 * if it were spent, until the period is over. Calls are counted from the first one that a limit holds for. Changed limits hold in this
 * process at once, in others within two seconds.
 */
import * as Limits from "@crewline/core/Limits"
import * as Tenant from "@crewline/core/Tenant"
import * as Budget from "@crewline/llm/Budget"
import * as BudgetStore from "@crewline/llm/BudgetStore"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Period, periods, type TenantBudget } from "./Api/Budget.ts"
import * as ResourceStore from "./ResourceStore.ts"

/** What was counted in a period. */
export interface Spent {
  /** `2026-11-22`, or `2026-11`. */
  readonly period: string
  readonly tokens: number
  readonly requests: number
  readonly costUsd: number
}

export interface Standing {
  readonly budget: TenantBudget
  /** Whose limits these are: the tenant's own, or those of the environment for all that have none. */
  readonly source: "tenant" | "environment"
  readonly spent: { readonly [P in Period]: Spent }
}

export class TenantBudgets extends Context.Service<
  TenantBudgets,
  {
    /** How the current tenant stands. */
    readonly get: Effect.Effect<Standing, ResourceStore.StoreError>
    /** Gives the current tenant limits of its own. */
    readonly set: (budget: TenantBudget) => Effect.Effect<void, ResourceStore.StoreError>
    /** Those of the environment hold again. */
    readonly remove: Effect.Effect<void, ResourceStore.StoreError>
    /** For the models of the application. */
    readonly further: Budget.Further
  }
>()("@crewline/server/TenantBudgets") {}

export interface Options {
  /** For tenants without limits of their own. */
  readonly standard?: TenantBudget | undefined
}

/** How long limits that were read are good, in milliseconds. */
const freshMillis = 2_000

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

const sumsOf = (row: Row | undefined) =>
  row === undefined
    ? { spent: none, reserved: none }
    : {
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
      }

/** The day and the month of a moment, in UTC. */
const periodsAt = (millis: number): { readonly [P in Period]: string } => {
  const iso = new Date(millis).toISOString()
  return { day: iso.slice(0, 10), month: iso.slice(0, 7) }
}

/** A key of the store, `tenant:acme, 2026-11`, taken apart: the name of a tenant may hold anything. */
const partsOf = (key: string) => {
  const comma = key.lastIndexOf(", ")
  return { tenant: key.slice("tenant:".length, comma), period: key.slice(comma + 2) }
}

const make = Effect.fnUntraced(function* ({ standard = {} }: Options) {
  const sql = yield* SqlClient.SqlClient
  const known = new Map<string, { readonly own: TenantBudget | undefined; readonly until: number }>()

  const storage =
    (operation: string) =>
    <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, ResourceStore.StoreError> =>
      Effect.mapError(
        effect,
        (cause) =>
          new ResourceStore.StoreError({
            operation: `TenantBudgets.${operation}`,
            reason: new ResourceStore.Unavailable({
              description: "The database failed.",
              isRetryable: cause.isRetryable,
              cause
            })
          })
      )
  const budgeting = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, BudgetStore.BudgetStoreError> =>
    Effect.catch(effect, (cause) =>
      Effect.andThen(
        Effect.logWarning("The budgets of tenants could not be asked", cause),
        Effect.fail(
          new BudgetStore.BudgetStoreError({
            description: "The database, which holds the budgets of tenants, did not answer."
          })
        )
      )
    )

  const read = (tenant: string): Effect.Effect<TenantBudget | undefined, SqlError> =>
    Effect.map(
      sql<{ readonly body: string }>`select body from crewline_tenant_budget where tenant = ${tenant}`,
      // Written below alone, from a budget that was parsed at the edge.
      ([row]) => (row === undefined ? undefined : JSON.parse(row.body))
    )

  const limits = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const now = yield* Clock.currentTimeMillis
    let entry = known.get(tenant)
    if (entry === undefined || entry.until <= now) {
      entry = { own: yield* budgeting(read(tenant)), until: now + freshMillis }
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

  const rowsOf = (tenant: string, which: ReadonlyArray<string>) => sql<Row>`
    select period, spent_tokens, spent_requests, spent_nano_usd, reserved_tokens, reserved_requests, reserved_nano_usd
    from crewline_tenant_spending where tenant = ${tenant} and ${sql.in("period", which)}`

  /** All entries are of one tenant. */
  const reserve: BudgetStore.BudgetStore["reserve"] = ({ entries, want }) => {
    const { tenant } = partsOf(entries[0]!.key)
    const which = entries.map(({ key }) => partsOf(key).period)
    // The rows are locked in one order, so that nobody waits for somebody who waits for him.
    const rows = Arr.map(
      Arr.makeBy(which.length, (index) => which.toSorted()[index]!),
      (period) => ({ tenant, period })
    )
    return Effect.gen(function* () {
      yield* sql`
        insert into crewline_tenant_spending ${sql.insert(rows)}
        on conflict (tenant, period) do update set updated_at = now()`
      const found = new Map((yield* rowsOf(tenant, which)).map((row) => [row.period, row]))
      const decided = BudgetStore.decide(
        want,
        entries,
        which.map((period) => sumsOf(found.get(period)))
      )
      if (decided._tag === "Refused") return decided
      const { nanoUsd, requests, tokens } = decided.reservation.amount
      yield* sql`
        update crewline_tenant_spending set reserved_tokens = reserved_tokens + ${tokens},
          reserved_requests = reserved_requests + ${requests}, reserved_nano_usd = reserved_nano_usd + ${nanoUsd}
        where tenant = ${tenant} and ${sql.in("period", which)}`
      return decided
    }).pipe(sql.withTransaction, budgeting)
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
      where (tenant, period) in (
        select tenant, period from crewline_tenant_spending where tenant = ${tenant} and ${sql.in("period", which)}
        order by period for update
      )`.pipe(Effect.asVoid, budgeting)
  }

  const get = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const at = periodsAt(yield* Clock.currentTimeMillis)
    const own = yield* read(tenant).pipe(storage("get"))
    const rows = yield* rowsOf(tenant, [at.day, at.month]).pipe(storage("get"))
    const spent = (period: string): Spent => {
      const { nanoUsd, ...counted } = sumsOf(rows.find((row) => row.period === period)).spent
      return { period, ...counted, costUsd: nanoUsd / 1_000_000_000 }
    }
    return {
      budget: own ?? standard,
      source: own === undefined ? "environment" : "tenant",
      spent: { day: spent(at.day), month: spent(at.month) }
    } as const
  }).pipe(Effect.withSpan("TenantBudgets.get"))

  const set = Effect.fn("TenantBudgets.set")(function* (budget: TenantBudget) {
    const tenant = yield* Tenant.Current
    yield* sql`
      insert into crewline_tenant_budget ${sql.insert({ tenant, body: JSON.stringify(budget) })}
      on conflict (tenant) do update set body = excluded.body, updated_at = now()`.pipe(storage("set"))
    known.delete(tenant)
  })

  const remove = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    yield* sql`delete from crewline_tenant_budget where tenant = ${tenant}`.pipe(storage("remove"))
    known.delete(tenant)
  }).pipe(Effect.withSpan("TenantBudgets.remove"))

  return TenantBudgets.of({ get, set, remove, further: { store: { reserve, settle }, limits: () => limits } })
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
  Effect.map(
    Effect.suspend(() => config),
    (standard) => layer({ standard })
  )
)

const amount = (name: string) =>
  Config.option(
    Config.schema(Schema.FiniteFromString.check(Schema.isGreaterThan(0, { expected: "a number over 0" })), name)
  )
const count = (name: string) =>
  Config.option(
    Config.schema(
      Schema.FiniteFromString.check(
        Schema.isInt({ expected: "a whole number" }),
        Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" })
      ),
      name
    )
  )

/**
 * `CREWLINE_TENANT_DAILY_TOKENS`, `…_DAILY_USD`, `…_DAILY_REQUESTS` and the same with `MONTHLY`: what each tenant without limits of its
 * own may spend.
 */
export const config: Config.Config<TenantBudget> = Config.map(
  Config.all({
    day: Config.all({
      tokens: count("CREWLINE_TENANT_DAILY_TOKENS"),
      costUsd: amount("CREWLINE_TENANT_DAILY_USD"),
      requests: count("CREWLINE_TENANT_DAILY_REQUESTS")
    }),
    month: Config.all({
      tokens: count("CREWLINE_TENANT_MONTHLY_TOKENS"),
      costUsd: amount("CREWLINE_TENANT_MONTHLY_USD"),
      requests: count("CREWLINE_TENANT_MONTHLY_REQUESTS")
    })
  }),
  (configured) => {
    const budget: { -readonly [P in Period]?: Limits.Limits } = {}
    for (const period of periods) {
      const limit = Object.entries(configured[period]).flatMap(([key, value]) =>
        value._tag === "Some" ? [[key, value.value] as const] : []
      )
      if (limit.length > 0) budget[period] = Object.fromEntries(limit)
    }
    return budget
  }
)
