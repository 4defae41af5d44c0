/**
 * The manager's verdict on an output, and the rule that applies if the verdict is invalid or
 * `maxRevisions` is used up. For the result of the crew it includes a verdict per criterion: a
 * failed one sends the result back.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type { Criterion, ReviewJudged } from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"
import * as Accept from "./AcceptPrompt.ts"
import * as Excerpt from "./Excerpt.ts"
import * as Instructing from "./Instructing.ts"
import * as Prompt from "./ReviewPrompt.ts"

export type Judged = Pick<ReviewJudged, "verdict" | "by" | "reason" | "feedback" | "criteria">

type Task = Pick<Plan.PlannedTask, "reviewed" | "acceptance">

/** The manager looks at the output of the task before it counts. */
export const isReviewed = ({ acceptance, reviewed }: Task): boolean => reviewed === true || acceptance !== undefined

/** The task of the office that gives the verdict. */
export const office = (plan: Plan.Plan, id: string, subject: Prompt.Subject): Plan.PlannedTask => {
  const { task } = subject
  return Plan.office(plan, {
    id,
    office: "review",
    title: `Is the output of ${task.title ?? task.id} as it should be?`,
    context: [],
    ...asked(plan, subject),
    ...Excerpt.cut(subject.output)
  })
}

type Asked = Pick<Plan.PlannedTask, "description" | "prompt" | "expectedOutput"> & {
  readonly output: JsonSchema.JsonSchema
}

const asked = (plan: Plan.Plan, subject: Prompt.Subject): Asked => {
  const { acceptance, reviewed } = subject.task
  const review: Asked = {
    ...Instructing.tell(plan, "review", Prompt, Prompt.facts(subject)),
    expectedOutput: Prompt.expectedOutput,
    output: Prompt.output
  }
  if (acceptance === undefined) return review
  const criteria = Accept.criteria(acceptance)
  const output = Accept.output(acceptance)
  if (reviewed !== true) {
    const facts = `${Accept.subject(subject.task)}\n\n${Prompt.shown(subject)}\n\n${criteria}`
    return { ...Instructing.tell(plan, "accept", Accept, facts), expectedOutput: Accept.expectedOutput, output }
  }
  const accept = Instructing.tell(plan, "accept", Accept, criteria)
  return {
    description: `${review.description}\n\n${accept.description}`,
    prompt: `${review.prompt} ${accept.prompt}`,
    expectedOutput: `${review.expectedOutput} ${Accept.expectedOutput}`,
    output: {
      ...output,
      properties: { ...Prompt.output["properties"]!, ...output["properties"]! },
      required: [...(Prompt.output["required"] as ReadonlyArray<string>), ...(output["required"] as typeof acceptance)]
    }
  }
}

/**
 * What the office said. `revisions`: how often the manager has sent outputs of the task back
 * before.
 */
export const judged = (
  { maxRevisions, onUnaccepted }: Plan.PlannedManager,
  task: Task,
  { output, status }: SpawnedResult,
  revisions: number
): Judged => {
  const said = status === "completed" && Predicate.isReadonlyObject(output) ? output : undefined
  const verdict = task.reviewed === true ? said?.["verdict"] : "accept"
  const criteria = said === undefined ? undefined : verdictsOf(task, said)
  if (said === undefined || criteria === undefined || (verdict !== "accept" && verdict !== "revise"))
    return { verdict: "accept", by: "policy", reason: Prompt.notReviewed, ...notJudged(task, Accept.notJudged) }
  const failed = criteria.filter((each) => each.verdict === "failed")
  const judged = criteria.length === 0 ? {} : { criteria }
  const why =
    textIn(said, "reason") ?? (criteria.length === 0 ? undefined : Accept.count(criteria.length, failed.length))
  const reason = why === undefined ? {} : { reason: why }
  if (verdict === "accept" && failed.length === 0) return { verdict, by: "manager", ...reason, ...judged }
  const feedback = [
    ...(verdict === "revise" ? [textIn(said, "feedback")] : []),
    ...(failed.length === 0 ? [] : [Accept.failing(failed)])
  ].filter((each) => each !== undefined)
  const told = feedback.length === 0 ? undefined : feedback.join("\n\n")
  return revisions < maxRevisions
    ? { verdict: "revise", by: "manager", ...reason, feedback: told ?? why ?? "", ...judged }
    : unaccepted(onUnaccepted, { reason: Prompt.tooOften(revisions), ...(told && { feedback: told }), ...judged })
}

/** How the output stands with the criteria; `undefined`: the answer does not say so of each. */
const verdictsOf = (
  { acceptance = [] }: Task,
  said: { readonly [key: string]: unknown }
): ReadonlyArray<Criterion> | undefined => {
  const verdicts: Array<Criterion> = []
  for (const [index, criterion] of acceptance.entries()) {
    const one = said[Accept.keyOf(index)]
    if (!Predicate.isReadonlyObject(one) || typeof one["passed"] !== "boolean") return undefined
    const reason = textIn(one, "reason")
    verdicts.push({
      criterion,
      verdict: one["passed"] ? "passed" : "failed",
      ...(reason === undefined ? {} : { reason })
    })
  }
  return verdicts
}

const textIn = (answer: { readonly [key: string]: unknown }, key: string): string | undefined => {
  const value = answer[key]
  return typeof value === "string" && value.trim() !== "" ? value : undefined
}

const notJudged = ({ acceptance }: Task, reason: string): { readonly criteria?: ReadonlyArray<Criterion> } =>
  acceptance === undefined
    ? {}
    : { criteria: acceptance.map((criterion) => ({ criterion, verdict: "unknown", reason })) }

/** An output that counts unlooked at, because a limit was reached. */
export const atLimit = (task: Task) => notJudged(task, Accept.limitReached)

/**
 * An output that was sent back before, and came again as it was; `criteria`: as they were judged
 * then.
 */
export const repeated = ({ onUnaccepted }: Plan.PlannedManager, criteria?: Judged["criteria"]): Judged =>
  unaccepted(onUnaccepted, { reason: Prompt.unchanged, ...(criteria === undefined ? {} : { criteria }) })

const unaccepted = (
  policy: Plan.PlannedManager["onUnaccepted"],
  judged: Pick<Judged, "reason" | "feedback" | "criteria">
): Judged => ({ verdict: policy === "fail" ? "reject" : "accept", by: "policy", ...judged })
