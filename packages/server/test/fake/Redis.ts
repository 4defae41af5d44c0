/** The Redis server for tests. */
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as RedisServer from "../../../queue-redis/test/RedisServer.ts"

export { missing } from "../../../queue-redis/test/RedisServer.ts"
export const url = RedisServer.url.href

/** Runs a command on a separate connection. */
export const use = <A>(ask: (redis: Redis.Redis["Service"]) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.flatMap(Redis.Redis, ask).pipe(Effect.provide(RedisServer.layerNamed("crewline-test")), Effect.runPromise)

/** All keys of a queue. */
export const clear = (prefix: string): Promise<void> =>
  use((redis) =>
    Effect.gen(function* () {
      const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", `{${prefix}:*`)
      if (keys.length > 0) yield* redis.send("DEL", ...keys)
    })
  )
