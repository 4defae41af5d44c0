import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"
import * as RedisTransport from "../src/RedisTransport.ts"
import * as RedisServer from "./RedisServer.ts"

if (RedisServer.missing !== undefined) console.warn(`Skipped: ${RedisServer.missing}`)
describe.skipIf(RedisServer.missing !== undefined)(RedisServer.missing ?? "RedisTransport", () => {
  it.effect("an exception in a listener is logged, and it receives the next message", () => {
    const logged: Array<string> = []
    const channel = RedisServer.fresh("transport")
    return Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const transport = yield* RedisTransport.RedisTransport
      const begun = yield* Deferred.make<void>()
      const heard = yield* Deferred.make<unknown>()
      yield* transport.listen(
        channel,
        (message) => Deferred.doneUnsafe(heard, Effect.succeed(JSON.parse(message))),
        () => Deferred.doneUnsafe(begun, Effect.void)
      )
      yield* Deferred.await(begun)
      yield* redis.send("PUBLISH", channel, "{")
      yield* redis.send("PUBLISH", channel, "[1]")
      assert.deepStrictEqual(yield* Deferred.await(heard), [1])
      assert.isTrue(logged.some((message) => message.includes(`Reading a message of ${channel} failed`)))
    }).pipe(
      Effect.provide(RedisTransport.layer.pipe(Layer.provideMerge(RedisServer.layerNamed(channel)))),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])),
      Effect.scoped
    )
  })
})
