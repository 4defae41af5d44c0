/** The witness of a simulated execution: it also knows what a person may answer, and what the budget allows. */
import * as Base from "../../../core/test/simulation/Witness.ts"
import type { Position } from "../../../core/test/simulation/Script.ts"

export class SimulationWitness extends Base.Witness {
  private readonly overdrawn: () => number

  constructor({
    overdrawn,
    ...options
  }: Base.Options & {
    /** Calls that the budget has forgotten. */
    readonly overdrawn: () => number
  }) {
    super(options)
    this.overdrawn = overdrawn
  }

  /** Signals that somebody waits for, and whether only an answer ends the wait. */
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
    const { requests } = this.scripts.plan.limits ?? {}
    if (requests !== undefined && this.calls > requests + this.overdrawn())
      throw this.violate("over the budget", `call ${this.calls} of ${requests}`)
  }
}
