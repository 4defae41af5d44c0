/** API keys for tests, created in the server's own process. */
import * as Tenant from "@crewline/core/Tenant"
import type * as Keys from "../../src/Api/Keys.ts"
import * as KeyStore from "../../src/ResourceStore/Keys.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { ownerOf } from "../../../memory-pg/test/Owner.ts"
import type * as Server from "./Server.ts"

export interface Made {
  readonly id: string
  readonly key: string
  readonly prefix: string
  readonly headers: { readonly authorization: string }
}

type Options = Partial<Omit<Keys.KeyBody, "name">> & { readonly tenant?: string }

export const make = async ({ services }: Server.Running, options: Options = {}): Promise<Made> => {
  const { tenant = "acme", role = "admin", ...rest } = options
  const { key, stored } = await Context.get(services, KeyStore.KeyStore)
    .create({ name: `${role} of ${tenant}`, role, ...rest }, "test")
    .pipe(Effect.provideService(Tenant.Current, tenant), Effect.runPromise)
  const text = Redacted.value(key)
  return { id: stored.id, key: text, prefix: stored.prefix, headers: { authorization: `Bearer ${text}` } }
}

/** Makes the key appear to have expired a second ago. */
export const expire = ({ services }: Server.Running, { id }: Made): Promise<unknown> => {
  const sql = Context.get(services, SqlClient.SqlClient)
  const change = sql`update crewline_key set expires_at = now() - interval '1 second' where id = ${id}`
  return Effect.runPromise(ownerOf(sql)(change))
}

export const revoke = ({ services }: Server.Running, { id }: Made, tenant = "acme"): Promise<void> =>
  Context.get(services, KeyStore.KeyStore)
    .revoke(id)
    .pipe(Effect.provideService(Tenant.Current, tenant), Effect.runPromise)
