/**
 * The reference server: every package of Crewline put together. Read it as an example of how they
 * compose, or run it as it is.
 *
 * `layer` is the whole server as a layer: built, it listens; released, it stops in this order: no
 * new connections, followers are asked to reconnect (1012), pending requests end, the worker hands
 * its tasks back or finishes them within the grace, its executions are given up for others to
 * adopt, the database closes. Unfinished executions continue automatically when it starts.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AuditLog from "./AuditLog.ts"
import * as Credentials from "./Credentials.ts"
import * as Engine from "./Engine.ts"
import * as Followers from "./Followers.ts"
import * as Http from "./Http.ts"
import * as SocketCallers from "./Http/SocketCallers.ts"
import * as SocketMessages from "./Http/SocketMessages.ts"
import * as ClientAddress from "./Listener/ClientAddress.ts"
import * as Lifecycle from "./Listener/Lifecycle.ts"
import * as OriginCheck from "./Listener/OriginCheck.ts"
import * as RateLimits from "./RateLimits.ts"
import * as Listener from "./Listener.ts"
import * as KeyStore from "./ResourceStore/Keys.ts"

export interface Options<LE = never, TE = never> extends Engine.Options<LE, TE> {
  readonly listen: Listener.Options
  readonly followers?: Followers.Options | undefined
  /**
   * Whether every request comes through a proxy, which reports the caller's address; default false.
   */
  readonly isBehindProxy?: boolean | undefined
  /** How many requests callers may send; default: any number. */
  readonly rateLimits?: RateLimits.Options | undefined
  /** Audit entries are deleted when they are so old; default: never. */
  readonly auditRetention?: Duration.Duration | undefined
  /** Whom it lets in. */
  readonly credentials?: Credentials.Options | undefined
}

/** The services of a running server for code in the same process. */
export type Services = Listener.Listener | KeyStore.KeyStore | AuditLog.AuditLog | Engine.Services

const listener = (options: Listener.Options) =>
  Layer.effect(
    Listener.Listener,
    Effect.flatMap(Http.make, (app) => Listener.make(app, options))
  ).pipe(Layer.provide(NodeHttpServer.layerHttpServices))

/** The whole server. It listens when the layer is built, and stops when it is released. */
export const layer = <LE, TE>(options: Options<LE, TE>) => {
  const { host } = options.listen
  const isBehindProxy = options.isBehindProxy ?? false
  const isLoopback = OriginCheck.isLoopback(host)
  return listener(options.listen).pipe(
    Layer.provide(
      Followers.layerWith(options.followers ?? {}).pipe(Layer.provide([SocketMessages.layer, SocketCallers.layer]))
    ),
    Layer.provide(Layer.succeed(ClientAddress.IsBehindProxy, isBehindProxy)),
    Layer.provide([Lifecycle.layer, RateLimits.layer(options.rateLimits)]),
    Layer.provide(Credentials.layer(options.credentials ?? {}, { host, isLoopback, isBehindProxy })),
    Layer.provideMerge(KeyStore.layer),
    Layer.provideMerge(AuditLog.layerRetention(options.auditRetention).pipe(Layer.provideMerge(AuditLog.layer))),
    Layer.provideMerge(
      Engine.layer({
        ...options,
        // Whoever can call a server on a loopback address can call those addresses without it.
        allowsAnyAddress: options.allowsAnyAddress ?? (isLoopback && !isBehindProxy)
      })
    ),
    Layer.provide(NodeServices.layer)
  )
}

/** 0: any free port. */
const ListenPort = Schema.FiniteFromString.check(
  Schema.isInt({ expected: "a port from 0 to 65535" }),
  Schema.isBetween({ minimum: 0, maximum: 65_535 }, { expected: "a port from 0 to 65535" })
)

/**
 * `HOST`, `PORT`, `CREWLINE_ALLOWED_HOSTS` (names, separated by commas, that the server may be
 * called by besides its own, and whose pages may call it) and `CREWLINE_KEEP_ALIVE`, how long idle
 * connections stay open; default 75 seconds. Port 0 is any free one.
 */
export const listenConfig: Config.Config<Listener.Options> = Config.map(
  Config.all({
    host: Config.withDefault(Config.NonEmptyString("HOST"), "127.0.0.1"),
    port: Config.withDefault(Config.schema(ListenPort, "PORT"), 4747),
    allowedHosts: Config.withDefault(Config.String("CREWLINE_ALLOWED_HOSTS"), ""),
    keepAlive: Config.withDefault(Config.schema(Schema.DurationFromString, "CREWLINE_KEEP_ALIVE"), Duration.seconds(75))
  }),
  ({ allowedHosts, keepAlive, ...listen }) => ({
    ...listen,
    keepAliveMillis: Duration.toMillis(keepAlive),
    allowedHosts: allowedHosts
      .split(",")
      .map((host) => host.trim())
      .filter((host) => host !== "")
  })
)

/**
 * Shorter ones would keep the database busy with renewals, and be lost in every pause of the
 * process.
 */
const Lease = Schema.DurationFromString.check(
  Schema.makeFilter(
    (lease) =>
      (Duration.isFinite(lease) && Duration.isGreaterThanOrEqualTo(lease, Duration.millis(100))) ||
      "Expected a duration of at least 100 millis"
  )
)

/** `CREWLINE_LEASE`, a duration such as `30 seconds`; default 15 seconds. */
export const leaseConfig: Config.Config<Duration.Duration> = Config.withDefault(
  Config.schema(Lease, "CREWLINE_LEASE"),
  Duration.seconds(15)
)
