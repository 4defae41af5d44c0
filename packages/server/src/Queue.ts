/**
 * The configured queue, and the configured transport of event notifications:
 *
 * - `CREWLINE_QUEUE`: `local` (default), in this process; `redis` or `bullmq`: shared by all
 *   processes on the Redis of `REDIS_URL`. `REDIS_URL` alone does not move tasks there: it was used
 *   for shared limits and budgets before, and a shared queue is a deliberate choice.
 * - `CREWLINE_EVENTS`: `postgres` (default), by NOTIFY; `redis`: over the Redis of `REDIS_URL`. An
 *   embedded database has one process.
 * - `CREWLINE_LANES`: `openai:4`: the most concurrent tasks of a lane across all workers; the same
 *   in all processes.
 * - `CREWLINE_REDIS_PREFIX`: the prefix of all keys of the queue; default `crewline`.
 * - `CREWLINE_REDIS_BUCKETS`: the number of hash tags over which a queue is spread, for clusters;
 *   default 1, the same in all processes.
 *
 * Redis is loaded only where it is configured, and the connection is the one that limits and
 * budgets use.
 */
import type * as Broadcast from "@crewline/core/Broadcast"
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import type { RedisConnectionError } from "@crewline/queue-redis/RedisConnection"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Lanes from "./Queue/Lanes.ts"

export interface Options {
  readonly kind: "local" | "redis" | "bullmq"
  readonly events: "postgres" | "redis"
  /** Maximum number of concurrent tasks of a lane, across all workers. */
  readonly lanes: Lanes.Lanes
  readonly prefix: string
  /**
   * Over how many parts the executions are spread; more than one only where one node of a cluster
   * is not enough.
   */
  readonly buckets: number
}

/** Tasks and events stay in this process, or with its database. */
export const local: Options = { kind: "local", events: "postgres", lanes: {}, prefix: "crewline", buckets: 1 }

/** Every worker asks each of them. */
const maxBuckets = 64

const refuse = (message: string) => Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))

const oneOf = <const A extends string>(name: string, value: string, all: ReadonlyArray<A>) => {
  const found = all.find((each) => each === value.trim().toLowerCase())
  return found === undefined
    ? refuse(`${name} must be ${all.slice(0, -1).join(", ")} or ${all.at(-1)}, not ${JSON.stringify(value)}`)
    : Effect.succeed(found)
}

/** Many environments set a variable to the empty string to unset it. */
const text = (name: string, none = "") =>
  Config.map(Config.withDefault(Config.String(name), ""), (value) => (value.trim() === "" ? none : value.trim()))

/** Reads and validates the configuration. */
export const config: Config.Config<Options> = Config.mapEffect(
  Config.all({
    queue: text("CREWLINE_QUEUE", "local"),
    events: text("CREWLINE_EVENTS", "postgres"),
    lanes: text("CREWLINE_LANES"),
    prefix: text("CREWLINE_REDIS_PREFIX", "crewline"),
    buckets: text("CREWLINE_REDIS_BUCKETS", "1"),
    redis: text("REDIS_URL")
  }),
  Effect.fnUntraced(function* ({ redis, ...given }) {
    const kind = yield* oneOf("CREWLINE_QUEUE", given.queue, ["local", "redis", "bullmq"])
    const events = yield* oneOf("CREWLINE_EVENTS", given.events, ["postgres", "redis"])
    const needing = kind === "local" ? (events === "redis" ? "CREWLINE_EVENTS=redis" : "") : `CREWLINE_QUEUE=${kind}`
    if (needing !== "" && redis === "") {
      return yield* refuse(`${needing} needs REDIS_URL, for example REDIS_URL=redis://127.0.0.1:6379`)
    }
    if (/[{}\s]/.test(given.prefix)) {
      return yield* refuse("CREWLINE_REDIS_PREFIX must not contain spaces or braces")
    }
    const lanes = given.lanes === "" ? Result.succeed({}) : Lanes.parse(given.lanes, 1)
    if (Result.isFailure(lanes)) return yield* refuse(`CREWLINE_LANES: ${lanes.failure}`)
    const buckets = Number(given.buckets)
    if (!Number.isInteger(buckets) || buckets < 1 || buckets > maxBuckets) {
      return yield* refuse(`CREWLINE_REDIS_BUCKETS must be 1 to ${maxBuckets}, not ${JSON.stringify(given.buckets)}`)
    }
    return { kind, events, lanes: lanes.success, prefix: given.prefix, buckets }
  })
)

type Failure = RedisConnectionError | Config.ConfigError

const load = <A, E, R>(build: () => Promise<Layer.Layer<A, E, R>>) => Layer.unwrap(Effect.promise(build))

/**
 * The queue. `leaseMillis`: how long a worker may be silent before its tasks are handed out again.
 */
export const layer = (
  { buckets, kind, lanes, prefix }: Options,
  leaseMillis?: number
): Layer.Layer<TaskQueue.TaskQueue, Failure> => {
  if (kind === "local") return LocalTaskQueue.layerLocalWith({ lanes })
  const options = { lanes, prefix, buckets, ...(leaseMillis !== undefined && { leaseMillis }) }
  return load(async () => {
    const RedisConnection = await import("@crewline/queue-redis/RedisConnection")
    const queue =
      kind === "redis"
        ? (await import("@crewline/queue-redis/RedisTaskQueue")).layer(options)
        : (await import("@crewline/queue-redis/BullTaskQueue")).layer(options)
    return Layer.provide(queue, RedisConnection.layerConfig)
  })
}

/** The transport of hints and deltas, unless the event log has its own. */
export const broadcast = ({ events, prefix }: Options): Layer.Layer<Broadcast.Broadcast, Failure> | undefined =>
  events === "postgres"
    ? undefined
    : load(async () => {
        const [RedisBroadcast, RedisConnection] = await Promise.all([
          import("@crewline/queue-redis/RedisBroadcast"),
          import("@crewline/queue-redis/RedisConnection")
        ])
        return Layer.provide(RedisBroadcast.layer({ channel: `${prefix}:events` }), RedisConnection.layerConfig)
      })

/** Whether Redis responds, and what works without it. */
export interface Probe {
  readonly stillWorks: string
  /** Fails with what is wrong, as a sentence. */
  readonly check: Effect.Effect<void, string>
}
/** Undefined: no Redis is configured. */
export const Probe = Context.Reference<Probe | undefined>("@crewline/server/Queue/Probe", {
  defaultValue: () => undefined
})

/** Provides `Probe` if any part of this server uses Redis. */
export const probe = ({ events, kind }: Options): Layer.Layer<never, Failure> =>
  Layer.unwrap(
    Effect.map(text("REDIS_URL"), (url) => {
      if (url === "") return Layer.empty
      const stillWorks = [
        kind === "local"
          ? "Tasks are still handed out, but model calls under shared limits and budgets wait."
          : "Executions are accepted and stored; their tasks start when the queue is back.",
        ...(events === "redis" ? ["Live events arrive up to a second late."] : [])
      ].join(" ")
      return load(async () => {
        const RedisConnection = await import("@crewline/queue-redis/RedisConnection")
        return Layer.effect(
          Probe,
          Effect.map(RedisConnection.RedisConnection, ({ client }) => ({
            stillWorks,
            check: Effect.asVoid(Effect.tryPromise({ try: () => client.ping(), catch: () => "It cannot be reached." }))
          }))
        ).pipe(Layer.provide(RedisConnection.layerConfig))
      })
    })
  )
