/** The Redis of tests that need one: `TEST_REDIS_URL`, else the usual port of this machine. */
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"

export const url = process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379"

/** On a connection of its own. */
export const use = <A>(ask: (redis: Redis.Redis["Service"]) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.flatMap(Redis.Redis, ask).pipe(
    Effect.provide(RedisConnection.layer({ url: Redacted.make(url) })),
    Effect.runPromise
  )

/** Why there is none, or undefined. */
export const missing = (): Promise<string | undefined> =>
  use((redis) => redis.send("PING")).then(
    () => undefined,
    (error: unknown) => `no Redis: ${String(error)}`
  )

/** All keys of a queue. */
export const clear = (prefix: string): Promise<void> =>
  use((redis) =>
    Effect.gen(function* () {
      const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", `{${prefix}:*`)
      if (keys.length > 0) yield* redis.send("DEL", ...keys)
    })
  )
