/** Who looks at a candidate before it is the output. */
import { maxRevisions, type Reviewer, reviewersOf } from "./Crew.ts"
import { failed, type Act, type Leg } from "./Leg.ts"
import * as Managed from "./Managed.ts"
import { ask } from "./Needs.ts"
import * as Suspension from "./Suspension.ts"

/** `accepted` by all, or the ask whose feedback must be followed. */
export type Verdict = "accepted" | "over" | { readonly revise: string }

export function* judge(leg: Leg): Act<Verdict> {
  if (!leg.rules.reviewBeforeTerminal) return "accepted"
  const ofManager = yield* Managed.review(leg)
  if (ofManager !== "accepted") return ofManager
  for (const reviewer of reviewersOf(leg.world.crew, leg.task.plan)) {
    const id = idOf(leg, reviewer)
    switch (leg.askOf(id)) {
      case "unknown":
      case "open":
        return yield* suspend(leg, reviewer, id)
      case "accept":
        continue
      case "revise":
        if (leg.history.revisions <= maxRevisions) return { revise: id }
        // Without the rule the last candidate is good enough.
        if (!leg.rules.personHasTheLastWord) continue
        return yield* leg.end(failed("review-refused"))
      default:
        if (leg.task.plan.humanInput!.onSilence === "accept") continue
        return yield* leg.end(failed("review-refused"))
    }
  }
  return "accepted"
}

const idOf = (leg: Leg, reviewer: Reviewer): string => {
  const { history, rules, taskId } = leg
  // Without the rule a reviewer's verdict on an earlier candidate still counts.
  const earlier = rules.actedOnce ? undefined : history.reviews.get(reviewer)
  const turn = history.turns.length
  // Without the rule a wait for a budget makes it forget the outcome of the previous wait.
  const isForgotten = !rules.budgetKeepsWait && history.isWoken && history.lastWait === "budget"
  const run = isForgotten ? leg.run : history.turns[turn - 1]!.run
  const base = `${taskId}/${run}.${turn}.review`
  return earlier ?? (rules.reviewerInId ? `${base}.${reviewer}` : base)
}

function* suspend(leg: Leg, reviewer: Reviewer, id: string): Act<"over"> {
  const group = { tasks: [], signals: [id], need: "all" } as const
  const { onSilence, timeoutMillis } = leg.task.plan.humanInput!
  const isKnown = leg.askOf(id) === "open"
  const what = { kind: "review", shown: { task: leg.taskId, output: id }, onSilence } as const
  const asks = [ask(id, what, timeoutMillis === undefined ? {} : { deadline: timeoutMillis })]
  const outcome = Suspension.make(
    leg.rules,
    { kind: "review", turn: leg.history.turns.length, reviewer },
    [isKnown ? { group } : { group, asks }],
    leg.remainingMillis
  )
  return yield* leg.end(outcome)
}
