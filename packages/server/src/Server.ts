/**
 * The reference server: every package of Crewline put together. Read it as an example of how they compose, or run it as it is.
 *
 * `layer` is the whole server as a layer: built, it listens; released, it stops in this order: no new connections, followers are told
 * to come back (1012), requests under way end, the worker hands its tasks back or finishes them within the grace, its executions are
 * given up for others to adopt, the database closes. Executions that were unfinished when it starts go on by themselves.
 */
import * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"
import type * as Llm from "@crewline/core/Llm"
import * as TaskQueue from "@crewline/core/TaskQueue"
import type { Toolbox } from "@crewline/core/Toolbox"
import type * as Worker from "@crewline/core/Worker"
import * as Workspace from "@crewline/core/Workspace"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import * as AgentStore from "./AgentStore.ts"
import * as CrewStore from "./CrewStore.ts"
import * as Followers from "./Followers.ts"
import * as Http from "./Http.ts"
import * as Lifecycle from "./Lifecycle.ts"
import * as Listener from "./Listener.ts"
import * as MasterKeys from "./MasterKeys.ts"
import * as Migrations from "./Migrations.ts"
import * as ProviderModels from "./ProviderModels.ts"
import * as ProviderStore from "./ProviderStore.ts"

export interface Options<LE = never, TE = never> {
  readonly listen: Listener.Options
  readonly database: Database.Options
  /** The only directory that tools read and output files are written to. */
  readonly workspace: string
  /** The models of the environment; stored providers come before them. */
  readonly llm: Layer.Layer<Llm.Llm, LE>
  readonly toolbox: Layer.Layer<Toolbox, TE>
  /** What keys of providers are encrypted with; without a current one, none are stored. */
  readonly masterKeys?: MasterKeys.Options | undefined
  /** The worker in this process; `streaming` is on unless said otherwise. */
  readonly worker?: Worker.Options | undefined
  readonly followers?: Followers.Options | undefined
  /** How long another server on the same database waits before it takes up what a dead one left; default 15 seconds. */
  readonly lease?: Duration.Duration | undefined
}

/** What a running server offers to code in the same process. */
export type Services =
  | Listener.Listener
  | Crewline.Crewline
  | EventLog.EventLog
  | CrewStore.CrewStore
  | AgentStore.AgentStore
  | ProviderStore.ProviderStore
  | Llm.Llm
  | Toolbox
  | Database.Database
  | SqlClient

/** How long the work under way may still take when the server stops, in milliseconds. */
const graceMillis = 5_000

const listener = (options: Listener.Options) =>
  Layer.effect(
    Listener.Listener,
    Effect.flatMap(HttpRouter.toHttpEffect(Http.layer), (app) => Listener.make(app, options))
  ).pipe(Layer.provide(NodeHttpServer.layerHttpServices))

/** The whole server. It listens when the layer is built, and stops when it is released. */
export const layer = <LE, TE>(options: Options<LE, TE>) => {
  const database = Migrations.layer.pipe(Layer.provideMerge(Database.layer(options.database)))
  const providers = ProviderStore.layer.pipe(Layer.provide(MasterKeys.layer(options.masterKeys)))
  const stores = Layer.mergeAll(CrewStore.layer, AgentStore.layer, providers).pipe(Layer.provideMerge(database))
  const core = Crewline.layer({
    worker: { streaming: true, graceMillis, ...options.worker },
    ...(options.lease !== undefined && { leaseMillis: Duration.toMillis(options.lease) })
  }).pipe(
    Layer.provide([TaskQueue.layerLocal, Workspace.layer({ directory: options.workspace })]),
    Layer.provideMerge(Layer.mergeAll(PgEventLog.layer, ProviderModels.layer(options.llm), options.toolbox)),
    Layer.provideMerge(stores)
  )
  return listener(options.listen).pipe(
    Layer.provide([Followers.layerWith(options.followers ?? {})]),
    Layer.provide(Lifecycle.layer),
    Layer.provideMerge(core),
    Layer.provide(NodeServices.layer)
  )
}

/** `HOST`, `PORT` and `CREWLINE_ALLOWED_HOSTS` (names, separated by commas, that the server may be called by besides its own). */
export const listenConfig: Config.Config<Listener.Options> = Config.map(
  Config.all({
    host: Config.withDefault(Config.NonEmptyString("HOST"), "127.0.0.1"),
    port: Config.withDefault(Config.Port("PORT"), 4747),
    allowedHosts: Config.withDefault(Config.String("CREWLINE_ALLOWED_HOSTS"), "")
  }),
  ({ allowedHosts, ...listen }) => ({
    ...listen,
    allowedHosts: allowedHosts
      .split(",")
      .map((host) => host.trim())
      .filter((host) => host !== "")
  })
)

/** Shorter ones would keep the database busy with renewals, and be lost in every pause of the process. */
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
