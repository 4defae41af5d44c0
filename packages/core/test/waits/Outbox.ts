/**
 * The follow-up of outcomes outside the log: one row for each, served by its writer, or by a sweep
 * for abandoned rows.
 */
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Rules } from "./Rules.ts"
import type { Act } from "./Leg.ts"
import { Violation } from "./Violation.ts"

/** How long a claimed row is reserved for its holder, in milliseconds. */
const leaseMillis = 40

export class Outbox {
  /** When each can be claimed, by the task that it is about. */
  private readonly rows = new Map<string, number>()
  /** How often each follow-up was done. */
  private readonly saved = new Map<string, number>()
  private readonly owed = new Set<string>()
  private readonly rules: Rules
  private readonly now: () => number

  constructor(rules: Rules, now: () => number) {
    this.rules = rules
    this.now = now
  }

  /** Stored with the events of an append. */
  commit(events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    for (const event of events) {
      if (event.type !== "TaskCompleted") continue
      this.owed.add(event.taskId)
      if (this.rules.outboxSameAppend) this.add(event.taskId)
    }
  }

  add(taskId: string): void {
    this.rows.set(taskId, this.now() + leaseMillis)
  }

  /** Claims the rows that have no holder. */
  claim(): ReadonlyArray<string> {
    const due = [...this.rows].flatMap(([taskId, dueAt]) => (dueAt <= this.now() ? [taskId] : []))
    for (const taskId of due) this.add(taskId)
    return due
  }

  /** Serves a row. */
  *serve(taskId: string): Act {
    yield
    if (!this.rules.outboxIdempotent || !this.saved.has(taskId)) {
      const times = (this.saved.get(taskId) ?? 0) + 1
      this.saved.set(taskId, times)
      if (times > 1) throw new Violation("saved twice", taskId)
    }
    yield
    this.rows.delete(taskId)
  }

  get isEmpty(): boolean {
    return this.rows.size === 0
  }

  check(): void {
    for (const taskId of this.owed) if (!this.saved.has(taskId)) throw new Violation("outbox lost", taskId)
  }
}

/** Serves abandoned rows. */
export function* sweep(outbox: Outbox): Act {
  for (;;) {
    yield
    for (const taskId of outbox.claim()) yield* outbox.serve(taskId)
  }
}
