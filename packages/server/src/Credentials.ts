/**
 * Identifies callers by their credential: an API key, a token of an OpenID provider, a ticket, or
 * the credential that the server leaves in its data directory for commands on the same machine.
 *
 * A server requires a credential unless it is configured not to, or listens on this machine only
 * and has no key in its database: it is then open, as tenant `default`. A server that could be
 * reached from elsewhere, and has no way to identify callers, does not start.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Problem from "./Api/Problem.ts"
import * as Guesses from "./Credentials/Guesses.ts"
import * as KnownKeys from "./Credentials/KnownKeys.ts"
import * as Secret from "./Secret.ts"
import * as Tickets from "./Credentials/Tickets.ts"
import * as Tokens from "./Credentials/Tokens.ts"
import * as Principal from "./Principal.ts"
import { KeyStore, type Standing } from "./ResourceStore/Keys.ts"

/**
 * Whether callers must present a credential: `automatic` unless the server is reached from this
 * machine only and there is no key.
 */
export type Mode = "automatic" | "none" | "required"

export interface Options {
  readonly mode?: Mode | undefined
  /** Whose tokens are accepted. */
  readonly oidc?: Tokens.Options | undefined
  /** The credential of this user's commands on this machine, and the name of the user. */
  readonly local?: { readonly credential: Redacted.Redacted; readonly name: string } | undefined
}

/** Where the server listens. */
export interface Place {
  readonly host: string
  /** Whether connections come from this machine only. */
  readonly isLoopback: boolean
  /** Whether they come from a proxy, which passes on what others send. */
  readonly isBehindProxy: boolean
}

/** Anyone who reaches the server could do everything, without explicit configuration. */
export class OpenByAccident extends Schema.TaggedError<OpenByAccident>()("OpenByAccident", {
  host: Schema.String,
  isLoopback: Schema.Boolean
}) {
  override get message() {
    const how = this.isLoopback
      ? "CREWLINE_BEHIND_PROXY=true makes this server reachable from other machines"
      : `HOST=${this.host} makes this server reachable from other machines`
    return (
      `${how}, but neither an API key nor a token issuer is configured to authenticate callers: ` +
      "create a key with `crewline keys create --tenant default --name admin --role admin`, or set CREWLINE_OIDC_ISSUER. CREWLINE_AUTH=none allows unauthenticated access."
    )
  }
}

/** The credential that a caller presents. */
export interface Shown {
  readonly bearer?: Redacted.Redacted
  /** For connections that cannot send another credential. */
  readonly ticket?: Redacted.Redacted
  /** The network address of the caller; determined only for unknown credentials. */
  readonly address?: (() => string | undefined) | undefined
}

export class Credentials extends Context.Service<
  Credentials,
  {
    readonly identify: (
      shown: Shown
    ) => Effect.Effect<Principal.Principal, Problem.Problem<"unauthenticated" | "unavailable" | "rate-limited">>
    /**
     * The owner of a key by its visible part, as far as this process knows, whether it is valid or
     * not: never use it to grant access.
     */
    readonly suspect: (shown: Shown) => Principal.Principal | undefined
    /**
     * Returns when the credential of a caller has expired or was revoked; of one who needed none,
     * when the server asks for one.
     */
    readonly ended: (principal: Principal.Principal) => Effect.Effect<void>
    /** A ticket for one connection of this caller. */
    readonly ticket: (
      principal: Principal.Principal
    ) => Effect.Effect<Redacted.Redacted, Problem.Problem<"unavailable">>
  }
>()("@crewline/server/Credentials") {}

const missing = Problem.make("unauthenticated", {
  detail: "This server requires an API key: send it as Authorization: Bearer <key>."
})
// The same for all of these, so that callers cannot learn which keys existed.
const invalid = Problem.make("unauthenticated", { detail: "The credential is unknown, expired or revoked." })
const unavailable = Problem.make("unavailable", {
  detail: "The credential cannot be checked because the storage does not respond; try again in a moment."
})

const available = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, Problem.Problem<"unavailable">> =>
  Effect.catch(effect, (error) =>
    Effect.andThen(Effect.logWarning("Failed to check a credential", error.message), Effect.fail(unavailable))
  )

/**
 * How often servers that share a database look for the first key, and connections for whether there
 * is one.
 */
const firstKeyInterval = "400 millis"

const make = Effect.fnUntraced(function* ({ local, mode = "automatic", oidc }: Options, place: Place) {
  const { host, isBehindProxy, isLoopback } = place
  const store = yield* KeyStore
  const keys = yield* KnownKeys.make(store)
  const guesses = Guesses.make(invalid)
  const tickets = yield* Tickets.make
  const tokens = oidc === undefined ? undefined : yield* Tokens.make(oidc)
  const localHash = local === undefined ? undefined : Secret.hash(local.credential)

  const localPrincipal = { ...Principal.local, ...(local !== undefined && { name: local.name }) }

  let hasKeys = yield* Effect.orDie(store.isAnyStored)
  // A server that requires a key has a place on this machine where the first one can be created.
  const isReached = mode === "automatic" ? !isLoopback || isBehindProxy : mode === "required" && !isLoopback
  if (isReached && !hasKeys && tokens === undefined) return yield* new OpenByAccident({ host, isLoopback })
  if (mode === "none" && (!isLoopback || isBehindProxy)) {
    yield* Effect.logWarning(`CREWLINE_AUTH=none: anyone who can reach ${host} has full access.`)
  }
  if (mode === "automatic" && tokens === undefined && !hasKeys && !store.isEmbedded) {
    const look = Effect.map(
      Effect.orElseSucceed(store.isAnyStored, () => false),
      (found) => {
        hasKeys ||= found
      }
    )
    yield* Effect.repeat(look, { schedule: Schedule.spaced(firstKeyInterval), until: () => hasKeys }).pipe(
      Effect.forkScoped
    )
  }
  /** No credential is required, and no key can be presented either. */
  const isOpen = () =>
    mode === "automatic" && tokens === undefined && isLoopback && !isBehindProxy && !hasKeys && !store.hasCreated()

  /** Returns when the server requires credentials. */
  const closed = Effect.repeat(Effect.sleep(firstKeyInterval), { until: () => !isOpen() })

  /** The caller of a key, created once, because the permissions of a key never change. */
  const principals = new WeakMap<Standing, Principal.Principal>()
  const principalOf = (standing: Standing): Principal.Principal => {
    const { id, name, prefix, role, scopes, tenant } = standing
    const principal = principals.get(standing) ?? { tenant, name, role, scopes, credential: "key", key: { id, prefix } }
    principals.set(standing, principal)
    return principal
  }

  const ofKey = (key: Redacted.Redacted, hash: string, address: Shown["address"]) => {
    const prefix = Secret.prefixOf(key)
    if (prefix === undefined) return Effect.fail(invalid)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const standing = keys.proven(prefix, hash, now)
      if (standing !== undefined) return Effect.succeed(principalOf(standing))
      // A wrong secret costs a read even if the prefix is known, so that its response time
      // discloses nothing.
      const found = Effect.flatMap(available(keys.read(prefix, hash)), (read) =>
        read === undefined ? Effect.fail(invalid) : Effect.succeed(principalOf(read))
      )
      return guesses.guard({ hash, address: address?.() }, found)
    })
  }

  const ofTicket = Effect.fnUntraced(function* (ticket: Redacted.Redacted, address: Shown["address"]) {
    const taken = Effect.flatMap(available(tickets.take(ticket)), (principal) =>
      principal === undefined ? Effect.fail(invalid) : Effect.succeed(principal)
    )
    const principal = yield* guesses.guard({ hash: Secret.hash(ticket), address: address?.() }, taken)
    // Created while the server was open, which it no longer is.
    if (principal.credential === "none" && mode !== "none") return yield* invalid
    // The key may have been revoked since.
    if (principal.key !== undefined && (yield* available(keys.find(principal.key.prefix))) === undefined)
      return yield* invalid
    if ((principal.expiresAt ?? Infinity) <= (yield* Clock.currentTimeMillis)) return yield* invalid
    return principal
  })

  const ofBearer = (bearer: Redacted.Redacted, address: Shown["address"]) => {
    const hash = Secret.hash(bearer)
    if (localHash !== undefined && Secret.isSame(localHash, hash)) return Effect.succeed(localPrincipal)
    if (isOpen()) return Effect.succeed(Principal.anonymous)
    return tokens === undefined || Secret.prefixOf(bearer) !== undefined
      ? ofKey(bearer, hash, address)
      : tokens.identify(bearer)
  }

  const identify: Credentials["Service"]["identify"] = ({ address, bearer, ticket }) => {
    if (bearer !== undefined) return ofBearer(bearer, address)
    if (isOpen()) return Effect.succeed(Principal.anonymous)
    if (ticket !== undefined) return ofTicket(ticket, address)
    return mode === "none" ? Effect.succeed(Principal.anonymous) : Effect.fail(missing)
  }

  return Credentials.of({
    identify,
    suspect: ({ bearer }) => {
      const prefix = bearer === undefined ? undefined : Secret.prefixOf(bearer)
      const standing = prefix === undefined ? undefined : keys.known(prefix)
      return standing === undefined ? undefined : principalOf(standing)
    },
    ended: ({ credential, expiresAt, key }) => {
      if (credential === "none") return mode === "none" ? Effect.never : closed
      if (expiresAt !== undefined)
        return Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sleep(Math.max(0, expiresAt - now)))
      return key === undefined
        ? Effect.never
        : // Where the storage does not respond, nobody can have revoked it.
          Effect.retry(keys.ended(key.prefix), Schedule.spaced("1 second")).pipe(Effect.orDie)
    },
    ticket: (principal) => available(tickets.make(principal))
  })
})

/** For a server that listens on this host. */
export const layer = (options: Options, place: Place): Layer.Layer<Credentials, OpenByAccident, KeyStore | SqlClient> =>
  Layer.effect(Credentials, make(options, place))

/** `none` or `required`; by default it depends. */
const mode: Config.Config<Mode> = Config.map(
  Config.withDefault(Config.schema(Schema.Literals(["", "none", "required"]), "CREWLINE_AUTH"), ""),
  (mode) => (mode === "" ? "automatic" : mode)
)

/** `CREWLINE_AUTH`, and `CREWLINE_OIDC_ISSUER` with what belongs to it. */
export const config: Config.Config<Pick<Options, "mode" | "oidc">> = Config.all({ mode, oidc: Tokens.config })
