/** The location of the files of an execution, in a storage that all tenants share. */
import * as Effect from "effect/Effect"
import * as Tenant from "../Tenant.ts"

/** The relative path of an execution of the current tenant, different for different names. */
export const executionPath = (executionId: string): Effect.Effect<string> =>
  Effect.map(Tenant.Current, (tenant) => `${segment(tenant)}/${segment(executionId)}`)

/** A name as one part of a path. */
const segment = (name: string): string =>
  encodeURIComponent(name).replace(/[.*~'()!]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
