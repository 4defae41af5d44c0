/**
 * The real Redis server for integration tests: `TEST_REDIS_URL`, otherwise the default port of this
 * machine.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as RedisConnection from "../src/RedisConnection.ts"

export const url = new URL(process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379")

/** A separate connection, listed by the server under this name. */
export const layerNamed = (
  name: string
): Layer.Layer<RedisConnection.RedisConnection | Redis.Redis, RedisConnection.RedisConnectionError> =>
  RedisConnection.layer({ url: Redacted.make(url.href), name })

/** Why no server is available, or undefined. */
export const missing: string | undefined = await Effect.runPromise(
  Effect.flatMap(Redis.Redis, (redis) => redis.send("PING")).pipe(
    Effect.provide(layerNamed("crewline-test-probe")),
    Effect.match({
      onFailure: (error) => `no Redis at ${url.host}: ${error.message}`,
      onSuccess: () => undefined
    })
  )
)

/** A name that no other test run uses. */
export const fresh = (what: string): string =>
  `crewline-test:${what}:${process.pid}:${Math.random().toString(36).slice(2)}`

/** How many connections the server lists under this name. */
export const connections = (redis: Redis.Redis["Service"], name: string): Effect.Effect<number, Redis.RedisError> =>
  Effect.map(
    redis.send<string>("CLIENT", "LIST"),
    (list) => list.split("\n").filter((line) => line.includes(` name=${name} `)).length
  )
