/**
 * What each tenant refuses or asks about, whatever its crews declare. A change holds in this
 * process at once, in others within two seconds.
 */
import type { Policy } from "@crewline/core/Policy"
import * as Tenant from "@crewline/core/Tenant"
import * as RowSecurity from "@crewline/memory-pg/RowSecurity"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as ResourceStore from "./ResourceStore.ts"

export class ToolPolicies extends Context.Service<
  ToolPolicies,
  {
    /** That of the current tenant, as it is stored. */
    readonly get: Effect.Effect<Policy, ResourceStore.StoreError>
    /** The same, at most two seconds old. */
    readonly recent: Effect.Effect<Policy, ResourceStore.StoreError>
    /** Without rules it binds nothing. */
    readonly set: (policy: Policy) => Effect.Effect<void, ResourceStore.StoreError>
  }
>()("@crewline/server/ToolPolicies") {}

/** How long a policy that was read is good, in milliseconds. */
const freshMillis = 2_000
/** Tenants whose policies are remembered. */
const maxTenants = 1_000

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const known = new Map<string, { readonly policy: Policy; readonly until: number }>()

  const storage =
    (operation: string) =>
    <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, ResourceStore.StoreError> =>
      Effect.mapError(effect, (error) => ResourceStore.storageFailed(`ToolPolicies.${operation}`, error))

  const get = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const [row] = yield* sql<{
      readonly body: string
    }>`select body from crewline_tool_policy where ${RowSecurity.rowsOf(sql, tenant)}`.pipe(storage("get"))
    // Written below alone, from a policy that was parsed at the edge.
    const policy: Policy = row === undefined ? {} : JSON.parse(row.body)
    return policy
  })

  const recent = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const now = yield* Clock.currentTimeMillis
    const entry = known.get(tenant)
    if (entry !== undefined && entry.until > now) return entry.policy
    const policy = yield* get
    known.delete(tenant)
    known.set(tenant, { policy, until: now + freshMillis })
    const [oldest] = known.keys()
    if (known.size > maxTenants && oldest !== undefined) known.delete(oldest)
    return policy
  })

  const set = Effect.fn("ToolPolicies.set")(function* (policy: Policy) {
    const tenant = yield* Tenant.Current
    yield* sql`
      insert into crewline_tool_policy ${RowSecurity.insertOf(sql, tenant, [{ body: JSON.stringify(policy) }])}
      on conflict (tenant) do update set body = excluded.body, updated_at = now()`.pipe(storage("set"))
    known.delete(tenant)
  })

  return ToolPolicies.of({ get, recent, set })
})

export const layer: Layer.Layer<ToolPolicies, never, SqlClient.SqlClient> = Layer.effect(ToolPolicies, make)
