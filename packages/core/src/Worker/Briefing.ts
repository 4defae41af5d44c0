/**
 * The complete task to run: the fold does not contain the texts of spawned tasks, and the subjects
 * of the manager's decisions are in the log.
 */
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import { Recovery, Synthesis } from "../Manager.ts"
import type { PlannedTask } from "../Plan.ts"
import * as Excerpts from "./Excerpts.ts"

type Log = EventLog.EventLog["Service"]

export const of = (
  log: Log,
  state: Execution.Execution,
  task: Execution.Task
): Effect.Effect<PlannedTask, EventLog.EventLogError> =>
  task.parent === undefined && task.plan.office === undefined ? Effect.succeed(task.plan) : briefed(log, state, task)

const briefed = Effect.fnUntraced(function* (
  log: Log,
  state: Execution.Execution,
  task: Execution.Task
): Effect.fn.Return<PlannedTask, EventLog.EventLogError> {
  const whole = yield* wholeOf(log, state, task)
  if (whole.office === "synthesise") return Synthesis.brief(state.plan, whole)
  return whole.office === "recover" ? yield* recovery(log, state, { office: whole, parent: task.parent! }) : whole
})

const wholeOf = Effect.fnUntraced(function* (log: Log, state: Execution.Execution, { parent, plan }: Execution.Task) {
  if (parent === undefined) return plan
  const whole = (yield* log.spawned(state.id, [plan.id])).get(plan.id)
  if (whole === undefined) return plan
  // A description that the state has was given to a later attempt, or is the same.
  return plan.description === "" ? whole : { ...whole, description: plan.description }
})

/** What the manager is to decide about a failure. */
const recovery = Effect.fnUntraced(function* (
  log: Log,
  state: Execution.Execution,
  { office, parent }: { readonly office: PlannedTask; readonly parent: string }
) {
  const failed = Execution.task(state, parent)!
  const lastAnswer = yield* Excerpts.lastAnswer(log, state.id, parent)
  return Recovery.brief(office, {
    plan: state.plan,
    task: yield* wholeOf(log, state, failed),
    error: failed.suspendedFor?.error ?? failed.failure!,
    scope: failed.suspendedFor?.scope,
    attempts: failed.attempts,
    ...(lastAnswer === undefined ? {} : { lastAnswer })
  })
})
