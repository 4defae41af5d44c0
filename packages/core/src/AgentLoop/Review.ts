/**
 * Review by a person of a candidate: an answer that passed its schema and guardrails and is not yet
 * the output. It becomes the output, or is sent back with feedback in the same conversation. A
 * person is never overruled: one revision too many fails the task.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import { failed, type Ended, type Leg } from "./Leg.ts"
import * as Suspension from "./Suspension.ts"
import type * as Turn from "./Turn.ts"

export type Verdict =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Revise"; readonly feedback: string | undefined }
  | { readonly _tag: "Ended"; readonly ended: Ended }

/** How often the output of one task may be sent back, in all of its attempts. */
const maxRevisions = 2

const accepted: Verdict = { _tag: "Accepted" }

/** Of task, run, turn and reviewer: the same for the same candidate. */
const idOf = (leg: Leg, turn: number): string =>
  `${leg.task.id}/${leg.history.turns[turn - 1]?.run ?? leg.run}.${turn}.review.person`

/** True when the candidate of the turn was shown to a person: its checks have accepted it then. */
export const isShown = (leg: Leg, turn: number): boolean =>
  leg.task.humanInput !== undefined && leg.standing.askOf(idOf(leg, turn)) !== "unknown"

/** What a person wanted changed in the answer of a turn; `undefined`: nothing. */
export const feedbackOn = (leg: Leg, turn: number): string | undefined => {
  const answer = leg.task.humanInput === undefined ? undefined : leg.history.answers.get(idOf(leg, turn))
  return answer?.answer === "revise" ? answer.feedback : undefined
}

/** `revisions`: how often outputs of the task were sent back before this one. */
export const judge = (leg: Leg, turn: Turn.Turn, output: Schema.Json, revisions: number): Effect.Effect<Verdict> => {
  const { humanInput } = leg.task
  if (humanInput === undefined) return Effect.succeed(accepted)
  const id = idOf(leg, turn.number)
  switch (leg.standing.askOf(id)) {
    case "unknown":
      return ask(leg, turn, id, output)
    case "open":
      return Effect.succeed(suspended(leg, turn, { group: groupOf(id) }))
    case "accept":
      return Effect.succeed(accepted)
    case "revise":
      return Effect.succeed(revise(leg, id, revisions + 1))
    default:
      return Effect.succeed(
        humanInput.onSilence === "accept" ? accepted : refused("Nobody accepted the output in time.")
      )
  }
}

const groupOf = (id: string) => ({ tasks: [], signals: [id], need: "all" }) as const

const suspended = (leg: Leg, turn: Turn.Turn, want: Suspension.Want): Verdict => ({
  _tag: "Ended",
  ended: Suspension.make(leg, { kind: "review", turn: turn.number, reviewer: "person" }, [want], turn.unrecorded)
})

const refused = (message: string): Verdict => ({
  _tag: "Ended",
  ended: failed("review-refused", message, { isRetryable: false })
})

const revise = ({ history, task }: Leg, id: string, times: number): Verdict => {
  const feedback = history.answers.get(id)?.feedback
  if (times <= maxRevisions) return { _tag: "Revise", feedback }
  return refused(`The output of task "${task.id}" was sent back ${times} times; last feedback: ${feedback ?? "none"}`)
}

const ask = Effect.fnUntraced(function* (leg: Leg, turn: Turn.Turn, id: string, output: Schema.Json) {
  const { humanInput, title } = leg.task
  const { onSilence, timeoutMillis } = humanInput!
  const shown = { task: title ?? leg.task.id, description: leg.task.description, output }
  const asked: Ask.Ask = {
    id,
    kind: "review",
    title: Ask.titleOf(`${title ?? leg.task.id}: is the output of ${leg.task.agent} as it should be?`),
    shown,
    hash: yield* Ask.hashOf(shown),
    ...(timeoutMillis === undefined ? {} : { deadlineMillis: timeoutMillis }),
    onSilence,
    answerableBy: Ask.defaultAnswerers
  }
  return suspended(leg, turn, { group: groupOf(id), asks: [asked] })
})
