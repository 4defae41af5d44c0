/**
 * Chats with Ollama, line by line, as answers of ours. What is no answer is a `Fault`.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import type { Prices } from "../Prices.ts"
import * as Price from "../Prices.ts"
import * as Fault from "../Provider/Fault.ts"
import * as ProviderJson from "../Provider/Json.ts"

// As servers send them: nothing is taken for granted.
interface Chunk {
  readonly model?: string | null
  readonly message?: {
    readonly content?: string | null
    readonly thinking?: string | null
    readonly tool_calls?: ReadonlyArray<ToolCall> | null
  } | null
  readonly done?: boolean
  readonly done_reason?: string | null
  readonly prompt_eval_count?: number | null
  readonly eval_count?: number | null
  readonly error?: unknown
}
interface ToolCall {
  readonly id?: string | null
  readonly function?: { readonly name?: string | null; readonly arguments?: unknown } | null
}

export interface Context {
  /** The id that was asked for. */
  readonly model: string
  readonly prices: Prices | undefined
  /** Whether it runs on the user's own machines, so that it costs nothing where no price says otherwise. */
  readonly isFree: boolean
  /** Ids for calls that have none: no two alike in a conversation. */
  readonly newId: () => string
}

/** Gathers a chat from its lines. */
export class Accumulator {
  readonly #context: Context
  #text = ""
  #given = 0
  #thinking = ""
  readonly #calls: Array<ToolCall> = []
  #last: Chunk | undefined
  #any = false
  /** True when the provider said that this is all. */
  done = false

  constructor(context: Context) {
    this.#context = context
  }

  /** One line. */
  readonly add = (line: string): void => {
    if (this.done) return
    const chunk: Chunk = ProviderJson.parseObject(line)
    if (chunk.error != null) throw new Fault.FailedMidStream({ message: chunk.error })
    const { message } = chunk
    if (message == null && chunk.done !== true) throw new Fault.NotAnAnswer("The provider's answer has no message.")
    this.#any = true
    this.#last = chunk
    if (message?.content != null) this.#text += message.content
    if (message?.thinking != null) this.#thinking += message.thinking
    if (message?.tool_calls != null) this.#calls.push(...message.tool_calls)
    if (chunk.done === true) this.done = true
  }

  /** The text that came since the last time. */
  takeDelta(): string {
    const delta = this.#text.slice(this.#given)
    this.#given = this.#text.length
    return delta
  }

  finish(): Answer {
    if (!this.#any || this.#last === undefined) throw new Fault.NotAnAnswer("The provider's stream was empty.")
    if (!this.done) {
      throw new Fault.NotAnAnswer("The provider's stream was cut off before the answer was complete.")
    }
    const { isFree, model, prices } = this.#context
    const parts: Array<Response.PartEncoded> = []
    if (this.#thinking !== "") parts.push({ type: "reasoning", text: this.#thinking })
    if (this.#text !== "") parts.push({ type: "text", text: this.#text })
    for (const call of this.#calls) parts.push(this.#call(call))
    const tokens = {
      inputTokens: this.#last.prompt_eval_count ?? 0,
      cachedInputTokens: 0,
      outputTokens: this.#last.eval_count ?? 0
    }
    return {
      parts,
      finishReason: finishReason(this.#last.done_reason ?? undefined, this.#calls.length > 0),
      usage: {
        requests: 1,
        ...tokens,
        reasoningTokens: 0,
        costUsd: Price.cost(prices, model, tokens) ?? (isFree ? 0 : null)
      },
      model: this.#last.model ?? model
    }
  }

  #call(call: ToolCall): Response.PartEncoded {
    const { name, arguments: given } = call.function ?? {}
    if (name == null || name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
    const id = call.id == null || call.id === "" ? this.#context.newId() : call.id
    const params = typeof given === "string" ? ProviderJson.parseArguments(given) : (given ?? {})
    return { type: "tool-call", id, name, params }
  }
}

const finishReason = (reason: string | undefined, called: boolean): Response.FinishReason => {
  switch (reason) {
    case "length":
      return "length"
    case "stop":
    case undefined:
      return called ? "tool-calls" : reason === undefined ? "unknown" : "stop"
    default:
      return "other"
  }
}
