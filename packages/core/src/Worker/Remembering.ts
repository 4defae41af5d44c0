/**
 * What crews remember of their outputs: the first consumer of the outbox. What was taken over is
 * remembered already.
 */
import * as Effect from "effect/Effect"
import { textOf } from "../AgentLoop/Prompting.ts"
import * as Execution from "../Execution.ts"
import type { TaskCompleted } from "../ExecutionEvent.ts"
import type * as Memory from "../Memory.ts"
import type * as Plan from "../Plan.ts"
import * as Outbox from "../Outbox.ts"
import * as MemoryPolicy from "./MemoryPolicy.ts"

export const name = "memory"

/** Idempotent: each row has a key of its own. */
export const consumer = (memory: Memory.Memory["Service"]): Outbox.Consumer => ({
  name,
  concerns: MemoryPolicy.isUsed,
  partsOf: (state, draft) => {
    if (draft.type !== "TaskCompleted" || draft.run === 0) return 0
    const plan = Execution.task(state, draft.taskId)?.plan
    if (!isWork(plan)) return 0
    const policy = MemoryPolicy.of(state.plan, plan?.agent)
    return policy === undefined || policy.readOnly === true ? 0 : 1
  },
  serve: (delivery) => {
    const { event } = delivery
    if (event.type !== "TaskCompleted") return Effect.void
    return Effect.mapError(
      memory.remember(entriesOf(delivery, event)),
      (error) =>
        new Outbox.ConsumerError({
          description: error.message,
          isRetryable: error._tag === "MemoryError" && error.isRetryable
        })
    )
  }
})

/**
 * What the crew knows from now on and, where the execution continues a conversation, what was said
 * in it.
 */
const entriesOf = (
  { plan, requester, row }: Outbox.Delivery,
  event: TaskCompleted
): ReadonlyArray<Memory.Remembered> => {
  // Of a task that was added while it ran, the crew decides.
  const agent = plan.tasks.find(({ id }) => id === event.taskId)?.agent
  const policy = MemoryPolicy.of(plan, agent) ?? {}
  const place = { plan, agent, requester, executionId: row.executionId }
  const { kinds = ["short-term", "long-term"] } = policy
  const remembered = {
    text: textOf(event.output).replaceAll("\0", "\ufffd"),
    trust: event.trust ?? "agent",
    source: { execution: row.executionId, task: event.taskId },
    importance: event.partial === true ? 0.25 : 0.5,
    ...(agent === undefined ? {} : { speaker: agent })
  }
  const key = `${row.executionId}/${row.seq}/${row.part}`
  const conversation = MemoryPolicy.conversationOf(policy, place)
  return [
    ...(kinds.includes("long-term")
      ? [{ ...remembered, kind: "long-term", scope: MemoryPolicy.scopeOf(policy, place), key } as const]
      : []),
    ...(kinds.includes("short-term") && (requester.sessionId !== undefined || !kinds.includes("long-term"))
      ? [{ ...remembered, kind: "short-term", scope: conversation, key: `${key}/said` } as const]
      : [])
  ]
}

/**
 * What the manager answers is none, and what its task completes with is remembered with the work.
 */
const isWork = (plan: Plan.PlannedTask | undefined): boolean => plan?.office === undefined && plan?.frame === undefined
