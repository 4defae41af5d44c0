/** `RedisTaskQueue` on a real server, under separate keys, with the time of the test clock. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as TestClock from "effect/testing/TestClock"
import type * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import * as RedisTransport from "../src/RedisTransport.ts"
import { mutate } from "./Mutant.ts"
import * as RedisServer from "./RedisServer.ts"

/** What a test can access besides the port of the queue. */
export class Backstage extends Context.Service<
  Backstage,
  {
    /** Waits until no call is in progress, and all replies have arrived. */
    readonly quiesce: Effect.Effect<void>
    /** Lets time pass while the process does nothing, as under SIGSTOP. */
    readonly freeze: (millis: number) => Effect.Effect<void>
    /** The keys without an expiry. */
    readonly remains: Effect.Effect<ReadonlyArray<string>>
  }
>()("@crewline/queue-redis/test/Backstage") {}

const leaseMillis = 15_000

/** `around`: intercepts calls. */
export interface Options extends RedisTaskQueue.Options {
  readonly connection?: Layer.Layer<RedisConnection.RedisConnection | Redis.Redis, RedisConnection.RedisConnectionError>
  /** A different layer on the same scripts. */
  readonly queue?: (
    options: RedisTaskQueue.Options
  ) => Layer.Layer<TaskQueue.TaskQueue, never, RedisTransport.RedisTransport | RedisConnection.RedisConnection>
  readonly around?: (run: RedisTransport.RedisTransport["Service"]["run"]) => typeof run
}

const make = Effect.fnUntraced(function* (options: Omit<Options, "connection">) {
  const { around = (run) => run, queue: layerOf = RedisTaskQueue.layerTransport, ...settings } = options
  const real = yield* RedisTransport.RedisTransport
  const redis = yield* Redis.Redis
  const testClock = yield* Clock.Clock
  const prefix = RedisServer.fresh("queue")
  const from = Date.now()
  let frozenMillis = 0
  let underWay = 0
  /** Every key that was passed to a script, which may touch no other. */
  const given = new Set<string>()

  const clock: Clock.Clock = {
    ...testClock,
    currentTimeMillisUnsafe: () => testClock.currentTimeMillisUnsafe() + frozenMillis,
    currentTimeNanosUnsafe: () => testClock.currentTimeNanosUnsafe() + BigInt(frozenMillis) * 1_000_000n,
    monotonicTimeNanosUnsafe: () => testClock.monotonicTimeNanosUnsafe() + BigInt(frozenMillis) * 1_000_000n
  }
  // The scripts take the time from this clock instead of the server.
  const run = around((script, keys, args) =>
    Effect.suspend(() => {
      underWay++
      for (const key of keys) given.add(key)
      const time = String(from + clock.currentTimeMillisUnsafe())
      return real.run(mutate(script), keys, script.name === "stage" ? args : [time, ...args.slice(1)])
    }).pipe(Effect.ensuring(Effect.sync(() => underWay--)))
  )
  const queue = yield* Layer.build(
    layerOf({ prefix, leaseMillis, ...settings }).pipe(
      Layer.provide(Layer.succeed(RedisTransport.RedisTransport, { ...real, run })),
      Layer.provide(Layer.succeed(Clock.Clock, clock))
    )
  )
  const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  const quiesce = Effect.gen(function* () {
    for (let calm = 0; calm < 4; calm = underWay === 0 ? calm + 1 : 0) {
      yield* TestClock.adjust(0)
      yield* turn
    }
  })
  const backstage = Backstage.of({
    quiesce,
    freeze: (millis) => Effect.sync(() => void (frozenMillis += millis)),
    remains: Effect.gen(function* () {
      const kept: Array<string> = []
      for (const key of given) {
        if ((yield* redis.send<number>("PTTL", key)) === -1) kept.push(key.slice(prefix.length + 5))
      }
      return kept
    }).pipe(Effect.orDie)
  })
  return Context.add(queue, Backstage, backstage)
})

export const layer = ({
  connection = RedisServer.layerNamed("crewline-test-queue"),
  ...options
}: Options = {}): Layer.Layer<TaskQueue.TaskQueue | Backstage, RedisConnection.RedisConnectionError> =>
  Layer.effectContext(make(options)).pipe(Layer.provide(RedisTransport.layer), Layer.provide(connection))

export const quiesce: Effect.Effect<void, never, Backstage> = Effect.flatMap(
  Backstage,
  (backstage) => backstage.quiesce
)

/** Lets the queue's time pass, no faster than its heartbeat can follow. */
export const elapse = (millis: number): Effect.Effect<void, never, Backstage> =>
  Effect.gen(function* () {
    const backstage = yield* Backstage
    // A caller that is about to wait must do so before the time passes.
    yield* backstage.quiesce
    for (let left = millis; left > 0; left -= leaseMillis / 3) {
      yield* TestClock.adjust(Math.min(left, leaseMillis / 3))
      yield* backstage.quiesce
    }
  })

/** The time that passes with `expire`. */
export const expireMillis = leaseMillis + 1 + leaseMillis / 3

/** The process freezes until its leases have expired, and then continues. */
export const expire = (): Effect.Effect<void, never, Backstage> =>
  Effect.gen(function* () {
    const backstage = yield* Backstage
    yield* backstage.freeze(leaseMillis + 1)
    // Waiting callers poll from time to time.
    yield* elapse(leaseMillis / 3)
  })

export const outlive = (): Effect.Effect<void, never, Backstage> => elapse(leaseMillis * 3)

export const remains: Effect.Effect<ReadonlyArray<string>, never, Backstage> = Effect.flatMap(
  Backstage,
  (backstage) => backstage.remains
)
