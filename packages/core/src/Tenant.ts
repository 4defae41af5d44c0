/**
 * Whose data an operation touches. Every stored row carries a tenant, and every read of a storage
 * layer is confined to the current one; code that never mentions tenants works for `default`.
 */
import * as Context from "effect/Context"

/** The default tenant. */
export const defaultTenant = "default"

/** The current tenant. Provide another with `Effect.provideService(Tenant.Current, "acme")`. */
export const Current: Context.Reference<string> = Context.Reference<string>("@crewline/core/Tenant/Current", {
  defaultValue: () => defaultTenant
})
