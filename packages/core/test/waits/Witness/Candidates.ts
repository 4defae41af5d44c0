/**
 * Turns and candidates: a candidate that is sent back comes back changed, and only a candidate that
 * its reviewers have accepted becomes the output.
 */
import * as Equal from "effect/Equal"
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { decode } from "../Call.ts"
import * as Crew from "../Crew.ts"
import { feedbackOf } from "../History.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import * as Calls from "./Calls.ts"
import { describe } from "./Describe.ts"
import * as Recoveries from "./Recoveries.ts"

/** Those of the task whose output it provides. */
const reviewersOf = (account: Account, task: Task): ReadonlyArray<Crew.Reviewer> =>
  account.crew.reviewers.get(task.standsFor ?? task.id) ?? []

const isReviewed = (account: Account, task: Task): boolean =>
  account.tasks.get(task.standsFor ?? task.id)!.plan.reviewed === true

export const turned = (account: Account, task: Task, event: ExecutionEvent.TurnCompleted): void => {
  const what = describe(event)
  Calls.checkResults(account, task, event)
  const { adviceDue } = task
  const told = Recoveries.turned(task, event)
  if (task.turns.at(-1)?.kind === "final") checkFeedback(account, task, told, { adviceDue, what })
  else if (told.length > 0) throw new Violation("turn without feedback", what)
  task.reviews.clear()
  task.managerReview = task.managerVerdict = undefined
  task.turns.push(decode(event.parts))
  task.stretch = told.length > 0 || adviceDue ? 1 : task.stretch + 1
  task.allTurns++
  const { maxRecoveries = 0, maxRevisions = 0 } = account.crew.plan.manager ?? {}
  const { maxTurns, retry } = task.plan
  const most = maxTurns * (retry.attempts + Crew.maxRevisions + maxRecoveries + maxRevisions)
  if (task.stretch > maxTurns || task.allTurns > most) throw new Violation("too many turns", what)
}

const checkFeedback = (
  account: Account,
  task: Task,
  told: ReadonlyArray<string>,
  { adviceDue, what }: { readonly adviceDue: boolean; readonly what: string }
): void => {
  const revised = reviewersOf(account, task).find((by) => account.verdictOf(task, by) === "revise")
  const review = task.managerVerdict === "revise" ? task.managerReview : task.reviews.get(revised!)
  if (review === undefined && !adviceDue) throw new Violation("turn without feedback", what)
  if (review !== undefined && !told.includes(feedbackOf(review))) throw new Violation("feedback lost", what)
}

/** A candidate is shown to the manager. */
export const shownToManager = (task: Task, { for: { turn }, waits }: ExecutionEvent.TaskSuspended): void => {
  const id = waits.groups[0]!.tasks[0]!
  const last = task.turns.at(-1)
  const isKnown = task.managerReview !== undefined && task.managerReview !== id
  if (isKnown || task.managerVerdict !== undefined) throw new Violation("reviewed twice", `${task.id}, then ${id}`)
  if (turn !== task.turns.length || last?.kind !== "final")
    throw new Violation("output without a candidate", `${task.id} in turn ${turn}`)
  if (task.sentBack !== undefined && Equal.equals(task.sentBack, last.value))
    throw new Violation("reviewed twice", `${task.id}, which was sent back as it is`)
  task.managerReview = id
}

/** The manager, or its policy, has said something about it. */
export const judged = (account: Account, task: Task, event: ExecutionEvent.ReviewJudged): void => {
  if (task.managerVerdict !== undefined) throw new Violation("reviewed twice", describe(event))
  task.managerVerdict = event.verdict
  if (event.verdict !== "revise") return
  const last = task.turns.at(-1)
  task.sentBack = last?.kind === "final" ? last.value : undefined
  if (++task.managerRevisions > account.crew.plan.manager!.maxRevisions)
    throw new Violation("revised too often", describe(event))
}

/** A candidate is shown to a reviewer. */
export const shown = (
  task: Task,
  { asks = [], for: { reviewer, turn }, waits }: ExecutionEvent.TaskSuspended
): void => {
  const id = waits.groups[0]!.signals[0]!
  const known = task.reviews.get(reviewer!)
  if (known === undefined ? !asks.some((ask) => ask.id === id) : known !== id)
    throw new Violation("reviewed twice", `${task.id} by ${reviewer}: ${known}, then ${id}`)
  if (turn !== task.turns.length || task.turns.at(-1)?.kind !== "final")
    throw new Violation("output without a candidate", `${task.id} in turn ${turn}`)
  task.reviews.set(reviewer!, id)
}

export const completed = (account: Account, task: Task, event: ExecutionEvent.TaskCompleted): void => {
  const what = describe(event)
  // It is the output of another task, which was reviewed there.
  if (task.follows && account.tasks.get(task.standIn!)!.status === "TaskCompleted") return
  if (task.follows || task.turns.at(-1)?.kind !== "final") throw new Violation("output without a candidate", what)
  if (isReviewed(account, task) && task.managerVerdict !== "accept")
    throw new Violation(
      task.managerVerdict === undefined ? "output without review" : "output after revise",
      `manager: ${task.managerVerdict}; ${what}`
    )
  for (const reviewer of reviewersOf(account, task)) {
    const verdict = account.verdictOf(task, reviewer)
    if (verdict === "accept") continue
    const isAsked = verdict !== "unknown" && verdict !== "open"
    throw new Violation(isAsked ? "output after revise" : "output without review", `${reviewer}: ${verdict}; ${what}`)
  }
}

/** Its own failure, final or not. */
export const checkFailure = (account: Account, task: Task, { code }: ExecutionEvent.Failure, what: string): void => {
  if (code === "max-turns" && task.stretch < task.plan.maxTurns) throw new Violation("cut short", what)
  if (code !== "review-refused" || task.managerVerdict === "reject") return
  const verdicts = reviewersOf(account, task).map((reviewer) => account.verdictOf(task, reviewer))
  const isRefused = verdicts.includes("deny") || (verdicts.includes("revise") && task.revisions > Crew.maxRevisions)
  if (!isRefused) throw new Violation("refused unjustly", `${verdicts.join()} ${what}`)
}
