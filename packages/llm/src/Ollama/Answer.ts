/**
 * Converts chats with Ollama, line by line, to answers. Anything that is not an answer is a
 * `Fault`.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import { Accumulator as StreamAccumulator } from "../Provider/Accumulator.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FinishReason from "../Provider/FinishReason.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as Thoughts from "../Thoughts.ts"
import * as TokenUsage from "../Provider/TokenUsage.ts"

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

export interface Context extends TokenUsage.Context {
  /**
   * Whether it runs on the user's own machines, so that it costs nothing where no price says
   * otherwise.
   */
  readonly isFree: boolean
  /** Ids for calls that have none: no two alike in a conversation. */
  readonly newId: () => string
}

/** Gathers a chat from its lines. */
export class Accumulator extends StreamAccumulator<Chunk> {
  readonly #context: Context
  #text = ""
  #thinking = ""
  readonly #calls: Array<ToolCall> = []
  #last: Chunk = {}

  constructor(context: Context) {
    super()
    this.#context = context
  }

  protected gather(chunk: Chunk): void {
    const { message } = chunk
    if (message == null && chunk.done !== true) throw new Fault.NotAnAnswer("The provider's answer has no message.")
    this.#last = chunk
    if (message?.content != null) {
      this.#text += message.content
      this.say(message.content)
    }
    if (message?.thinking != null) this.#thinking += message.thinking
    for (const call of message?.tool_calls ?? []) this.#calls.push(call)
    if (chunk.done === true) this.done = true
  }

  protected answer(): Answer {
    const { isFree, model } = this.#context
    const finishReason = FinishReason.of(this.#last.done_reason, this.#calls.length > 0)
    const parts: Array<Response.PartEncoded> = []
    const { reasoning: tagged, text } = Thoughts.split(this.#text)
    const reasoning = [this.#thinking, tagged].filter((each) => each !== "").join("\n\n")
    if (reasoning !== "") parts.push({ type: "reasoning", text: reasoning })
    if (text !== "") parts.push({ type: "text", text })
    for (const call of this.#calls) parts.push(this.#call(call))
    const usage = TokenUsage.of(this.#context, {
      inputTokens: this.#last.prompt_eval_count ?? 0,
      outputTokens: this.#last.eval_count ?? 0
    })
    return {
      parts,
      finishReason,
      usage: isFree && usage.costUsd === null ? { ...usage, costUsd: 0 } : usage,
      model: this.#last.model ?? model
    }
  }

  #call(call: ToolCall): Response.PartEncoded {
    const { name, arguments: given } = call.function ?? {}
    if (name == null || name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
    const id = call.id == null || call.id === "" ? this.#context.newId() : call.id
    const params = ProviderJson.argumentsOf(given)
    return { type: "tool-call", id, name, params }
  }
}
