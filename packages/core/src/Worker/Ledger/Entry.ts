/** One execution in the ledger: the fold of its events and its pending decisions. */
import type * as Deferred from "effect/Deferred"
import type * as Result from "effect/Result"
import type * as Decision from "../../Decision.ts"
import type * as EventLog from "../../EventLog.ts"
import * as Execution from "../../Execution.ts"
import type { ExecutionEvent } from "../../ExecutionEvent.ts"

/** What a decision came to. `state` includes its events. */
export interface Committed {
  readonly events: ReadonlyArray<ExecutionEvent>
  readonly state: Execution.Execution
}

export type Answer = Result.Result<Committed, Decision.Refusal>

export interface Request {
  readonly command: Decision.Command
  readonly answer: Deferred.Deferred<Answer, EventLog.EventLogError>
}

export class Entry {
  readonly id: string
  readonly tenant: string
  /** Absent until the log was read. */
  state: Execution.Execution | undefined = undefined
  /** Events that came back before an earlier one did. */
  readonly ahead = new Map<number, ExecutionEvent>()
  /** Decisions that are asked for, in order. */
  readonly requests: Array<Request> = []
  /** Decisions are being taken. */
  busy = false
  /** Tasks of the state, and one. */
  weight = 0
  /** Callers that wait for the end. */
  readonly leaving = new Set<() => void>()

  constructor(id: string, tenant: string) {
    this.id = id
    this.tenant = tenant
  }

  /** Adds events in the order of `seq`, whatever the order in which they come. */
  add(events: ReadonlyArray<ExecutionEvent>): void {
    for (const event of events) {
      const { state } = this
      if (state === undefined) {
        if (event.type === "ExecutionStarted") this.state = Execution.make(event)
      } else if (event.seq === state.lastSeq + 1) this.state = Execution.apply(state, event)
      else if (event.seq > state.lastSeq) this.ahead.set(event.seq, event)
    }
    if (this.ahead.size > 0 && this.state !== undefined) this.catchUp(this.state)
  }

  private catchUp(from: Execution.Execution): void {
    let state = from
    for (const seq of [...this.ahead.keys()].sort((a, b) => a - b)) {
      if (seq > state.lastSeq + 1) break
      if (seq === state.lastSeq + 1) state = Execution.apply(state, this.ahead.get(seq)!)
      this.ahead.delete(seq)
    }
    this.state = state
  }

  /** Wakes callers that wait for the end. */
  leave(): void {
    for (const resume of this.leaving) resume()
    this.leaving.clear()
  }
}
