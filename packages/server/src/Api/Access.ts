/**
 * Access control: every scope, and the lowest role that includes it. `Api` gives each operation its
 * scope. A role is the ceiling of a key; a key may name fewer scopes than its role has.
 */
import * as Name from "@crewline/core/Name"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"

/** From lowest to highest. */
export const roles = ["viewer", "operator", "admin"] as const
export const Role = Schema.Literals(roles).annotate({
  description: "viewer reads; operator also runs crews and answers asks; admin also changes resources and keys"
})
export type Role = typeof Role.Type

/** Every scope with the lowest role that includes it. */
const leastRole = {
  "agents:read": "viewer",
  "agents:write": "admin",
  "audit:read": "admin",
  "budget:read": "viewer",
  "budget:write": "admin",
  "crews:read": "viewer",
  "crews:write": "admin",
  "executions:delete": "admin",
  "executions:read": "viewer",
  "executions:run": "operator",
  "inbox:answer": "operator",
  "inbox:read": "viewer",
  "keys:read": "admin",
  "keys:write": "admin",
  "llm-providers:read": "viewer",
  "llm-providers:write": "admin",
  "memories:read": "viewer",
  "memories:write": "operator",
  "queue:read": "viewer",
  "secrets:read": "admin",
  "secrets:write": "admin",
  "tools:read": "viewer",
  "tools:test": "operator",
  "tools:write": "admin",
  "users:act-for": "admin"
} as const satisfies { readonly [scope: string]: Role }

export type Scope = keyof typeof leastRole
export const scopes = Object.keys(leastRole) as ReadonlyArray<Scope>
export const Scope = Schema.Literals(scopes)

const has = (role: Role, scope: Scope) => roles.indexOf(role) >= roles.indexOf(leastRole[scope])

/** The scopes of a role, in alphabetical order. */
export const scopesOf = (role: Role): ReadonlyArray<Scope> => scopes.filter((scope) => has(role, scope))

/**
 * Names the tenant that the credential of the data directory acts for; with any other credential it
 * must be its own.
 */
export const tenantHeader = "crewline-tenant"

/** The user for whom a service acts. Requires the scope `users:act-for`. */
export const onBehalfOf = Schema.optionalKey(
  Name.Name.annotate({ description: "The user for whom a service does it; takes the scope users:act-for" })
)

/**
 * The access that an operation requires: `public` nothing, `authenticated` a credential, else a
 * scope.
 */
export type Access = Scope | "authenticated" | "public"

/** For every operation that is not public: the caller, determined by the credential alone. */
export class Authentication extends HttpApiMiddleware.Service<Authentication>()("@crewline/server/Api/Authentication", {
  error: Problem.schemas("unauthenticated", "forbidden", "rate-limited", "unavailable", "invalid-request"),
  security: {
    key: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotateMerge(
        OpenApi.annotations({
          description: "An API key, as `crewline keys create` prints it, or a token of the OpenID provider"
        })
      )
    )
  }
}) {}
