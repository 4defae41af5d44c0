/**
 * The event log and the task queue of a client. Parts that only some programs need are loaded when
 * they are needed.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as EventLog from "@crewline/core/EventLog"
import * as LocalEventLog from "@crewline/core/LocalEventLog"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Memory from "@crewline/core/Memory"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Options } from "../Client.ts"
import * as Missing from "../Missing.ts"
import * as HeldTasks from "./HeldTasks.ts"
import type { KeepAlive } from "./KeepAlive.ts"
import * as MemoryEmbedder from "./MemoryEmbedder.ts"

const load = <A, E, R>(build: () => Promise<Layer.Layer<A, E, R>>): Layer.Layer<A, unknown, R> =>
  Layer.unwrap(Effect.tryPromise({ try: build, catch: (error) => error }))

/**
 * The log of `log`, `database` or `directory`, otherwise an in-process one; and the memory of
 * `memory`, otherwise in the same place as the log.
 */
export const stored = (
  options: Options,
  onAdopted: (executions: Adopted) => void
): Layer.Layer<EventLog.EventLog | Memory.Memory, unknown> => {
  const { memory = true } = options
  return memory === true
    ? Layer.unwrap(Effect.map(MemoryEmbedder.find(options), (embedder) => both(options, onAdopted, embedder)))
    : Layer.merge(both(options, onAdopted), memory)
}

type Service = Embedder.Embedder["Service"]

const local = (embedder: Service | undefined) =>
  embedder === undefined
    ? Memory.layerLocal
    : Layer.provide(Memory.layerLocalEmbedded, Layer.succeed(Embedder.Embedder, embedder))

const both = (
  { database, directory, log: given }: Options,
  onAdopted: (executions: Adopted) => void,
  embedder?: Service
): Layer.Layer<EventLog.EventLog | Memory.Memory, unknown> => {
  if (given !== undefined) return Layer.merge(given, local(embedder))
  if (database === undefined && directory === undefined) return Layer.merge(LocalEventLog.layerLocal, local(embedder))
  const needed = database === undefined ? "A directory for executions" : "A database for executions"
  return load(async () => {
    const absent = Missing.packageOf("@crewline/memory-pg", needed)
    const Database = await import("@crewline/memory-pg/Database").catch(absent)
    const PgEventLog = await import("@crewline/memory-pg/PgEventLog").catch(absent)
    const PgMemory = await import("@crewline/memory-pg/PgMemory").catch(absent)
    if (database !== undefined) {
      const { parse } = await import("@crewline/memory-pg/PostgresUrl").catch(absent)
      const { ConnectionError, SqlError } = await import("effect/sql/SqlError")
      Result.getOrThrowWith(parse(database), (problem) => {
        const message = `${ofOption("database", `invalid PostgreSQL URL: ${problem}`)}.`
        return new SqlError({
          reason: new ConnectionError({ cause: new Error(message), message, operation: "connect" })
        })
      })
    }
    const vectors = embedder !== undefined
    const opened =
      database === undefined
        ? Database.layer({ kind: "embedded", directory: directory!, vectors })
        : Database.layer({ kind: "server", url: Redacted.make(database), unref: true, vectors })
    return reporting(Layer.provide(Layer.merge(PgEventLog.layer, PgMemory.layerWith(embedder)), opened), onAdopted)
  })
}

/** Names the option. The value itself is not repeated: it may hold a password. */
const ofOption = (option: string, problem: string): string =>
  `The option "${option}" has an ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`

/** Executions that this process owns, started here or taken over. */
export type Adopted = Effect.Success<ReturnType<EventLog.EventLog["Service"]["adopt"]>>

/**
 * Only this process runs the executions that the log gives to it, so it has to stay alive for them.
 */
const reporting = <More, E, R>(
  log: Layer.Layer<EventLog.EventLog | More, E, R>,
  onAdopted: (executions: Adopted) => void
): Layer.Layer<EventLog.EventLog | More, E, R> =>
  Layer.effect(
    EventLog.EventLog,
    Effect.map(EventLog.EventLog, (service) => ({
      ...service,
      adopt: (options) =>
        service.adopt(options).pipe(
          Effect.tap((executions) => Effect.sync(() => onAdopted(executions))),
          Effect.tapCause(() => Effect.sync(() => onAdopted([])))
        )
    }))
  ).pipe(Layer.provideMerge(log))

/** Whether `log` reports what each sweep adopts. */
export const reportsAdopted = ({ database, directory, log: given }: Options): boolean =>
  given === undefined && (database !== undefined || directory !== undefined)

/** Whether executions outlive this process. */
export const isDurable = ({ database, directory, log: given }: Options): boolean =>
  given !== undefined || database !== undefined || directory !== undefined

/**
 * The queue of `queue`; with Redis and a database, one that processes share; otherwise an
 * in-process one.
 */
export const queue = (options: Options, alive: KeepAlive): Layer.Layer<TaskQueue.TaskQueue, unknown> => {
  if (options.queue !== undefined) return options.queue
  const { database, leaseMillis, redis } = options
  if (redis === undefined || database === undefined) return LocalTaskQueue.layerLocal
  return load(async () => {
    const RedisTaskQueue = await import("@crewline/queue-redis/RedisTaskQueue").catch(absentRedis)
    const shared = RedisTaskQueue.layer({
      ...(leaseMillis !== undefined && { leaseMillis }),
      ...(typeof redis === "object" && redis.prefix !== undefined && { prefix: redis.prefix })
    })
    return HeldTasks.layer(Layer.provide(shared, await connection(redis)), alive)
  })
}

/** Effect's `Redis` service, by which models share limits and budgets, where there is one. */
export const shared = ({ redis }: Options): Layer.Layer<Redis.Redis, unknown> | undefined =>
  redis === undefined ? undefined : load(() => connection(redis))

const absentRedis = Missing.packageOf("@crewline/queue-redis", "The option redis")

const connection = async (redis: NonNullable<Options["redis"]>) => {
  const RedisConnection = await import("@crewline/queue-redis/RedisConnection").catch(absentRedis)
  const [option, url] = typeof redis === "string" ? ["redis", redis] : ["redis.url", redis.url]
  return RedisConnection.layer({ url: Redacted.make(url), unref: true }).pipe(
    Layer.catch((error) => {
      const { address, description, reason } = error
      const named = { address, reason, description: ofOption(option, description) }
      return Layer.effectContext(
        Effect.fail(reason === "invalid-url" ? new RedisConnection.RedisConnectionError(named) : error)
      )
    })
  )
}
