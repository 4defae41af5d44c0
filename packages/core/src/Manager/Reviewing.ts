/** The manager's verdict on an output: what it said, and what counts when it says nothing valid, or sends an output back once too often. */
import * as Predicate from "effect/Predicate"
import type { ReviewJudged } from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"
import * as Excerpt from "./Excerpt.ts"
import * as Prompt from "./ReviewPrompt.ts"

export type Judged = Pick<ReviewJudged, "verdict" | "by" | "reason" | "feedback">

/** The task of the office that gives the verdict. */
export const office = (plan: Plan.Plan, id: string, subject: Prompt.Subject): Plan.PlannedTask =>
  Plan.office(plan, {
    id,
    office: "review",
    title: `Is the output of ${subject.task.title ?? subject.task.id} as it should be?`,
    context: [],
    description: Prompt.description(subject),
    expectedOutput: Prompt.expectedOutput,
    output: Prompt.output,
    ...Excerpt.cut(subject.output)
  })

/** What the office said. `revisions`: how often the manager has sent outputs of the task back before. */
export const judged = (
  { maxRevisions, onUnaccepted }: Plan.PlannedManager,
  { output, status }: SpawnedResult,
  revisions: number
): Judged => {
  const said = status === "completed" && Predicate.isReadonlyObject(output) ? output : {}
  const reason = typeof said["reason"] === "string" ? { reason: said["reason"] } : {}
  if (said["verdict"] === "accept") return { verdict: "accept", by: "manager", ...reason }
  if (said["verdict"] !== "revise") return { verdict: "accept", by: "policy", reason: Prompt.notReviewed }
  const feedback = typeof said["feedback"] === "string" && said["feedback"].trim() !== "" ? said["feedback"] : undefined
  if (revisions < maxRevisions)
    return { verdict: "revise", by: "manager", ...reason, feedback: feedback ?? reason.reason ?? "" }
  return unaccepted(onUnaccepted, Prompt.tooOften(revisions), feedback)
}

/** An output that was sent back before, and came again as it was. */
export const repeated = ({ onUnaccepted }: Plan.PlannedManager): Judged => unaccepted(onUnaccepted, Prompt.unchanged)

const unaccepted = (policy: Plan.PlannedManager["onUnaccepted"], reason: string, feedback?: string): Judged => ({
  verdict: policy === "fail" ? "reject" : "accept",
  by: "policy",
  reason,
  ...(feedback === undefined ? {} : { feedback })
})
