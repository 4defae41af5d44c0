/** Reading what the log has that is not known here yet. */
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import type * as Execution from "../../Execution.ts"
import type { Committed, Entry } from "./Entry.ts"
import type { Folds } from "./Folds.ts"

type Listener = (read: Committed) => void

export interface Reading {
  /** The state as of now. */
  readonly refresh: (entry: Entry) => Effect.Effect<Execution.Execution, EventLog.EventLogError>
  /** Is told of what is read of an execution that was known before. */
  readonly onRead: (listener: Listener) => void
}

export const make = (log: EventLog.EventLog["Service"], folds: Folds): Reading => {
  const listeners = new Set<Listener>()
  return {
    refresh: (entry) =>
      Effect.flatMap(log.read(entry.id, { after: entry.state?.lastSeq ?? 0, payloads: false }), (events) => {
        const isKnown = entry.state !== undefined
        folds.absorb(entry, events)
        const { state } = entry
        if (state === undefined) {
          const reason = new EventLog.UnknownExecution({ executionId: entry.id })
          return Effect.fail(new EventLog.EventLogError({ operation: "read", reason }))
        }
        if (isKnown && events.length > 0) for (const listener of listeners) listener({ events, state })
        return Effect.succeed(state)
      }),
    onRead: (listener) => {
      listeners.add(listener)
    }
  }
}
