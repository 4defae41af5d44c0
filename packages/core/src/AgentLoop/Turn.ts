/** One turn of the conversation: what the log has of it, or what the model answers now. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import type { Draft, TurnCompleted } from "../ExecutionEvent.ts"
import type * as Llm from "../Llm.ts"
import { redact } from "../Redact.ts"
import * as Attachments from "./Attachments.ts"
import * as AnswerParts from "./AnswerParts.ts"
import type { Conversation } from "./Conversation.ts"
import type { Equipment } from "./Equipment.ts"
import { failed, modelFailed, type Ended, type Leg, type Lost } from "./Leg.ts"

type Messages = Llm.Request["messages"]

export interface Turn {
  /** From 1. */
  readonly number: number
  readonly answer: Pick<TurnCompleted, "parts" | "finishReason">
  /** What must be appended before anything happens that depends on the turn, or else with the outcome. */
  unrecorded: ReadonlyArray<Draft>
}

/** Appends what the turn has left unrecorded, and these events with it. */
export const record = (
  leg: Leg,
  turn: Turn,
  events: ReadonlyArray<Draft>
): Effect.Effect<void, Lost | EventLog.EventLogError> => {
  const all = [...turn.unrecorded, ...events]
  turn.unrecorded = []
  return Arr.isArrayNonEmpty(all) ? leg.record(all) : Effect.void
}

/** Takes turns, one after the other; a turn without an answer is the end of the leg. */
export const make = (
  equipment: Equipment,
  conversation: Conversation
): ((number: number, isLast: boolean) => Effect.Effect<Turn | Ended>) => {
  const { leg, model, workspace } = equipment
  const load = Attachments.loader(workspace, leg.task)
  /** What happened around the call; what comes after its answer is recorded with the next one. */
  const notices: Array<Draft> = []

  const ask = (number: number, isLast: boolean, fresh: Messages, shown: Messages): Effect.Effect<Turn | Ended> =>
    Effect.match(model.generate(request(equipment, { number, isLast }, shown, notices)), {
      onFailure: (error): Turn | Ended => modelFailed(error, { progress: notices.splice(0) }),
      onSuccess: (answer) => {
        const parts = AnswerParts.recordable(answer.parts)
        conversation.answer(parts)
        const completed = completionOf(leg, number, fresh, { ...answer, parts })
        return {
          number,
          answer: { parts, finishReason: answer.finishReason },
          unrecorded: notices.length === 0 ? [completed] : [...notices.splice(0), completed]
        }
      }
    })

  return (number, isLast) => {
    const recorded = leg.history.turns[number - 1]
    const fresh = conversation.ask(recorded?.messages)
    if (recorded !== undefined) {
      conversation.answer(recorded.parts)
      return Effect.succeed({ number, answer: recorded, unrecorded: [] })
    }
    return Effect.matchEffect(load(conversation.messages), {
      onFailure: ({ message }) =>
        Effect.succeed(failed("attachment", message, { isRetryable: false, keepsTurns: true })),
      onSuccess: (shown) => ask(number, isLast, fresh, shown)
    })
  }
}

const completionOf = (leg: Leg, turn: number, messages: Messages, answer: Llm.Answer): Draft => ({
  type: "TurnCompleted",
  taskId: leg.task.id,
  run: leg.run,
  turn,
  messages,
  parts: answer.parts,
  finishReason: answer.finishReason,
  model: answer.model,
  usage: answer.usage
})

/** What the model is asked in a turn. */
const request = (
  { agent, caller, leg, limits, toolDefinitions }: Equipment,
  { isLast, number: turn }: { readonly number: number; readonly isLast: boolean },
  messages: Messages,
  notices: Array<Draft>
): Llm.Request => {
  const { onDelta, run, task } = leg
  const toolsAllowed = toolDefinitions.length > 0 && !isLast
  let offset = 0
  return {
    messages,
    tools: toolDefinitions,
    toolChoice: toolsAllowed ? "auto" : "none",
    // The provider's own means for JSON only when no tool can be called any more: a schema must never stop the tools.
    ...(task.output !== undefined && !toolsAllowed ? { output: { name: task.id, schema: task.output } } : {}),
    ...(agent.modelOptions === undefined ? {} : { options: agent.modelOptions }),
    ...(limits === undefined ? {} : { limits }),
    ...(task.cache === true ? { cache: true } : {}),
    ...(onDelta === undefined
      ? {}
      : {
          onDelta: (delta: string) => {
            onDelta(turn, offset, delta)
            offset += delta.length
          }
        }),
    onNotice: (notice) => {
      const redacted = { ...notice, message: redact(notice.message) }
      notices.push({ type: "ModelNoticed", taskId: task.id, run, turn, notice: redacted })
    },
    caller
  }
}
