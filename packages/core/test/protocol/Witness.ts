/**
 * The witness of a modelled execution: it also knows the state on which each event was decided, and
 * which rules are off.
 */
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { positionOf } from "../simulation/Script.ts"
import { describe, type Options, type Task, Witness } from "../simulation/Witness.ts"
import type { Rules } from "./Rules.ts"

/** The position in the script at which a worker believed its task to be when it wrote an event. */
export interface Basis {
  readonly taskId: string
  readonly epoch: number
  readonly at: number
}

/** What is known about an append besides its events. */
export interface Written {
  readonly bases: ReadonlyArray<Basis | undefined>
  /** The last event that the decision knew of; absent: there was no decision. */
  readonly decidedAt: number | undefined
}

export class ModelWitness extends Witness {
  private readonly rules: Rules
  private written: ReadonlyMap<ExecutionEvent.ExecutionEvent, Basis | undefined> = new Map()
  private decidedAt: number | undefined
  private readonly drained = new Set<string>()

  constructor({ rules, ...options }: Omit<Options, "id" | "isFenced"> & { readonly rules: Rules }) {
    super({ ...options, id: "e", isFenced: rules.runFence })
    this.rules = rules
  }

  override commit(events: ReadonlyArray<ExecutionEvent.ExecutionEvent>, written?: Written): void {
    this.decidedAt = written?.decidedAt
    this.written = new Map(events.map((event, index) => [event, written?.bases[index]]))
    super.commit(events)
  }

  /** A worker that stops gave the task back unharmed. */
  drain(taskId: string, run: number): void {
    this.drained.add(`${taskId}@${run}`)
  }

  /** A worker's events continue from the task's position. */
  protected override counted(task: Task, event: ExecutionEvent.ExecutionEvent): void {
    const basis = this.written.get(event)
    if (basis === undefined) return
    const steps = this.scripts.of(task.id)
    const position = positionOf(steps, task.events.slice(0, -1), { isFenced: this.rules.runFence })
    const { attempt, epoch } = position
    let { at } = position
    // A stumble does not count for attempts after those that it ends.
    for (let step = steps[at]; step?.kind === "stumble" && attempt > step.attempts; step = steps[at]) at++
    if (basis.epoch !== epoch || basis.at !== at)
      throw this.violate(
        "not linear",
        `${describe(event)} of ${basis.epoch}.${basis.at}, but ${task.id} is at ${epoch}.${at}`
      )
  }

  /**
   * Events recorded between the decision and its append could not be known: turns do not raise the
   * version.
   */
  protected override isIdle(task: Task): boolean {
    if (task.status !== "running" || this.drained.has(`${task.id}@${task.run}`)) return false
    return task.progressedSeq === undefined || task.progressedSeq > (this.decidedAt ?? Number.POSITIVE_INFINITY)
  }
}
