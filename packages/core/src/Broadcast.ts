/**
 * Sends short texts to every process that shares an event log: which executions have new events,
 * and text deltas. A single process needs none.
 *
 * - Lossy: a text arrives at a listener at most once, and texts of one sender in order. Consumers
 *   must lose nothing but time: followers also poll.
 * - Senders may hear themselves.
 * - Nothing here fails: what cannot be sent is lost, and a listener reconnects after a lost
 *   connection.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

export interface Listener {
  /** Called when listening starts, and again after each interruption; earlier texts may be lost. */
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
