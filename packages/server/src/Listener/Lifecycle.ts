/**
 * Whether the server accepts work or is about to stop. Streams that would never end by themselves
 * observe it.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export class Lifecycle extends Context.Service<
  Lifecycle,
  {
    /** True once the server was asked to stop. */
    readonly isStopping: Effect.Effect<boolean>
    /** Returns when the server was asked to stop. */
    readonly stopping: Effect.Effect<void>
    /** Tells all parts that the server stops. */
    readonly stop: Effect.Effect<void>
  }
>()("@crewline/server/Listener/Lifecycle") {}

export const layer: Layer.Layer<Lifecycle> = Layer.effect(
  Lifecycle,
  Effect.gen(function* () {
    const stopped = yield* Deferred.make<void>()
    return {
      isStopping: Deferred.isDone(stopped),
      stopping: Deferred.await(stopped),
      stop: Effect.asVoid(Deferred.succeed(stopped, undefined))
    }
  })
)
