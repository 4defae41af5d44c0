/**
 * How the queue reaches Redis: scripts, and a channel that says that something is ready or lost. A
 * script may run twice when its reply was lost; a message may be lost. A queue on top of it counts
 * on neither.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import { RedisConnection } from "./RedisConnection.ts"
import * as Invoker from "./RedisTransport/Invoker.ts"
import type { Script } from "./RedisTransport/Script.ts"

export type { Script } from "./RedisTransport/Script.ts"

export class RedisTransport extends Context.Service<
  RedisTransport,
  {
    readonly run: (
      script: Script,
      keys: ReadonlyArray<string>,
      args: ReadonlyArray<string>
    ) => Effect.Effect<unknown, Redis.RedisError>
    /**
     * Messages of a channel until the scope closes. `onReconnect` is told when it begins to hear,
     * at first and after a loss of the connection: messages from before are missing.
     */
    readonly listen: (
      channel: string,
      onMessage: (message: string) => void,
      onReconnect: () => void
    ) => Effect.Effect<void, never, Scope.Scope>
  }
>()("@crewline/queue-redis/RedisTransport") {}

const errorOf = (error: unknown) =>
  // Errors of ioredis carry the arguments of the command: only their text goes on.
  new Redis.RedisError({ cause: new Error(error instanceof Error ? error.message : String(error)) })

const make = Effect.gen(function* () {
  const { client, dedicated } = yield* RedisConnection
  const invoke = Invoker.make(client)
  const guarded = yield* Guarded.make
  return RedisTransport.of({
    run: (script, keys, args) => Effect.tryPromise({ try: () => invoke(script, keys, args), catch: errorOf }),
    listen: Effect.fnUntraced(function* (channel, onMessage, onReconnect) {
      const subscriber = yield* dedicated
      subscriber.on(
        "message",
        guarded(`Reading a message of ${channel}`, (_: string, message: string) => onMessage(message))
      )
      let isFirst = true
      subscriber.on(
        "ready",
        guarded(`Listening to ${channel} again`, () => {
          if (!isFirst) onReconnect()
          isFirst = false
        })
      )
      // While there is no connection it is tried again; until then nothing is heard, which the
      // queue expects.
      yield* Effect.forkScoped(
        Effect.ignore(Effect.tryPromise({ try: () => subscriber.subscribe(channel).then(onReconnect), catch: errorOf }))
      )
    })
  })
})

/** Over the shared connection, and one of its own for the channel. */
export const layer: Layer.Layer<RedisTransport, never, RedisConnection> = Layer.effect(RedisTransport, make)
