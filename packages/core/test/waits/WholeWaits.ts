/**
 * A queue that receives whole waits, including the parts that have been met, as it would without
 * the rule that it receives only the open parts.
 */
import * as Execution from "../../src/Execution.ts"
import type * as TaskQueue from "../../src/TaskQueue.ts"
import { type Facts, type Lease, SimulatedQueue, type Suspension } from "../protocol/Queue.ts"

type Options = ConstructorParameters<typeof SimulatedQueue>[0] & { readonly state: () => Execution.Execution }

export class WholeWaitsQueue extends SimulatedQueue {
  private readonly state: () => Execution.Execution

  constructor({ state, ...options }: Options) {
    super(options)
    this.state = state
  }

  override submit(facts: Facts): void {
    super.submit({
      ...facts,
      suspended: facts.suspended.map((each) => ({ ...each, waits: this.whole(each.id, each.waits) }))
    })
  }

  override suspend(lease: Lease, suspension: Suspension): boolean {
    return super.suspend(lease, { ...suspension, waits: this.whole(lease.taskId, suspension.waits) })
  }

  private whole(id: string, told: TaskQueue.Waits): TaskQueue.Waits {
    const waits = Execution.task(this.state(), id)?.waits
    if (waits === undefined) return told
    return {
      ...told,
      tasks: waits.groups.flatMap(({ tasks }) => tasks),
      signals: waits.groups.flatMap(({ signals }) => signals)
    }
  }
}
