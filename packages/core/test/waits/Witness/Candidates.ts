/** Turns and candidates: what is sent back comes back changed, and nothing is the output that its reviewers have not accepted. */
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { decode } from "../Call.ts"
import * as Crew from "../Crew.ts"
import { feedbackOf, textOf } from "../History.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import * as Calls from "./Calls.ts"
import { describe } from "./Describe.ts"

const reviewersOf = (account: Account, task: Task): ReadonlyArray<Crew.Reviewer> =>
  account.crew.reviewers.get(task.id) ?? []

export const turned = (account: Account, task: Task, event: ExecutionEvent.TurnCompleted): void => {
  const what = describe(event)
  Calls.checkResults(account, task, event)
  const told = event.messages.map(textOf).filter(Boolean)
  if (task.turns.at(-1)?.kind === "final") checkFeedback(account, task, told, what)
  else if (told.length > 0) throw new Violation("turn without feedback", what)
  task.reviews.clear()
  task.turns.push(decode(event.parts))
  task.stretch = told.length > 0 ? 1 : task.stretch + 1
  task.allTurns++
  const most = Crew.maxTurns * (task.plan.retry.attempts + Crew.maxRevisions)
  if (task.stretch > Crew.maxTurns || task.allTurns > most) throw new Violation("too many turns", what)
}

const checkFeedback = (account: Account, task: Task, told: ReadonlyArray<string>, what: string): void => {
  const revised = reviewersOf(account, task).find((by) => account.verdictOf(task, by) === "revise")
  if (revised === undefined) throw new Violation("turn without feedback", what)
  if (!told.includes(feedbackOf(task.reviews.get(revised)!))) throw new Violation("feedback lost", what)
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
  if (task.turns.at(-1)?.kind !== "final") throw new Violation("output without a candidate", what)
  for (const reviewer of reviewersOf(account, task)) {
    const verdict = account.verdictOf(task, reviewer)
    if (verdict === "accept") continue
    const isAsked = verdict !== "unknown" && verdict !== "open"
    throw new Violation(isAsked ? "output after revise" : "output without review", `${reviewer}: ${verdict}; ${what}`)
  }
}

export const checkFailure = (account: Account, task: Task, event: ExecutionEvent.TaskFailed): void => {
  const what = describe(event)
  if (event.error.code === "max-turns" && task.stretch < Crew.maxTurns) throw new Violation("cut short", what)
  if (event.error.code !== "review-refused") return
  const verdicts = reviewersOf(account, task).map((reviewer) => account.verdictOf(task, reviewer))
  const isRefused = verdicts.includes("deny") || (verdicts.includes("revise") && task.revisions > Crew.maxRevisions)
  if (!isRefused) throw new Violation("refused unjustly", `${verdicts.join()} ${what}`)
}
