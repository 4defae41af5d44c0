/**
 * `TaskQueue` over Redis, for any number of workers on any number of machines. Lua scripts, so that
 * each operation is one atomic step; workers pull, Redis coordinates.
 *
 * - Leases use Redis' clock and last `leaseMillis` unless renewed; one heartbeat renews all leases
 *   of a process. The task of a dead worker is handed out again when its lease expires.
 * - Every call may be repeated: each step carries a number, and the last reply of each client is
 *   kept.
 * - While Redis is unreachable, calls wait for up to `giveUpMillis`; after that they count as lost,
 *   and the sweep repairs the state.
 * - An execution leaves no key behind when it is forgotten; when none is left there are no keys at
 *   all, but for counters and the last replies of clients, which go away by themselves, and workers
 *   that are enlisted.
 * - The keys of a bucket share one hash tag, and no script touches a key that it was not given: a
 *   cluster will do.
 */
import * as LostLeases from "@crewline/core/LostLeases"
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RedisConnection } from "./RedisConnection.ts"
import type { Bell } from "./RedisTaskQueue/Bells.ts"
import * as Bucket from "./RedisTaskQueue/Bucket.ts"
import * as Buckets from "./RedisTaskQueue/Buckets.ts"
import * as RedisTransport from "./RedisTransport.ts"

export type { Bell, Ready } from "./RedisTaskQueue/Bells.ts"

export interface Options extends TaskQueue.Options {
  /**
   * What every key begins with; queues with different prefixes know nothing of each other. Default
   * `crewline`.
   */
  readonly prefix?: string
  /**
   * How long a worker may be silent before its tasks are handed out again, in milliseconds; default
   * 15,000.
   */
  readonly leaseMillis?: number
  /** How often leases are renewed, in milliseconds; default a third of the lease. */
  readonly heartbeatMillis?: number
  /** How long a call tries to reach Redis, in milliseconds; default 10,000. */
  readonly giveUpMillis?: number
  /**
   * Number of buckets that executions are spread over; default 1. Each bucket has a separate hash
   * tag, so a cluster places them on different nodes. Order, fair shares and lane limits apply
   * within each bucket. All processes must use the same number.
   */
  readonly buckets?: number
  /**
   * How often a worker that waits looks by itself, in case no message reached it, in milliseconds;
   * default 5,000, and at most as long as a lease.
   */
  readonly pollMillis?: number
  /**
   * For how long the process stays awake for Redis' answer to a step, in microseconds; default 0:
   * it sleeps. With 300 and a Redis on the same machine, a chain of short tasks is a quarter
   * faster, for half as much again of processor time; farther away, or where others need the
   * processor, it only costs.
   */
  readonly busyPollMicros?: number
}

/**
 * All parts of a queue, as one. `bellOf`: who says that something is ready in a part; default
 * Redis.
 */
export const make = <E, R>(options: Options, bellOf?: (bucket: number) => Effect.Effect<Bell, E, R>) =>
  Effect.suspend(() => {
    const leaseMillis = options.leaseMillis ?? 15_000
    const settings: Bucket.Settings = {
      prefix: options.prefix ?? "crewline",
      lanes: options.lanes ?? {},
      leaseMillis,
      heartbeatMillis: options.heartbeatMillis ?? leaseMillis / 3,
      giveUpMillis: options.giveUpMillis ?? 10_000,
      // A worker that waits must have looked before any lease that it does not know of can end.
      pollMillis: Math.min(options.pollMillis ?? 5_000, leaseMillis),
      busyPollMicros: options.busyPollMicros ?? 0
    }
    // One for all buckets: a worker asks once.
    const lost = LostLeases.make()
    const bucketOf = (bucket: number) =>
      Effect.flatMap(bellOf === undefined ? Effect.undefined : bellOf(bucket), (bell) =>
        Bucket.make(settings, bucket, lost, bell)
      )
    return Effect.map(Effect.forEach(Array.from({ length: options.buckets ?? 1 }).keys(), bucketOf), Buckets.combine)
  })

/** Over a transport: what the tests put between queue and server. */
export const layerTransport = (
  options: Options = {}
): Layer.Layer<TaskQueue.TaskQueue, never, RedisTransport.RedisTransport> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))

/** Over the connection. */
export const layer = (options: Options = {}): Layer.Layer<TaskQueue.TaskQueue, never, RedisConnection> =>
  Layer.provide(layerTransport(options), RedisTransport.layer)
