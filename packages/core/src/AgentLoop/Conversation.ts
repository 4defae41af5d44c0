/**
 * What the agent and its model have said to each other, in the order in which it is shown to the
 * model.
 */
import type * as Prompt from "effect/ai/Prompt"
import type { TurnCompleted } from "../ExecutionEvent.ts"
import type { Equipment } from "./Equipment.ts"
import type { Leg } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"

type Messages = ReadonlyArray<Prompt.MessageEncoded>

export class Conversation {
  private readonly said: Array<Prompt.MessageEncoded> = []
  /** What the next turn adds. */
  private fresh: Messages
  private readonly ids = new Set<string>()
  /** The seq of the last message of a person that was shown to the model; 0: none. */
  heard = 0

  constructor(opening: Messages) {
    this.fresh = opening
  }

  /** Ids of the calls that were made so far. */
  get callIds(): ReadonlySet<string> {
    return this.ids
  }

  get messages(): Messages {
    return this.said
  }

  /**
   * Opens a turn with what it adds; a recorded one added what the log says. Answers with what was
   * added.
   */
  ask(recorded?: Messages): Messages {
    const added = recorded ?? this.fresh
    for (const message of added) this.said.push(message)
    return added
  }

  /** Adds to the turn that is open. */
  add(message: Prompt.MessageEncoded): void {
    this.said.push(message)
  }

  /** Whether a call of such a tool was made, and did not fail. */
  has(isTool: (name: string) => boolean): boolean {
    return this.said.some(
      ({ content, role }) =>
        role === "tool" && content.some((part) => part.type === "tool-result" && !part.isFailure && isTool(part.name))
    )
  }

  /** The results that the agent was shown, of tools that did not fail. */
  *results(): Generator<{ readonly name: string; readonly result: unknown }> {
    for (const { content, role } of this.said)
      if (role === "tool") for (const part of content) if (part.type === "tool-result" && !part.isFailure) yield part
  }

  /** The model has answered. */
  answer(parts: TurnCompleted["parts"]): void {
    for (const part of parts) if (part.type === "tool-call") this.ids.add(part.id)
    const message = Prompting.answerMessage(parts)
    // Providers refuse a message without content.
    if (message.content.length > 0) this.said.push(message)
  }

  /** What is said to the model in the next turn. */
  reply(...messages: Messages): void {
    this.fresh = messages
  }

  /** The next turn also carries what people have sent, up to the message with this seq. */
  hear(messages: Messages, seq: number): void {
    this.fresh = [...this.fresh, ...messages]
    this.heard = seq
  }
}

/** The conversation before the first turn. */
export const begin = ({ agent, leg }: Equipment): Conversation =>
  new Conversation([
    ...Prompting.opening({ agent, task: leg.task, upstream: leg.upstream, memories: leg.memories }),
    ...adviceAfter(leg, 0)
  ])

/** What the agent was told after a failure that followed a turn. */
export const adviceAfter = ({ history }: Leg, turn: number): Messages =>
  history.advice.flatMap((each) => (each.turn === turn ? [Prompting.adviceMessage(each.text)] : []))
