/** What crews remember of their outputs: the first consumer of the outbox. What was taken over is remembered already. */
import * as Effect from "effect/Effect"
import { textOf } from "../AgentLoop/Prompting.ts"
import * as Execution from "../Execution.ts"
import type * as Memory from "../Memory.ts"
import type * as Plan from "../Plan.ts"
import * as Outbox from "../Outbox.ts"

export const name = "memory"

/** Idempotent: each row has a key of its own. */
export const consumer = (memory: Memory.Memory["Service"]): Outbox.Consumer => ({
  name,
  concerns: (plan) => plan.memory === true,
  partsOf: (state, draft) =>
    draft.type === "TaskCompleted" && draft.run > 0 && isWork(Execution.task(state, draft.taskId)?.plan) ? 1 : 0,
  serve: ({ crewName, event, row }) =>
    event.type !== "TaskCompleted"
      ? Effect.void
      : Effect.mapError(
          memory.remember([
            {
              kind: "long-term",
              text: textOf(event.output).replaceAll("\0", "\ufffd"),
              scope: { crew: crewName },
              source: { execution: row.executionId, task: event.taskId },
              key: `${row.executionId}/${row.seq}/${row.part}`
            }
          ]),
          (error) =>
            new Outbox.ConsumerError({
              description: error.message,
              isRetryable: error._tag === "MemoryError" && error.isRetryable
            })
        )
})

/** What the manager answers is none, and what its task completes with is remembered with the work. */
const isWork = (plan: Plan.PlannedTask | undefined): boolean => plan?.office === undefined && plan?.frame === undefined
