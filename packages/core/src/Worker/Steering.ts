/**
 * What the agent of a leg is told. It is known here as soon as this process has sent it, or has
 * read it: at the latest when a turn is recorded, or the outcome decided. So nobody asks the log
 * for messages that there are not.
 */
import * as Effect from "effect/Effect"
import type { Steering } from "../AgentLoop/Steering.ts"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { MessageSent } from "../ExecutionEvent.ts"
import type { Ledger } from "./Ledger.ts"

export interface Options {
  readonly ledger: Ledger["Service"]
  readonly log: EventLog.EventLog["Service"]
  /** The execution when the leg began. */
  readonly started: Execution.Execution
  readonly taskId: string
}

export const make = ({ ledger, log, started, taskId }: Options): Steering => ({
  since: (seq) => {
    const state = ledger.seen(started.id) ?? started
    return Execution.unheard(state, Execution.task(state, taskId)!, seq)
  },
  read: (seq) => Effect.map(log.read(started.id, { after: seq - 1, limit: 1 }), ([event]) => event as MessageSent)
})
