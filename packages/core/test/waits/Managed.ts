/**
 * How a leg follows the manager's decisions: the real code reads them and determines the next step.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import { Assignment, Recovery, Reviewing } from "../../src/Manager.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { finalOf } from "./History.ts"
import { type Act, failed, type Leg, type Step } from "./Leg.ts"
import type { Verdict } from "./Review.ts"
import * as Suspension from "./Suspension.ts"

const optionsOf = (leg: Leg) => ({
  plan: leg.state.plan,
  task: leg.task.plan,
  run: leg.run,
  isFull: leg.isFull,
  isSettled: (id: string) => leg.outcomeOf(id) !== "open",
  results: (ids: ReadonlyArray<string>) => Effect.succeed(leg.resultsOf(ids))
})

/** A task that names no agent. */
export function* assign(leg: Leg): Act<Step> {
  const { outcome, progress } = Effect.runSync(Assignment.next(optionsOf(leg)))
  return yield* leg.end(outcome, progress)
}

/** A task that has failed. */
export function* recover(leg: Leg, since: ExecutionEvent.TaskSuspended): Act<Step> {
  const { outcome, progress } = Effect.runSync(Recovery.next({ ...optionsOf(leg), since }))
  const ended = yield* leg.finish(outcome, progress)
  if (ended !== "growth") return ended
  leg.isFull = true
  return "again"
}

const idOf = ({ history, taskId }: Leg): string =>
  `${taskId}/${history.turns.at(-1)!.run}.${history.turns.length}.review.manager`

/** The manager's look at a candidate. */
export function* review(leg: Leg): Act<Verdict> {
  const { history, rules, state, taskId } = leg
  const { manager } = state.plan
  if (leg.task.plan.reviewed !== true || manager === undefined) return "accepted"
  const id = idOf(leg)
  const turn = history.turns.length
  let judged: Reviewing.Judged | undefined = history.verdicts.get(turn)
  if (judged === undefined) {
    const output = finalOf(history.turns.at(-1))!
    const isRepeated = rules.oneReview && history.sentBack !== undefined && Equal.equals(history.sentBack, output)
    if (!isRepeated && leg.outcomeOf(id) === "open") {
      const office = Reviewing.office(state.plan, id, { task: leg.task.plan, output: "", doubts: [] })
      const want = { group: { tasks: [id], signals: [], need: "all" }, spawn: [office] } as const
      const what = { kind: "review", turn, reviewer: "manager" } as const
      return yield* leg.end(Suspension.make(rules, what, [want], leg.remainingMillis))
    }
    judged = isRepeated ? Reviewing.repeated(manager) : verdictOf(leg, manager, id)
    if (!(yield* leg.record([{ type: "ReviewJudged", taskId, run: leg.run, turn, reviewer: "manager", ...judged }])))
      return "over"
  }
  if (judged.verdict === "reject") return yield* leg.end(failed("review-refused"))
  return judged.verdict === "revise" ? { revise: id } : "accepted"
}

const verdictOf = (leg: Leg, manager: Parameters<typeof Reviewing.judged>[0], id: string): Reviewing.Judged =>
  Reviewing.judged(manager, leg.task.plan, leg.resultsOf([id]).get(id)!, leg.history.managerRevisions)

/**
 * The reviews that sent back an answer of an attempt that has since failed, before a turn carried
 * their feedback.
 */
export function* pending(leg: Leg): Act<ReadonlyArray<string> | "over"> {
  const { history, state, taskId } = leg
  const turn = history.turns.length
  if (finalOf(history.turns.at(-1)) === undefined) return []
  const id = idOf(leg)
  let judged: Reviewing.Judged | undefined = history.verdicts.get(turn)
  if (judged === undefined && leg.outcomeOf(id) !== "open") {
    judged = verdictOf(leg, state.plan.manager!, id)
    if (!(yield* leg.record([{ type: "ReviewJudged", taskId, run: leg.run, turn, reviewer: "manager", ...judged }])))
      return "over"
  }
  const ofManager = judged?.verdict === "revise" ? [id] : []
  return [...ofManager, ...[...history.reviews.values()].filter((ask) => leg.askOf(ask) === "revise")]
}
