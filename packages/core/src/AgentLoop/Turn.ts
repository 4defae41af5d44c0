/** One turn of the conversation: what the log has of it, or what the model answers now. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import type { Draft, TurnCompleted } from "../ExecutionEvent.ts"
import * as Llm from "../Llm.ts"
import { isTrusted, leastTrusted, type Origin } from "../MemoryOptions.ts"
import { redact } from "../Redact.ts"
import * as Attachments from "./Attachments.ts"
import * as AnswerParts from "./AnswerParts.ts"
import * as Budget from "./Budget.ts"
import type { Conversation } from "./Conversation.ts"
import { type Equipment, offeredIn } from "./Equipment.ts"
import * as Exposure from "./Exposure.ts"
import { failed, type Ended, type Leg, type Lost } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"
import * as Trust from "./Trust.ts"

type Messages = Llm.Request["messages"]

export interface Turn {
  /** From 1. */
  readonly number: number
  readonly answer: Pick<TurnCompleted, "parts" | "finishReason">
  /** A limit was reached: none follows, and the output is what the agent had by then. */
  readonly isLast: boolean
  /** The least trusted origin of what the agent was shown before it. */
  readonly trust: Origin
  /** The data that the agent has read before; policies depend on it. */
  readonly seen: () => Exposure.Seen
  /**
   * What must be appended before anything happens that depends on the turn, or else with the
   * outcome.
   */
  unrecorded: ReadonlyArray<Draft>
  /** To be run once the answer has not been refused. */
  readonly accept?: Effect.Effect<void>
}

/** How a turn is asked for. */
export interface Asking {
  /** Without tools. */
  readonly isLast: boolean
  /** A limit was reached: none follows. */
  readonly finishes: boolean
  /** Instead of the tools of the task. */
  readonly offered?: ReadonlyArray<Llm.ToolDefinition>
  /** By what words, where those are not the ones of the task. */
  readonly prompt?: string
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
): ((number: number, asking: Asking) => Effect.Effect<Turn | Ended, EventLog.EventLogError>) => {
  const { leg, model, workspace } = equipment
  const load = Attachments.loader(workspace, leg.task)
  /** What happened around the call; what comes after its answer is recorded with the next one. */
  const notices: Array<Draft> = []

  const answered = (asked: Asked, fresh: Messages, answer: Llm.Answer): Turn => {
    const { finishes, number } = asked
    const parts = AnswerParts.recordable(answer.parts, conversation.callIds)
    conversation.answer(parts)
    const completed = completionOf(equipment, asked, fresh, { ...answer, parts })
    return {
      number,
      answer: { parts, finishReason: answer.finishReason },
      isLast: finishes,
      trust: Trust.of(equipment, conversation),
      seen: () => Exposure.of(equipment, conversation),
      unrecorded: [...(number === 1 ? recalledBy(leg) : []), ...notices.splice(0), completed],
      ...(answer.accept === undefined ? {} : { accept: answer.accept })
    }
  }

  const ask = (asked: Asked, fresh: Messages, shown: Messages): Effect.Effect<Turn | Ended, EventLog.EventLogError> =>
    Effect.matchEffect(model.generate(request(equipment, asked, shown, notices)), {
      onFailure: (error) => {
        if (asked.finishes || !Budget.finishes(leg, error))
          return Budget.ended(leg, error, { progress: notices.splice(0) })
        const message = Prompting.lastTurnMessage(leg.task.output)
        conversation.add(message)
        return ask({ ...asked, isLast: true, finishes: true }, [...fresh, message], [...shown, message])
      },
      onSuccess: (answer): Effect.Effect<Turn | Ended, EventLog.EventLogError> => {
        const { finishReason } = answer
        // What was broken off is no answer, whatever has come of it.
        if (finishReason !== "error" && finishReason !== "other") return Effect.succeed(answered(asked, fresh, answer))
        const reason = new Llm.MalformedAnswer({ description: Prompting.brokenOff(finishReason) })
        const error = new Llm.LlmError({ model: model.reference, reason })
        return Budget.ended(leg, error, { progress: notices.splice(0) })
      }
    })

  const begin = (
    number: number,
    asking: Asking,
    heard?: number
  ): Effect.Effect<Turn | Ended, EventLog.EventLogError> => {
    const fresh = conversation.ask()
    return Effect.matchEffect(load(conversation.messages), {
      onFailure: ({ message }) =>
        Effect.succeed(failed("attachment", message, { isRetryable: false, keepsTurns: true })),
      onSuccess: (shown) => ask({ ...asking, number, ...(heard === undefined ? {} : { heard }) }, fresh, shown)
    })
  }

  const hear = Effect.fnUntraced(function* (unheard: ReadonlyArray<number>) {
    const sent = yield* Effect.forEach(unheard, leg.steering.read)
    const { output } = leg.task
    const last = sent.length - 1
    conversation.hear(
      sent.map(({ by, text }, index) =>
        Prompting.sentMessage(text, by.onBehalfOf ?? by.name, index === last ? output : undefined)
      ),
      unheard[last]!
    )
    return unheard[last]!
  })

  return (number, asking) => {
    const recorded = leg.history.turns[number - 1]
    if (recorded !== undefined) {
      conversation.ask(recorded.messages)
      conversation.heard = recorded.heard ?? conversation.heard
      conversation.answer(recorded.parts)
      const trust = Trust.of(equipment, conversation)
      return Effect.succeed({
        number,
        answer: recorded,
        isLast: recorded.isLast === true,
        trust,
        seen: () => Exposure.of(equipment, conversation),
        unrecorded: []
      })
    }
    const unheard = leg.steering.since(conversation.heard)
    return unheard.length === 0
      ? begin(number, asking)
      : Effect.flatMap(hear(unheard), (heard) => begin(number, asking, heard))
  }
}

/** Becomes a fact with the first turn: whoever has that recalls nothing again. */
const recalledBy = ({ memories, run, task }: Leg): ReadonlyArray<Draft> => {
  if (memories.length === 0) return []
  const trust = memories.map((memory) => memory.trust).reduce(leastTrusted)
  return [
    {
      type: "MemoryRecalled",
      taskId: task.id,
      run,
      ids: memories.map(({ id }) => id),
      scores: memories.map(({ score }) => score),
      why: memories.map(({ why }) => why),
      ...(isTrusted(trust, "agent") ? {} : { trust })
    }
  ]
}

/** A turn that is asked for. */
interface Asked extends Asking {
  readonly number: number
  /** With messages of people up to the one with this seq. */
  readonly heard?: number
}

const completionOf = (
  { leg, prompt }: Equipment,
  { finishes, heard, number, prompt: own }: Asked,
  messages: Messages,
  answer: Llm.Answer
): Draft => ({
  type: "TurnCompleted",
  taskId: leg.task.id,
  run: leg.run,
  turn: number,
  messages,
  parts: answer.parts,
  finishReason: answer.finishReason,
  model: answer.model,
  usage: answer.usage,
  ...(finishes ? { isLast: true } : {}),
  ...(own !== undefined ? { prompt: own } : number === 1 && prompt !== undefined ? { prompt } : {}),
  ...(heard === undefined ? {} : { heard })
})

/** What the model is asked in a turn. */
const request = (
  equipment: Equipment,
  { finishes, isLast, number: turn, offered }: Asked,
  messages: Messages,
  notices: Array<Draft>
): Llm.Request => {
  const { agent, caller, lastTurnLimits, leg, turnLimits } = equipment
  const { onDelta, task } = leg
  const limits = finishes ? lastTurnLimits : turnLimits
  const tools = offered ?? offeredIn(equipment, turn)
  const toolsAllowed = tools.length > 0 && !isLast
  let offset = 0
  return {
    messages,
    tools,
    toolChoice: toolsAllowed ? "auto" : "none",
    // The provider's own means for JSON only when no tool can be called any more: a schema must
    // never stop the tools.
    ...(task.output !== undefined && !toolsAllowed ? { output: { name: task.id, schema: task.output } } : {}),
    ...(agent.modelOptions === undefined ? {} : { options: agent.modelOptions }),
    ...(limits === undefined ? {} : { limits }),
    ...(task.cache === true ? { cache: "when-accepted" as const } : {}),
    ...(onDelta === undefined
      ? {}
      : {
          onDelta: (delta: string) => {
            onDelta(turn, offset, delta)
            offset += delta.length
          }
        }),
    onNotice: noting(leg, turn, notices),
    caller
  }
}

/** Keeps what happens around a call of a turn. */
export const noting =
  ({ run, task }: Leg, turn: number, notices: Array<Draft>): NonNullable<Llm.Request["onNotice"]> =>
  (notice) => {
    const redacted = { ...notice, message: redact(notice.message) }
    notices.push({ type: "ModelNoticed", taskId: task.id, run, turn, notice: redacted })
  }
