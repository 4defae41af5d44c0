/**
 * For how long an attempt has worked: the time of its runs, without that between them; of one that
 * crashed, until its last event.
 */
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Rules } from "./Rules.ts"

export class WorkedTime {
  private millis = 0
  private since: number | undefined
  private last = 0
  private isWaiting = false
  private readonly rules: Rules

  constructor(rules: Rules) {
    this.rules = rules
  }

  until(now: number): number {
    return this.millis + (this.since === undefined ? 0 : now - this.since)
  }

  /** A run began. */
  begin(event: { readonly at: string }): void {
    const at = Date.parse(event.at)
    if (this.since !== undefined && this.rules.timeSurvivesCrash) this.millis += this.last - this.since
    if (this.isWaiting && !this.rules.activeTimeOnly) this.millis += at - this.last
    this.since = this.last = at
    this.isWaiting = false
  }

  /** The current run has recorded something. */
  passed({ at, type }: ExecutionEvent.ExecutionEvent): void {
    this.last = Date.parse(at)
    if (type !== "TaskSuspended" && type !== "TaskReleased" && type !== "TaskRetried") return
    if (this.since !== undefined) this.millis += this.last - this.since
    this.since = undefined
    this.isWaiting = type === "TaskSuspended"
    if (type === "TaskRetried") this.millis = 0
  }
}
