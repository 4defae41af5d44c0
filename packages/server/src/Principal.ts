/**
 * The caller of a request, determined by its credential alone: nothing else in the request can
 * change it. Its tenant is `Tenant.Current` for everything that the request does.
 */
import type * as Ask from "@crewline/core/Ask"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Access from "./Api/Access.ts"
import type { Credential } from "./Api/Me.ts"

export interface Principal {
  readonly tenant: string
  readonly name: string
  readonly role: Access.Role
  readonly scopes: ReadonlyArray<Access.Scope>
  readonly credential: Credential
  /** The API key, by its id and by the part of it that may be shown. */
  readonly key?: { readonly id: string; readonly prefix: string }
  /** Of a token, in milliseconds since 1970. */
  readonly expiresAt?: number
}

/** The caller of a server that requires no credential. */
export const anonymous: Principal = {
  tenant: Tenant.defaultTenant,
  name: "anonymous",
  role: "admin",
  scopes: Access.scopesOf("admin"),
  credential: "none"
}

/** Commands of the user whose server this is, on the same machine. */
export const local: Principal = { ...anonymous, name: "local", credential: "local" }

/** Who calls. */
export const Current: Context.Reference<Principal> = Context.Reference<Principal>(
  "@crewline/server/Principal/Current",
  { defaultValue: () => anonymous }
)

/** The network address that the caller calls from, where it is known. */
export const Address: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@crewline/server/Principal/Address",
  { defaultValue: () => undefined }
)

/**
 * Whether the caller's access may end before its connection does: an open server may start to
 * require keys.
 */
export const mayEnd = ({ credential }: Principal): boolean => credential !== "local"

/** Runs an effect as this caller. */
export const as =
  (principal: Principal) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    effect.pipe(Effect.provideService(Current, principal), Effect.provideService(Tenant.Current, principal.tenant))

export const hasScope = ({ scopes }: Principal, scope: Access.Scope): boolean => scopes.includes(scope)

/**
 * The actor of an answer to an ask, possibly for a user; a caller without a required credential has
 * no role.
 */
export const author = ({ credential, name, role }: Principal, onBehalfOf?: string): Ask.Author => ({
  name,
  ...(onBehalfOf !== undefined && { onBehalfOf }),
  ...(credential !== "none" && { role })
})

/**
 * Whose an execution is that a caller starts, for a user or not; of one whom nobody has asked for a
 * credential nothing is known.
 */
export const requester = ({ credential, name }: Principal, onBehalfOf?: string): ExecutionEvent.Requester => {
  if (onBehalfOf !== undefined) return { userId: onBehalfOf, startedBy: name }
  return credential === "none" ? {} : { userId: name }
}
