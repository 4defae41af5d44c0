/**
 * Keeps conversations within the context window of a model: if one does not fit, older turns are
 * omitted or replaced by a summary, with a `context-trimmed` notice. The instructions, the task and
 * the last turn are always kept. A tool call and its result are kept or omitted together, because
 * providers reject one without the other.
 *
 * Turns are omitted only from the call: the log keeps them. If even the required parts do not fit,
 * the call is made unchanged, and the provider reports `ContextTooLong`.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type * as Persistence from "effect/persistence/Persistence"
import type { Conversation, Strategy } from "./ContextWindow/Conversation.ts"
import * as ContextSummary from "./ContextWindow/Summary.ts"
import * as PromptEstimate from "./PromptEstimate.ts"

export type { Conversation, Strategy } from "./ContextWindow/Conversation.ts"

export interface Options {
  /**
   * Tokens that a model reads and writes in one call, by reference, before those of `known`; others
   * are not limited.
   */
  readonly windows?: { readonly [reference: string]: number | Window }
  /** Tokens that are kept free for the answer where the request does not say. Default: 4,096. */
  readonly outputTokens?: number
  /**
   * What makes a conversation short enough: `drop` is `dropOldest`, `summarise` is `summarise()`.
   * Default: `drop`.
   */
  readonly strategy?: "drop" | "summarise" | Strategy
  /** Where `summarise` keeps summaries beyond this process. */
  readonly store?: Persistence.BackingPersistenceStore
}

/** How much a model reads and writes in one call, in tokens. */
export interface Window {
  readonly total: number
  /** The most that it reads, where that is less. Default: `total`. */
  readonly input?: number
}

const gpt5: Window = { total: 400_000, input: 272_000 }
const gpt54: Window = { total: 1_050_000, input: 922_000 }

/**
 * Windows of well-known models, as their makers' pages give them, without what has to be asked for
 * (a beta, a header).
 */
export const known: { readonly [reference: string]: number | Window } = {
  "openai/gpt-4o": 128_000,
  "openai/gpt-4o-mini": 128_000,
  "openai/gpt-4.1": 1_047_576,
  "openai/gpt-4.1-mini": 1_047_576,
  "openai/gpt-5": gpt5,
  "openai/gpt-5-mini": gpt5,
  "openai/gpt-5-nano": gpt5,
  "openai/gpt-5.1": gpt5,
  "openai/gpt-5.2": gpt5,
  "openai/gpt-5.4": gpt54,
  "openai/gpt-5.4-mini": gpt5,
  "openai/gpt-5.4-nano": gpt5,
  "openai/gpt-5.5": gpt54,
  "openai/gpt-5.6-sol": gpt54,
  "openai/gpt-5.6-terra": gpt54,
  "openai/gpt-5.6-luna": gpt54,
  "openai/gpt-6.1-terra": gpt54,
  "anthropic/claude-haiku-4-5": 200_000,
  "anthropic/claude-haiku-5-5": 1_000_000,
  "anthropic/claude-sonnet-4-5": 200_000,
  "anthropic/claude-sonnet-4-6": 200_000,
  "anthropic/claude-sonnet-5": 1_000_000,
  "anthropic/claude-sonnet-5-5": 1_000_000,
  "anthropic/claude-opus-4-1": 200_000,
  "anthropic/claude-opus-4-5": 200_000,
  "anthropic/claude-opus-4-6": 200_000,
  "anthropic/claude-opus-4-7": 200_000,
  "anthropic/claude-opus-4-8": 200_000,
  "anthropic/claude-opus-5": 1_000_000,
  "anthropic/claude-opus-5-5": 1_000_000,
  "anthropic/claude-fable-5": 1_000_000,
  "anthropic/claude-fable-5-1": 1_000_000
}

/** Leaves out the oldest turns, as few as it takes, never the last one. */
export const dropOldest: Strategy = ({ count, limit, opening, turns }) =>
  Effect.sync(() => {
    let size = count(opening) + turns.reduce((sum, turn) => sum + count(turn), 0)
    let first = 0
    while (size > limit && first < turns.length - 1) size -= count(turns[first++]!)
    return [...opening, ...turns.slice(first).flat()]
  })

/**
 * Replaces the oldest turns by a summary that the model itself makes, in a call under the same
 * limits whose usage is counted with the answer's. It is made when a conversation first does not
 * fit, of as many turns as needed to free half of the window. Later calls reuse it, and so does a
 * task that continues after a crash: summaries are keyed by the content that they summarise, in
 * this process and, with a `store`, on every machine. Without a store, a task that continues in
 * another process pays for its summary again.
 *
 * If the summary cannot be made (the call fails, is refused by a budget, or does not fit), or if it
 * is not enough, turns are omitted as by `dropOldest`.
 */
export const summarise = (options: ContextSummary.Options = {}): Strategy => {
  const shorten = ContextSummary.make(options)
  return (conversation) =>
    shorten(conversation).pipe(
      Effect.catch((error) => {
        conversation.say(`The older turns could not be summarised: ${error.reason.description}`)
        return Effect.succeed(undefined)
      }),
      Effect.flatMap((shortened) => {
        if (shortened === undefined) return dropOldest(conversation)
        const { opening, summarised, turns } = shortened
        // The summary itself is not worth more than what it would push out.
        if (conversation.count([...opening, ...turns.at(-1)!]) > conversation.limit) return dropOldest(conversation)
        conversation.say(`The first ${summarised} of ${conversation.turns.length} turns were replaced by a summary.`)
        return dropOldest({ ...conversation, opening, turns })
      })
    )
}

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { outputTokens = 4_096, store } = options
  const strategy =
    typeof options.strategy === "function"
      ? options.strategy
      : options.strategy === "summarise"
        ? summarise(store === undefined ? {} : { store })
        : dropOldest
  return (model) => {
    const { reference } = model
    const given = options.windows?.[reference] ?? known[reference.replace(/-\d{4}-?\d{2}-?\d{2}$/, "")]
    if (given === undefined) return model
    const { input = Infinity, total } = typeof given === "number" ? { total: given } : given

    const generate = Effect.fnUntraced(function* (request: Llm.Request, limit: number) {
      const counter = yield* PromptEstimate.counter
      const margin = PromptEstimate.margin(reference)
      if (counter.request(request) * margin <= limit) return yield* model.generate(request)
      const count = (messages: ReadonlyArray<Prompt.MessageEncoded>) =>
        Math.ceil(messages.reduce((sum, each) => sum + counter.message(each), 0) * margin)
      const [opening, turns] = split(request.messages)
      const room = limit - Math.ceil(counter.frame(request) * margin)
      let spent = Usage.zero
      const ask: Conversation["ask"] = (messages, asked) => {
        const { caller, limits, onNotice } = request
        return Effect.tap(
          model.generate({
            messages,
            tools: [],
            toolChoice: "none",
            options: asked,
            ...(limits !== undefined && { limits }),
            ...(caller !== undefined && { caller }),
            ...(onNotice !== undefined && { onNotice })
          }),
          ({ usage }) => Effect.sync(() => (spent = Usage.add(spent, usage)))
        )
      }
      const said: Array<string> = []
      const messages = yield* strategy({
        opening,
        turns,
        limit: room,
        count,
        ask,
        say: (sentence) => void said.push(sentence)
      })
      request.onNotice?.({
        kind: "context-trimmed",
        model: reference,
        message: `The conversation of about ${count(request.messages)} tokens did not fit; it was cut to ${messages.length} of ${request.messages.length} messages (about ${count(messages)} tokens).${said.map((sentence) => ` ${sentence}`).join("")}`
      })
      const answer = yield* model.generate({ ...request, messages })
      return spent.requests === 0 ? answer : { ...answer, usage: Usage.add(spent, answer.usage) }
    })

    return {
      reference,
      generate: (request) => {
        const limit = Math.min(input, total - (request.options?.maxOutputTokens ?? outputTokens))
        return PromptEstimate.maxTokens(request) <= limit ? model.generate(request) : generate(request, limit)
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
