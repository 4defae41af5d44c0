/** The follow-up of outputs, outside the log: done over a network that fails, and counted. */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Outbox from "@crewline/core/Outbox"
import * as Effect from "effect/Effect"
import { Violation } from "../../../core/test/simulation/Witness.ts"
import type { Process } from "./Kernel.ts"
import { call, type Faults } from "./Network.ts"

export class Effects {
  private readonly owed = new Set<string>()
  private readonly done = new Map<string, number>()
  private readonly faults: () => Faults

  constructor(faults: () => Faults) {
    this.faults = faults
  }

  /** Number of attempts. */
  tries = 0

  committed(executionId: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    for (const event of events)
      if (event.type === "TaskCompleted" && event.run > 0) this.owed.add(`${executionId} ${event.seq} 0`)
  }

  consumer(process: Process): Outbox.Consumer {
    return {
      name: "effect",
      concerns: () => true,
      partsOf: (_, draft) => (draft.type === "TaskCompleted" && draft.run > 0 ? 1 : 0),
      serve: ({ row: { executionId, part, seq } }) =>
        Effect.flatMap(
          call(process, this.faults, () => this.apply(`${executionId} ${seq} ${part}`)),
          (outcome) =>
            outcome === undefined
              ? Effect.fail(new Outbox.ConsumerError({ description: "no reply", isRetryable: true }))
              : Effect.void
        )
    }
  }

  /** Effects that are not done. */
  get left(): ReadonlyArray<string> {
    return [...this.owed].filter((key) => !this.done.has(key))
  }

  /** Every effect happened exactly once. */
  check(): void {
    for (const [key, times] of this.done) {
      if (times > 1) throw new Violation("done twice", `${key}: ${times} times`)
      if (!this.owed.has(key)) throw new Violation("done twice", `${key}, which nobody owed`)
    }
    if (this.left.length > 0) throw new Violation("outbox lost", this.left.join("; "))
  }

  private apply(key: string): void {
    this.tries++
    if (!this.done.has(key)) this.done.set(key, 1)
  }
}
