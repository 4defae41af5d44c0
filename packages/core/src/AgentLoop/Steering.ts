/** What people tell an agent while it works. */
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import type { MessageSent } from "../ExecutionEvent.ts"

export interface Steering {
  /**
   * Messages after the one with this seq, by their seq, as far as this process knows; reads
   * nothing.
   */
  readonly since: (seq: number) => ReadonlyArray<number>
  readonly read: (seq: number) => Effect.Effect<MessageSent, EventLog.EventLogError>
}

/** Nobody says anything. */
export const nothing: Steering = { since: () => [], read: () => Effect.die("There are no messages.") }
