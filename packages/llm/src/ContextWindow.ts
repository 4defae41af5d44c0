/**
 * Keeps conversations within what a model can read: when one would not fit, older turns are left out, and `context-trimmed` says so.
 * The instructions, the task and the last turn always stay. A call of a tool and its result stay together or go together: a provider
 * refuses one without the other.
 *
 * What is left out is out of this call alone: the log keeps it. Where even what must stay does not fit, the call is made as it is,
 * and the provider says so (`ContextTooLong`).
 */
import type * as Llm from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as PromptEstimate from "./PromptEstimate.ts"

export interface Options {
  /** Tokens that a model reads and writes in one call, by reference, before those of `known`; others are not limited. */
  readonly windows?: { readonly [reference: string]: number }
  /** Tokens that are kept free for the answer where the request does not say. Default: 4,096. */
  readonly outputTokens?: number
  /** What makes a conversation short enough. Default: `dropOldest`. */
  readonly strategy?: Strategy
}

/** A conversation that is too long. */
export interface Conversation {
  /** Instructions and the task: what stands before the first answer. */
  readonly opening: ReadonlyArray<Prompt.MessageEncoded>
  /** Oldest first. Each is an answer with all that follows it: results of its tools, a complaint. */
  readonly turns: ReadonlyArray<ReadonlyArray<Prompt.MessageEncoded>>
  /** Tokens that opening and turns together may have. */
  readonly limit: number
  /** Estimated tokens. */
  readonly count: (messages: ReadonlyArray<Prompt.MessageEncoded>) => number
}

/** Answers what is sent instead. It may ask a model, for a summary of what it leaves out for example. */
export type Strategy = (conversation: Conversation) => Effect.Effect<ReadonlyArray<Prompt.MessageEncoded>, Llm.LlmError>

/** Windows of well-known models, in tokens. */
export const known: { readonly [reference: string]: number } = {
  "openai/gpt-4o": 128_000,
  "openai/gpt-4o-mini": 128_000,
  "openai/gpt-4.1": 1_047_576,
  "openai/gpt-4.1-mini": 1_047_576,
  "openai/gpt-4.1-nano": 1_047_576,
  "openai/o3": 200_000,
  "openai/o4-mini": 200_000,
  "openai/gpt-5": 400_000,
  "openai/gpt-5-mini": 400_000,
  "openai/gpt-5-nano": 400_000,
  "openai/gpt-5.1": 400_000,
  "openai/gpt-5.2": 400_000,
  "anthropic/claude-opus-4-5": 200_000,
  "anthropic/claude-opus-4-1": 200_000,
  "anthropic/claude-sonnet-4-5": 200_000,
  "anthropic/claude-haiku-4-5": 200_000
}

/** Leaves out the oldest turns, as few as it takes, never the last one. */
export const dropOldest: Strategy = ({ count, limit, opening, turns }) =>
  Effect.sync(() => {
    let size = count(opening) + turns.reduce((sum, turn) => sum + count(turn), 0)
    let first = 0
    while (size > limit && first < turns.length - 1) size -= count(turns[first++]!)
    return [...opening, ...turns.slice(first).flat()]
  })

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { outputTokens = 4_096, strategy = dropOldest } = options
  return (model) => {
    const { reference } = model
    const window = options.windows?.[reference] ?? known[reference.replace(/-\d{4}-?\d{2}-?\d{2}$/, "")]
    if (window === undefined) return model

    const generate = Effect.fnUntraced(function* (request: Llm.Request, limit: number) {
      const counter = yield* PromptEstimate.counter
      const margin = PromptEstimate.margin(reference)
      if (counter.request(request) * margin <= limit) return yield* model.generate(request)
      const count = (messages: ReadonlyArray<Prompt.MessageEncoded>) =>
        Math.ceil(messages.reduce((sum, each) => sum + counter.message(each), 0) * margin)
      const [opening, turns] = split(request.messages)
      const room = limit - Math.ceil(counter.frame(request) * margin)
      const messages = yield* strategy({ opening, turns, limit: room, count })
      request.onNotice?.({
        kind: "context-trimmed",
        model: reference,
        message: `The conversation of about ${count(request.messages)} tokens would not have fitted; it was cut to ${messages.length} of ${request.messages.length} messages (about ${count(messages)} tokens).`
      })
      return yield* model.generate({ ...request, messages })
    })

    return {
      reference,
      generate: (request) => {
        const limit = window - (request.options?.maxOutputTokens ?? outputTokens)
        return PromptEstimate.atMost(request) <= limit ? model.generate(request) : generate(request, limit)
      }
    }
  }
}

const split = (messages: ReadonlyArray<Prompt.MessageEncoded>) => {
  const answered = messages.findIndex(({ role }) => role === "assistant" || role === "tool")
  const opening = answered === -1 ? messages : messages.slice(0, answered)
  const turns: Array<Array<Prompt.MessageEncoded>> = []
  for (const message of messages.slice(opening.length)) {
    // A complaint belongs to the answer that it is about, a result to the answer that asked for it.
    if (message.role === "assistant" || turns.length === 0) turns.push([message])
    else turns.at(-1)!.push(message)
  }
  return [opening, turns] as const
}
