/**
 * Tokens of an OpenID provider: JSON Web Tokens that it has signed with its private key, for this
 * audience. Tenant, role and name come from claims. Algorithms with a shared secret, and `none`,
 * are not accepted, whatever a token specifies.
 */
import * as Name from "@crewline/core/Name"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { JSONWebKeySet, JWTPayload } from "jose"
import * as Access from "../Api/Access.ts"
import * as Keys from "../Api/Keys.ts"
import * as Problem from "../Api/Problem.ts"
import type { Principal } from "../Principal.ts"
import * as IssuerKeys from "./IssuerKeys.ts"

export interface Options {
  /** As tokens name it; its configuration is at `/.well-known/openid-configuration`. */
  readonly issuer: string
  readonly audience: string
  /** Names of claims, or paths to them as in `realm_access.roles`. */
  readonly claims: { readonly tenant: string; readonly role: string; readonly user: string }
}

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
/** Tolerated clock difference, in seconds. */
const tolerance = 5

type Refusal = Problem.Problem<"unauthenticated" | "unavailable">

const refused = (detail: string) => Problem.make("unauthenticated", { detail })
const invalid = refused("The credential is unknown, expired or revoked.")
const unavailable = Problem.make("unavailable", {
  detail: "The token cannot be checked because its issuer does not answer; try again in a moment."
})

/** Some names of claims are URLs, so a name takes precedence over a path. */
const claimIn = (claims: JWTPayload, name: string): unknown =>
  Object.hasOwn(claims, name)
    ? claims[name]
    : name
        .split(".")
        .reduce<unknown>(
          (at, key) =>
            typeof at === "object" && at !== null && Object.hasOwn(at, key)
              ? (at as { readonly [key: string]: unknown })[key]
              : undefined,
          claims
        )

const isTenant = Schema.is(Keys.Tenant)
const isName = Schema.is(Name.Name)

/** The caller of a token, by its claims. */
export const principalOf = (claims: JWTPayload, names: Options["claims"]): Effect.Effect<Principal, Refusal> => {
  const tenant = claimIn(claims, names.tenant)
  if (!isTenant(tenant)) return Effect.fail(refused(`The claim ${names.tenant} of the token is not a valid tenant.`))
  const named = claimIn(claims, names.role)
  const roles: ReadonlyArray<unknown> = Array.isArray(named) ? named : [named]
  const role = Access.roles.findLast((each) => roles.includes(each))
  if (role === undefined)
    return Effect.fail(
      refused(`The claim ${names.role} of the token has none of the roles ${Access.roles.join(", ")}.`)
    )
  const name = claimIn(claims, names.user)
  if (!isName(name)) return Effect.fail(refused(`The claim ${names.user} of the token is not a valid name.`))
  // A claim that verification has required.
  const expiresAt = (claims.exp ?? 0) * 1_000
  return Effect.succeed({ tenant, name, role, scopes: Access.scopesOf(role), credential: "token", expiresAt })
}

/** In the present scope. */
export const make = Effect.fnUntraced(function* ({ audience, claims, issuer }: Options) {
  const jose = yield* Effect.promise(() => import("jose"))
  const keys = yield* IssuerKeys.make(issuer)

  /** By the set of keys, so that each key is imported once. */
  const finders = new WeakMap<JSONWebKeySet, ReturnType<typeof jose.createLocalJWKSet>>()
  const finderOf = (set: JSONWebKeySet) => {
    const finder = finders.get(set) ?? jose.createLocalJWKSet(set)
    finders.set(set, finder)
    return finder
  }

  const verify = (token: Redacted.Redacted, set: typeof keys.current) =>
    Effect.flatMap(set, (keys) =>
      Effect.tryPromise({
        try: () =>
          jose.jwtVerify(Redacted.value(token), finderOf(keys), {
            issuer,
            audience,
            algorithms,
            clockTolerance: tolerance,
            requiredClaims: ["exp"]
          }),
        catch: (error) => (error instanceof Error ? error : new Error("not a token"))
      })
    )

  return {
    /** The caller that presents this token. */
    identify: (token: Redacted.Redacted): Effect.Effect<Principal, Refusal> =>
      verify(token, keys.current).pipe(
        Effect.catchIf(
          (error) => error instanceof jose.errors.JWKSNoMatchingKey,
          () => verify(token, keys.renewed)
        ),
        Effect.mapError((error) => (error instanceof IssuerKeys.KeysUnavailable ? unavailable : invalid)),
        Effect.flatMap(({ payload }) => principalOf(payload, claims))
      )
  }
})

const claim = (name: string, standard: string) => Config.withDefault(Config.NonEmptyString(name), standard)

/** `CREWLINE_OIDC_ISSUER`, and what belongs to it; undefined where it is not set. */
export const config: Config.Config<Options | undefined> = Config.mapEffect(
  Config.all({
    issuer: Config.option(Config.String("CREWLINE_OIDC_ISSUER")),
    audience: Config.option(Config.String("CREWLINE_OIDC_AUDIENCE")),
    tenant: claim("CREWLINE_OIDC_TENANT_CLAIM", "tenant"),
    role: claim("CREWLINE_OIDC_ROLE_CLAIM", "role"),
    user: claim("CREWLINE_OIDC_USER_CLAIM", "sub")
  }),
  ({ audience, issuer, ...claims }) => {
    const url = Option.getOrElse(issuer, () => "")
    const wrong = (message: string) => Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
    if (url === "") return Effect.succeed(undefined)
    const { hostname = "", protocol = "" } = URL.parse(url) ?? {}
    if (protocol !== "https:" && !(protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)))
      return wrong("CREWLINE_OIDC_ISSUER must be an https URL")
    const named = Option.getOrElse(audience, () => "")
    return named === ""
      ? wrong(
          "CREWLINE_OIDC_ISSUER needs CREWLINE_OIDC_AUDIENCE: without it, tokens for other services would be accepted"
        )
      : Effect.succeed({ issuer: url, audience: named, claims })
  }
)
