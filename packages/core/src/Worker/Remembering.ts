/**
 * What crews remember of their outputs: the first consumer of the outbox. What was taken over is
 * remembered already.
 */
import * as Effect from "effect/Effect"
import { textOf } from "../AgentLoop/Prompting.ts"
import * as Execution from "../Execution.ts"
import type * as EventLog from "../EventLog.ts"
import type { ExecutionEvent, TaskCompleted } from "../ExecutionEvent.ts"
import type * as Memory from "../Memory.ts"
import type * as Plan from "../Plan.ts"
import * as Outbox from "../Outbox.ts"
import * as MemoryPolicy from "./MemoryPolicy.ts"

export const name = "memory"

type Log = Pick<EventLog.EventLog["Service"], "read">

/** Idempotent: each row has a key of its own. */
export const consumer = (memory: Memory.Memory["Service"], log: Log): Outbox.Consumer => ({
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
    return outcomeOf(log, delivery, event).pipe(
      Effect.flatMap((outcome) => memory.remember(entriesOf(delivery, event, outcome))),
      Effect.mapError(
        (error) =>
          new Outbox.ConsumerError({
            description: error.message,
            isRetryable:
              error._tag === "MemoryError"
                ? error.isRetryable
                : error._tag === "EventLogError" && error.reason._tag === "Unavailable"
          })
      )
    )
  }
})

/**
 * The outcome of the reviews of a task, by the manager and by people. The score is the share of its
 * criteria that it passed; without criteria, it is 1, halved each time the task was sent back. The
 * lesson is the feedback. Absent: the task was not reviewed.
 */
const outcomeOf = (
  log: Log,
  { plan, row }: Outbox.Delivery,
  { criteria, seq, taskId }: Extract<ExecutionEvent, { readonly type: "TaskCompleted" }>
): Effect.Effect<Memory.Outcome | undefined, EventLog.EventLogError> => {
  const task = plan.tasks.find(({ id }) => id === taskId)
  if (task?.reviewed !== true && task?.humanInput === undefined && criteria === undefined)
    return Effect.succeed(undefined)
  return Effect.map(log.read(row.executionId, { taskId }), (events) => {
    const reviews = events.flatMap((event) => {
      if (event.seq > seq) return []
      if (event.type === "ReviewJudged") return [{ isSentBack: event.verdict === "revise", feedback: event.feedback }]
      if (event.type !== "AskAnswered" || (event.answer !== "accept" && event.answer !== "revise")) return []
      return [{ isSentBack: event.answer === "revise", feedback: event.feedback }]
    })
    if (reviews.length === 0 && criteria === undefined) return undefined
    const sentBack = reviews.filter(({ isSentBack }) => isSentBack)
    const passed = criteria?.filter(({ verdict }) => verdict === "passed").length
    const score = criteria === undefined || criteria.length === 0 ? 0.5 ** sentBack.length : passed! / criteria.length
    const lesson = [...new Set(sentBack.flatMap(({ feedback }) => feedback ?? []))].join("\n")
    return { score, ...(lesson === "" ? {} : { lesson: lesson.replaceAll("\0", "\ufffd") }) }
  })
}

/**
 * What the crew knows from now on and, where the execution continues a conversation, what was said
 * in it.
 */
const entriesOf = (
  { plan, requester, row }: Outbox.Delivery,
  event: TaskCompleted,
  outcome: Memory.Outcome | undefined
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
      ? [
          {
            ...remembered,
            kind: "long-term",
            scope: MemoryPolicy.scopeOf(policy, place),
            key,
            ...(outcome === undefined ? {} : { outcome })
          } as const
        ]
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
