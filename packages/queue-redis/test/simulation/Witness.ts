/**
 * The witness of a simulated execution: it also knows which answers a person may give, and what the
 * budget allows.
 */
import * as Base from "../../../core/test/simulation/Witness.ts"
import { Budgets } from "./Budgets.ts"
import type { ExecutionEvent } from "@crewline/core/ExecutionEvent"
import type { Position } from "../../../core/test/simulation/Script.ts"

export class SimulationWitness extends Base.Witness {
  private readonly budgets: Budgets

  constructor({
    overdrawn,
    ...options
  }: Base.Options & {
    /** Calls that the budget has forgotten. */
    readonly overdrawn: () => number
  }) {
    super(options)
    this.budgets = new Budgets((kind, detail) => this.violate(kind, detail), overdrawn)
  }

  override commit(events: ReadonlyArray<ExecutionEvent>): void {
    this.budgets.commit(events)
    super.commit(events)
  }

  /** Of an execution that has ended. */
  checkSpent(): void {
    this.budgets.check()
  }

  /** Awaited signals, and whether only an answer ends the wait. */
  get unanswered(): ReadonlyArray<{ readonly id: string; readonly forever: boolean }> {
    if (this.ended) return []
    return this.open
      .filter(({ status }) => status === "suspended")
      .flatMap(({ waits }) =>
        waits!.groups
          .flatMap(({ signals }) => signals)
          .filter((id) => !this.signals.has(id))
          .map((id) => ({ id, forever: waits!.timeoutMillis === undefined }))
      )
  }

  /** Answers in the log that every leg under way knows of. */
  get knownCalls(): number {
    const running = this.open.filter(({ status }) => status === "running")
    return Math.min(this.paidCalls, ...running.map(({ paidBefore }) => paidBefore))
  }

  override ask(taskId: string, from: Position, at: number): void {
    super.ask(taskId, from, at)
    this.budgets.call(taskId)
  }
}
