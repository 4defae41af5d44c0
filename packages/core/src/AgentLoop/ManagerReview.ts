/**
 * The manager's look at a candidate, before a person's: it becomes the output, or goes back with
 * feedback, and the same conversation goes on. One review per candidate; a verdict that is recorded
 * stands. After too many revisions the policy of the manager counts, and a review that fails
 * accepts with a note.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type { Criterion, Doubt } from "../ExecutionEvent.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import { Reviewing } from "../Manager.ts"
import type * as Plan from "../Plan.ts"
import * as JsonText from "./JsonText.ts"
import { failed, type Ended, type Leg, type Lost } from "./Leg.ts"
import { answerText, textOf } from "./Prompting.ts"
import * as Suspension from "./Suspension.ts"
import * as Turn from "./Turn.ts"

export type Verdict =
  /**
   * With a note where the manager did not say so; the result of the crew with a verdict on each
   * criterion.
   */
  | { readonly _tag: "Accepted"; readonly note?: string; readonly criteria?: ReadonlyArray<Criterion> }
  | { readonly _tag: "Revise"; readonly feedback: string }
  | { readonly _tag: "Ended"; readonly ended: Ended }

export interface Candidate {
  readonly output: Schema.Json
  readonly doubts: ReadonlyArray<Doubt>
}

const accepted = { _tag: "Accepted" } as const satisfies Verdict

const idOf = (leg: Leg, turn: number): string =>
  `${leg.task.id}/${leg.history.turns[turn - 1]?.run ?? leg.run}.${turn}.review.manager`

/**
 * True when the candidate of the turn was shown to the manager: its checks have accepted it then.
 */
export const isShown = (leg: Leg, turn: number): boolean =>
  Reviewing.isReviewed(leg.task) && leg.standing.isKnown(idOf(leg, turn))

export interface Reviews {
  readonly judge: (turn: Turn.Turn, candidate: Candidate) => Effect.Effect<Verdict, Lost | EventLog.EventLogError>
  /** The feedback on an answer that no turn has carried yet, when its attempt has failed. */
  readonly pending: (turn: Turn.Turn) => Effect.Effect<string | undefined, Lost | EventLog.EventLogError>
}

/** Of a task that the manager does not look at. */
const none: Reviews = {
  judge: () => Effect.succeed(accepted),
  pending: () => Effect.succeed(undefined)
}

/** The reviews of one leg, candidate by candidate. */
export const make = (leg: Leg): Reviews =>
  leg.plan.manager !== undefined && Reviewing.isReviewed(leg.task) ? reviewsBy(leg.plan.manager, leg) : none

const reviewsBy = (manager: Plan.PlannedManager, leg: Leg): Reviews => {
  const { history, standing, task } = leg
  /** How often the manager has sent outputs of the task back, and the last one that it did. */
  let revisions = history.earlierReviews
  let sentBack: { readonly output: Schema.Json; readonly criteria: Reviewing.Judged["criteria"] } | undefined

  const record = (turn: Turn.Turn, judged: Reviewing.Judged) =>
    Turn.record(leg, turn, [
      { type: "ReviewJudged", taskId: task.id, run: leg.run, turn: turn.number, reviewer: "manager", ...judged }
    ])

  const follow = (judged: Reviewing.Judged, output: Schema.Json): Verdict => {
    const { by, criteria, feedback = "", reason = "", verdict } = judged
    switch (verdict) {
      case "accept":
        return { ...accepted, ...(by === "manager" ? {} : { note: reason }), ...(criteria && { criteria }) }
      case "revise":
        revisions++
        sentBack = { output, criteria }
        return { _tag: "Revise", feedback }
      case "reject": {
        const message = `${reason} The last feedback: ${feedback === "" ? "none" : feedback}`
        return { _tag: "Ended", ended: failed("review-refused", message, { isRetryable: false }) }
      }
    }
  }

  const judge = Effect.fnUntraced(function* (
    turn: Turn.Turn,
    candidate: Candidate
  ): Effect.fn.Return<Verdict, Lost | EventLog.EventLogError> {
    // Once a limit is reached there is no turn left in which anything could be changed.
    if (turn.isLast) return { ...accepted, ...Reviewing.atLimit(task) }
    const known = history.reviews.get(turn.number)
    if (known !== undefined) return follow(known, candidate.output)
    const id = idOf(leg, turn.number)
    const isRepeated = sentBack !== undefined && Equal.equals(sentBack.output, candidate.output)
    if (!isRepeated && standing.ofTask(id) === "open") return suspended(leg, turn, id, candidate)
    const judged = isRepeated
      ? Reviewing.repeated(manager, sentBack?.criteria)
      : Reviewing.judged(manager, task, (yield* standing.results([id])).get(id)!, revisions)
    yield* record(turn, judged)
    return follow(judged, candidate.output)
  })

  const pending = Effect.fnUntraced(function* (
    turn: Turn.Turn
  ): Effect.fn.Return<string | undefined, Lost | EventLog.EventLogError> {
    if (!isShown(leg, turn.number)) return undefined
    const id = idOf(leg, turn.number)
    let judged: Reviewing.Judged | undefined = history.reviews.get(turn.number)
    if (judged === undefined && standing.ofTask(id) !== "open") {
      judged = Reviewing.judged(manager, task, (yield* standing.results([id])).get(id)!, revisions)
      yield* record(turn, judged)
    }
    if (judged === undefined || judged.verdict === "accept") return undefined
    // After a refusal the agent goes on when the manager says so: with what was wrong.
    if (judged.verdict === "revise") revisions++
    sentBack = { output: outputOf(leg, turn), criteria: judged.criteria }
    return judged.feedback
  })

  return { judge, pending }
}

/** What an answer gives as output that was valid before. */
const outputOf = ({ task }: Leg, { answer }: Turn.Turn): Schema.Json => {
  const text = answerText(answer.parts)
  const validator = task.output === undefined ? undefined : JsonSchemaValidator.make(task.output)
  const parsed = validator && JsonText.parse(text, (value) => validator.validate(value).length === 0)
  return parsed === undefined || "reason" in parsed ? text : parsed.value
}

const suspended = (leg: Leg, turn: Turn.Turn, id: string, { doubts, output }: Candidate): Verdict => {
  const office = Reviewing.office(leg.plan, id, { task: leg.task, output: textOf(output), doubts })
  const want = { group: { tasks: [id], signals: [], need: "all" }, spawn: [office] } as const
  return {
    _tag: "Ended",
    ended: Suspension.make(leg, { kind: "review", turn: turn.number, reviewer: "manager" }, [want], turn.unrecorded)
  }
}
