/**
 * Messages between processes on one Redis, by PUBLISH and SUBSCRIBE. A listener has a separate
 * connection. In a cluster, every node forwards every message. Any user that can connect to this
 * Redis can listen: messages are not confined to a tenant.
 */
import * as Broadcast from "@crewline/core/Broadcast"
import * as Guarded from "@crewline/core/Guarded"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as RedisConnection from "./RedisConnection.ts"

export interface Options {
  /**
   * Processes of one log use one channel, those of different logs different ones: a channel knows
   * no databases. Default `crewline:events`.
   */
  readonly channel?: string | undefined
}

/** Enough that many small texts travel as one, and none holds up the commands behind it. */
const maxBytes = 64 * 1024

const retryMillis = 1_000

const make = ({ channel = "crewline:events" }: Options) =>
  Effect.map(RedisConnection.RedisConnection, ({ client, subscriber }): Broadcast.Broadcast["Service"] => ({
    maxBytes,
    send: (texts) =>
      // Sent in one go, answered one by one; on one connection they keep their order.
      Effect.promise(() => Promise.allSettled(texts.map((text) => client.publish(channel, text)))).pipe(
        Effect.flatMap((answers) => {
          const lost = answers.find((answer) => answer.status === "rejected")
          return lost === undefined
            ? Effect.void
            : Effect.logDebug("Failed to notify other processes of new events; they will poll instead", lost.reason)
        })
      ),
    listen: ({ opened, received }) =>
      Effect.scoped(
        Effect.gen(function* () {
          const connection = yield* subscriber
          const heard = yield* Queue.unbounded<string, Cause.Done>()
          const guarded = yield* Guarded.make
          connection.on(
            "message",
            guarded("Handling a message about new events", (_channel: string, text: string) =>
              Queue.offerUnsafe(heard, text)
            )
          )
          connection.once(
            "end",
            guarded("Handling the loss of the connection for new events", () => Queue.endUnsafe(heard))
          )
          yield* Effect.tryPromise(() => connection.subscribe(channel))
          yield* opened
          while (true) yield* received(yield* Queue.take(heard))
        })
      ).pipe(
        Effect.catchCause((cause) =>
          Effect.logDebug("Lost the connection that listens for new events; reconnecting", cause)
        ),
        Effect.andThen(Effect.sleep(retryMillis)),
        Effect.forever
      )
  }))

/** Over the current connection. */
export const layer = (
  options: Options = {}
): Layer.Layer<Broadcast.Broadcast, never, RedisConnection.RedisConnection> =>
  Layer.effect(Broadcast.Broadcast, make(options))
