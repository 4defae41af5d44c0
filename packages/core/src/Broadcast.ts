/**
 * Carries short texts to every process that shares an event log: which executions have new events, and passing deltas. A process that is
 * alone needs none.
 *
 * - Lossy: a text arrives at a listener once or never, those of one sender in their order. Who depends on it must not lose more than
 *   time: followers look for themselves too.
 * - Senders may hear themselves.
 * - Nothing here fails: what cannot be sent is lost, and a listener whose connection was cut listens again.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

export interface Listener {
  /** It listens from now on; what was sent before may be lost. Told again after each interruption. */
  readonly opened: Effect.Effect<void>
  readonly received: (text: string) => Effect.Effect<void>
}

export class Broadcast extends Context.Service<
  Broadcast,
  {
    /** Texts with more bytes in UTF-8 than this cannot be sent. */
    readonly maxBytes: number
    readonly send: (texts: NonEmptyReadonlyArray<string>) => Effect.Effect<void>
    /** Listens until it is interrupted. */
    readonly listen: (listener: Listener) => Effect.Effect<never>
  }
>()("@crewline/core/Broadcast") {}
