/** A conversation that does not fit the context window of its model, and its shortened form. */
import type * as Llm from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import type * as Effect from "effect/Effect"

/** A conversation that is too long. */
export interface Conversation {
  /** Instructions and the task: everything before the first answer. */
  readonly opening: ReadonlyArray<Prompt.MessageEncoded>
  /**
   * Oldest first. Each is an answer with all that follows it: results of its tools, a complaint.
   */
  readonly turns: ReadonlyArray<ReadonlyArray<Prompt.MessageEncoded>>
  /** Tokens that opening and turns together may have. */
  readonly limit: number
  /** Estimated tokens. */
  readonly count: (messages: ReadonlyArray<Prompt.MessageEncoded>) => number
  /**
   * Asks the model that the conversation is with, within the same limits; what it uses is added to
   * what the answer says it used.
   */
  readonly ask: (
    messages: ReadonlyArray<Prompt.MessageEncoded>,
    options: NonNullable<Llm.Request["options"]>
  ) => Effect.Effect<Llm.Answer, Llm.LlmError>
  /** Adds a sentence to the notice about what was done. */
  readonly say: (sentence: string) => void
}

/** Answers what is sent instead. */
export type Strategy = (conversation: Conversation) => Effect.Effect<ReadonlyArray<Prompt.MessageEncoded>, Llm.LlmError>
