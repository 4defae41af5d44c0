/** `RedisTaskQueue` on the real server, under keys of its own, in the time of the test's clock. */
import type * as TaskQueue from "@crewline/core/TaskQueue"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import * as RedisTransport from "../src/RedisTransport.ts"
import * as RedisServer from "./RedisServer.ts"

/** The scripts take the time from the clock of whoever runs this, not from the server. */
export const transport: Layer.Layer<RedisTransport.RedisTransport, never, RedisConnection.RedisConnection> =
  Layer.effect(
    RedisTransport.RedisTransport,
    Effect.gen(function* () {
      const real = yield* RedisTransport.RedisTransport
      const clock = yield* Clock.Clock
      const from = Date.now()
      return RedisTransport.RedisTransport.of({
        ...real,
        run: (script, keys, args) =>
          real.run(
            script,
            keys,
            script.name === "stage" ? args : [String(from + clock.currentTimeMillisUnsafe()), ...args.slice(1)]
          )
      })
    })
  ).pipe(Layer.provide(RedisTransport.layer))

export const layer = (
  options: RedisTaskQueue.Options = {}
): Layer.Layer<TaskQueue.TaskQueue, RedisConnection.RedisConnectionError> =>
  Layer.unwrap(
    Effect.sync(() =>
      RedisTaskQueue.layerTransport({ prefix: RedisServer.fresh("queue"), ...options }).pipe(
        Layer.provide(transport),
        Layer.provide(RedisServer.layerNamed("crewline-test-queue"))
      )
    )
  )

/** Lets the queue's time pass, and what is under way arrive. */
export const elapse = (millis: number): Effect.Effect<void> =>
  Effect.andThen(
    TestClock.adjust(millis),
    Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
  )
