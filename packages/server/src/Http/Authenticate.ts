/**
 * Identifies the caller before any part of a request is read, and checks that it may perform the
 * operation. A handler acts as the caller, for its tenant.
 */
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { access, type Operation } from "../Api.ts"
import * as Access from "../Api/Access.ts"
import * as Keys from "../Api/Keys.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import { Credentials, type Shown } from "../Credentials.ts"
import * as ClientAddress from "../Listener/ClientAddress.ts"
import * as Principal from "../Principal.ts"
import * as RateLimits from "../RateLimits.ts"
import * as RequestBody from "./RequestBody.ts"
import * as RequestLog from "./RequestLog.ts"

const isTenant = Schema.is(Keys.Tenant)

/** Connections that browsers open without headers. */
const takeTickets: ReadonlySet<Operation> = new Set(["executions.events", "feed.read"])

const scheme = /^(bearer|ticket) +(\S+)$/i

/** The credential in an `Authorization` header. */
export const shownIn = (authorization: string | undefined): Shown => {
  const [, name = "", credential = ""] = scheme.exec(authorization ?? "") ?? []
  return credential === "" ? {} : { [name.toLowerCase()]: Redacted.make(credential) }
}

/** The caller lacks this scope. */
export const forbidden = (scope: Access.Scope): Problem.Problem<"forbidden"> =>
  Problem.make("forbidden", {
    scope,
    detail: `This operation requires the scope ${scope}, which the credential does not have.`
  })

/** Fails when the caller lacks this scope. */
export const requireScope = (scope: Access.Scope): Effect.Effect<void, Problem.Problem<"forbidden">> =>
  Effect.flatMap(Principal.Current, (principal) =>
    Principal.hasScope(principal, scope) ? Effect.void : Effect.fail(forbidden(scope))
  )

/** The caller, who may name the user for whom it acts. */
export const actingFor = (
  onBehalfOf: string | undefined
): Effect.Effect<Principal.Principal, Problem.Problem<"forbidden">> =>
  onBehalfOf === undefined
    ? Principal.Current
    : requireScope("users:act-for").pipe(
        Effect.andThen(AuditLog.tell({ onBehalfOf })),
        Effect.andThen(Principal.Current)
      )

/**
 * The caller, for the tenant that it names: only the owner of the server may name a tenant other
 * than its own.
 */
const inTenant = (
  principal: Principal.Principal,
  tenant: string | undefined
): Effect.Effect<Principal.Principal, Problem.Problem<"invalid-request">> => {
  if (tenant === undefined || tenant === principal.tenant) return Effect.succeed(principal)
  if (principal.credential === "local" && isTenant(tenant)) return Effect.succeed({ ...principal, tenant })
  const message =
    `The credential does not belong to the tenant ${JSON.stringify(tenant)}: omit the header ` +
    `${Access.tenantHeader} (--tenant on the command line).`
  return Effect.fail(RequestBody.invalid([{ path: ["headers", Access.tenantHeader], code: "invalid-value", message }]))
}

const challenge = HttpEffect.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "www-authenticate", "Bearer"))
)

const retryAfter = (seconds: number) =>
  HttpEffect.appendPreResponseHandler((_, response) =>
    Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", `${seconds}`))
  )

/** Counts a request; the response headers report what is left. */
const taking = Effect.fnUntraced(function* (taken: Effect.Effect<RateLimits.Taken>) {
  const { headers, problem } = yield* taken
  yield* HttpEffect.appendPreResponseHandler((_, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, headers))
  )
  if (problem !== undefined) return yield* problem
})

export const layer: Layer.Layer<Access.Authentication, never, Credentials | RateLimits.RateLimits> = Layer.effect(
  Access.Authentication,
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const limits = yield* RateLimits.RateLimits
    const isBehindProxy = yield* ClientAddress.IsBehindProxy
    const suspecting = (shown: Shown) => AuditLog.tell({ principal: credentials.suspect(shown) })
    return Access.Authentication.of({
      key: (handler, { endpoint, group }) =>
        Effect.gen(function* () {
          // Effect's types do not include the group of an endpoint; a check ensures that `access`
          // names them all.
          const operation = `${group.identifier}.${endpoint.identifier}` as Operation
          const request = yield* HttpServerRequest.HttpServerRequest
          const { ticket, ...bearer } = shownIn(request.headers["authorization"])
          const shown = { ...bearer, address: () => ClientAddress.ofRequest(request, isBehindProxy) }
          const isOpening = takeTickets.has(operation) && ticket !== undefined
          const principal = yield* credentials.identify(isOpening ? { ...shown, ticket } : shown).pipe(
            Effect.flatMap((principal) => inTenant(principal, request.headers[Access.tenantHeader])),
            Effect.tapError((problem) => {
              if (problem.code === "rate-limited") return retryAfter(problem.retryAfterSeconds)
              return problem.code === "unauthenticated" ? Effect.andThen(suspecting(shown), challenge) : Effect.void
            })
          )
          yield* AuditLog.tell({ principal })
          yield* RequestLog.isFor(principal.tenant)
          if (limits.take !== undefined) yield* taking(limits.take(principal))
          const needed = access[operation]
          if (needed !== "public" && needed !== "authenticated" && !Principal.hasScope(principal, needed))
            return yield* forbidden(needed)
          return yield* Principal.as(principal)(handler)
        })
    })
  })
)
