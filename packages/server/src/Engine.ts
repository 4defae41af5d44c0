/**
 * The part that runs executions, without a listener: database, event log, queue, models, tools, and
 * the worker of this process. A server is this plus HTTP; `crewline worker` is this alone. Any
 * number of both may share a database and a queue.
 *
 * On release, the worker takes no more tasks, finishes running ones within the grace period or
 * hands them back, and its executions are released for others to adopt; then the database closes.
 */
import * as Crewline from "@crewline/core/Crewline"
import type * as Embedder from "@crewline/core/Embedder"
import type * as EventLog from "@crewline/core/EventLog"
import * as Generator from "@crewline/core/Generator"
import * as Llm from "@crewline/core/Llm"
import type * as Memory from "@crewline/core/Memory"
import type * as Outbox from "@crewline/core/Outbox"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import type { Secrets } from "@crewline/core/Secrets"
import type { Toolbox } from "@crewline/core/Toolbox"
import type * as Worker from "@crewline/core/Worker"
import type * as Workspace from "@crewline/core/Workspace"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as PgWorkspace from "@crewline/memory-pg/PgWorkspace"
import * as ProcessIdentity from "@crewline/memory-pg/ProcessIdentity"
import * as GuardedDirectory from "@crewline/tools/GuardedDirectory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import * as AgentStore from "./ResourceStore/Agents.ts"
import * as CrewStore from "./ResourceStore/Crews.ts"
import * as MasterKeys from "./ResourceStore/MasterKeys.ts"
import * as Dependencies from "./Dependencies.ts"
import * as Journal from "./Journal.ts"
import * as Migrations from "./Migrations.ts"
import * as ProviderModels from "./ProviderModels.ts"
import * as ProviderStore from "./ResourceStore/Providers.ts"
import * as SecretStore from "./ResourceStore/Secrets.ts"
import * as TenantEmbedder from "./TenantEmbedder.ts"
import * as ToolApiStore from "./ResourceStore/ToolApis.ts"
import * as ToolPolicies from "./ToolPolicies.ts"
import * as ToolRegistry from "./ToolRegistry.ts"
import * as ToolSecrets from "./ToolSecrets.ts"
import * as Queue from "./Queue.ts"
import * as Retention from "./Retention.ts"
import * as YoungGeneration from "./YoungGeneration.ts"

export interface Options<LE = never, TE = never> {
  readonly database: Database.Options
  /**
   * A directory of files that every execution can read. Files that executions write are stored in
   * the database.
   */
  readonly workspace: string
  /** The most bytes that the files of one execution may have together; default 256 MiB. */
  readonly maxTotalBytes?: number | undefined
  /** The models of the environment; stored providers come before them. */
  readonly llm: Layer.Layer<Llm.Llm, LE>
  /** Tools read from `Secrets` the values that API clients stored, separately for each tenant. */
  readonly toolbox: Layer.Layer<Toolbox, TE, Secrets>
  /** The master keys that encrypt provider keys; without a current one, none can be stored. */
  readonly masterKeys?: MasterKeys.Options | undefined
  /**
   * The worker in this process; `streaming` is on by default. With a concurrency of 0 it takes no
   * tasks. A unique suffix is added to its name.
   */
  readonly worker?: Worker.Options | undefined
  /** The memory of crews with `memory: true`. Default: that of the database. */
  readonly memory?: Layer.Layer<Memory.Memory> | undefined
  /**
   * The embedder for memories, so that the memory of the database recalls by meaning. By default,
   * and if the database has no pgvector, it recalls by words. One named `builtin/…` serves all
   * tenants, others those that the keys of the environment serve (`TenantEmbedder`).
   */
  readonly embedder?: Embedder.Embedder["Service"] | undefined
  /** Default: tasks are handed out in this process. */
  readonly queue?: Queue.Options | undefined
  /**
   * How long another process waits before it takes over the work of a dead one; default 15 seconds.
   */
  readonly lease?: Duration.Duration | undefined
  /** The most unfinished executions of a tenant; default: any number. */
  readonly maxUnfinished?: number | undefined
  /** Executions are deleted this long after their end; default: never. */
  readonly retention?: Duration.Duration | undefined
  /**
   * Whether providers that clients of the API stored may have private and reserved addresses.
   * Default: `Server` allows them while it listens on this machine only; without a listener they
   * are refused.
   */
  readonly allowsAnyAddress?: boolean | undefined
  /**
   * False: executions cannot be followed here, and no connection listens for events of others.
   * Default true.
   */
  readonly follows?: boolean | undefined
}

/** The services for code in the same process. */
export type Services =
  | Crewline.Crewline
  | Worker.Worker
  | TaskQueue.TaskQueue
  | EventLog.EventLog
  | Outbox.Outbox
  | Memory.Memory
  | CrewStore.CrewStore
  | AgentStore.AgentStore
  | ProviderStore.ProviderStore
  | SecretStore.SecretStore
  | Llm.Llm
  | Toolbox
  | ToolPolicies.ToolPolicies
  | ToolRegistry.ToolRegistry
  | Workspace.Workspace
  | Database.Database
  | Dependencies.Dependencies
  | SqlClient

/** The grace period for running work when the process stops, in milliseconds. */
const graceMillis = 5_000

/** Of the young generation beside an embedded database. */
const embeddedYoungMegabytes = 8

/** With the first model call the process is no longer idle. */
const growing = ({ kind }: Database.Options) =>
  Layer.effect(
    Llm.Llm,
    Effect.map(Llm.Llm, (llm) =>
      Llm.Llm.of({
        ...llm,
        resolve: (reference) => {
          YoungGeneration.letGrow(kind === "server" ? undefined : embeddedYoungMegabytes)
          return llm.resolve(reference)
        }
      })
    )
  )

/** The engine runs once it is built. */
export const layer = <LE, TE>(options: Options<LE, TE>) =>
  Layer.unwrap(
    Effect.sync(() => {
      const host = hostname()
      const label = options.worker?.name ?? host.split(".")[0]!
      // Two workers with the same name would treat each other's executions as their own.
      const name = `${label}-${randomBytes(4).toString("hex")}`
      const leaseMillis = options.lease === undefined ? undefined : Duration.toMillis(options.lease)
      const choice = options.queue ?? Queue.local
      const queue = Queue.layer(choice, leaseMillis)
      const broadcast = Queue.broadcast(choice)

      const database = Migrations.layer.pipe(
        Layer.provideMerge(Database.layer({ ...options.database, vectors: options.embedder !== undefined }))
      )
      const sealed = Layer.mergeAll(ProviderStore.layer, SecretStore.layer).pipe(
        Layer.provide(MasterKeys.layer(options.masterKeys))
      )
      const toolbox = ToolSecrets.guarded(ToolRegistry.toolbox(options.toolbox)).pipe(
        Layer.provideMerge(Layer.mergeAll(ToolRegistry.layer, ToolPolicies.layer)),
        Layer.provide(ToolSecrets.layer)
      )
      const stores = Layer.mergeAll(CrewStore.layer, AgentStore.layer, ToolApiStore.layer, sealed).pipe(
        Layer.provideMerge(database)
      )
      const logOnly = PgEventLog.layerWith({ listens: options.follows ?? true })
      const dependencies = Dependencies.layer.pipe(Layer.provide(Queue.probe(choice)))
      const stored = Dependencies.layerWatched(broadcast === undefined ? logOnly : Layer.provide(logOnly, broadcast))
      const log = Journal.layerJournaled(stored)

      const models = growing(options.database).pipe(Layer.provideMerge(ProviderModels.layer(options.llm, options)))

      return Crewline.layer({
        worker: { streaming: true, graceMillis, host, ...options.worker, name },
        maxUnfinished: options.maxUnfinished,
        // Generations that were started elsewhere continue here.
        crews: [Generator.crew],
        ...(leaseMillis !== undefined && { leaseMillis })
      }).pipe(
        Layer.provide(ProcessIdentity.layer),
        Layer.provideMerge(
          PgWorkspace.layer({
            base: GuardedDirectory.make({ directory: options.workspace }),
            ...(options.maxTotalBytes !== undefined && { maxTotalBytes: options.maxTotalBytes })
          })
        ),
        Layer.merge(Retention.layerMemories()),
        Layer.provideMerge(options.memory ?? TenantEmbedder.memoryLayer(options.embedder, options)),
        Layer.merge(Retention.layer(options.retention)),
        Layer.provideMerge(Layer.mergeAll(log, queue, models, toolbox)),
        Layer.provideMerge(dependencies),
        Layer.provideMerge(stores)
      )
    })
  )
