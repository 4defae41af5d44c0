/**
 * Messages of Anthropic, whole or in events, as answers of ours. What is no answer is a `Fault`.
 *
 * Reasoning keeps its signature in the part's metadata: the provider wants it back, unchanged, with the results of the tools that
 * were called after it.
 */
import type { Answer } from "@crewline/core/Llm"
import type { Usage } from "@crewline/core/Usage"
import type * as Response from "effect/ai/Response"
import type { Prices } from "../Prices.ts"
import * as Price from "../Prices.ts"
import * as Fault from "../Provider/Fault.ts"
import * as ProviderJson from "../Provider/Json.ts"

// As servers send them: nothing is taken for granted.
interface Message {
  readonly id?: string | null
  readonly type?: string | null
  readonly model?: string | null
  readonly content?: ReadonlyArray<Block> | null
  readonly stop_reason?: string | null
  readonly stop_details?: StopDetails | null
  readonly usage?: MessageUsage | null
  readonly error?: Fault.FailedMidStream["body"] | null
}
interface StopDetails {
  readonly category?: string | null
  readonly explanation?: string | null
}
interface Block {
  readonly type?: string
  readonly text?: string | null
  readonly thinking?: string | null
  readonly signature?: string | null
  readonly data?: string | null
  readonly id?: string | null
  readonly name?: string | null
  readonly input?: unknown
}
interface MessageUsage {
  readonly input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: number | null } | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: { readonly thinking_tokens?: number | null } | null
}
interface StreamEvent {
  readonly type?: string
  readonly index?: number
  readonly message?: Message | null
  readonly content_block?: Block | null
  readonly delta?: Delta | null
  readonly usage?: MessageUsage | null
  readonly error?: Fault.FailedMidStream["body"] | null
}
interface Delta {
  readonly type?: string
  readonly text?: string
  readonly partial_json?: string
  readonly thinking?: string
  readonly signature?: string
  readonly stop_reason?: string | null
  readonly stop_details?: StopDetails | null
}

export interface Context {
  /** The id that was asked for. */
  readonly model: string
  readonly prices: Prices | undefined
  /** The tool whose arguments are the answer. */
  readonly outputTool: string | undefined
}

/** Reads a message that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const message: Message = ProviderJson.parseObject(text)
  if (message.error != null) throw new Fault.FailedMidStream(message.error)
  const { content } = message
  if (!Array.isArray(content)) throw new Fault.NotAnAnswer("The provider's answer has no content.")
  const blocks = content.map((block: Block): Gathered => ({
    type: block.type ?? "",
    text: block.text ?? block.thinking ?? block.data ?? "",
    signature: block.signature ?? "",
    id: block.id ?? "",
    name: block.name ?? "",
    input: block.input
  }))
  return answer(context, blocks, message)
}

/** Gathers a message from its events. */
export class Accumulator {
  readonly #context: Context
  #message: Message = {}
  readonly #blocks: Array<Gathered & { json: string }> = []
  #delta = ""
  #any = false
  /** True when the provider said that this is all. */
  done = false

  constructor(context: Context) {
    this.#context = context
  }

  /** The `data` of one event. */
  readonly add = (data: string): void => {
    if (this.done) return
    const event: StreamEvent = ProviderJson.parseObject(data)
    if (event.error != null) throw new Fault.FailedMidStream(event.error)
    this.#any = true
    switch (event.type) {
      case "message_start":
        this.#message = event.message ?? {}
        break
      case "content_block_start":
        if (event.content_block != null) this.#open(event.index ?? this.#blocks.length, event.content_block)
        break
      case "content_block_delta":
        if (event.delta != null) this.#extend(event.index ?? this.#blocks.length - 1, event.delta)
        break
      case "message_delta": {
        const { delta, usage } = event
        this.#message = {
          ...this.#message,
          ...(delta?.stop_reason != null && { stop_reason: delta.stop_reason }),
          ...(delta?.stop_details != null && { stop_details: delta.stop_details }),
          ...(usage != null && { usage: merged(this.#message.usage, usage) })
        }
        break
      }
      case "message_stop":
        this.done = true
    }
  }

  #open(index: number, block: Block): void {
    const text = block.text ?? block.thinking ?? block.data ?? ""
    this.#blocks[index] = {
      type: block.type ?? "",
      text,
      signature: block.signature ?? "",
      id: block.id ?? "",
      name: block.name ?? "",
      input: block.input,
      json: ""
    }
    if (block.type === "text") this.#delta += text
  }

  #extend(index: number, delta: Delta): void {
    const block = this.#blocks[index]
    if (block === undefined) throw new Fault.NotAnAnswer("The provider's stream goes on with what it had not begun.")
    if (delta.text !== undefined) {
      block.text += delta.text
      this.#delta += delta.text
    }
    if (delta.thinking !== undefined) block.text += delta.thinking
    if (delta.signature !== undefined) block.signature += delta.signature
    if (delta.partial_json !== undefined) {
      block.json += delta.partial_json
      if (block.name === this.#context.outputTool) this.#delta += delta.partial_json
    }
  }

  /** The text that came since the last time. */
  takeDelta(): string {
    const delta = this.#delta
    this.#delta = ""
    return delta
  }

  finish(): Answer {
    if (!this.#any) throw new Fault.NotAnAnswer("The provider's stream was empty.")
    if (!this.done && this.#message.stop_reason == null) {
      throw new Fault.NotAnAnswer("The provider's stream was cut off before the answer was complete.")
    }
    const blocks = this.#blocks
      .filter((block) => block !== undefined)
      .map((block) => (block.json === "" ? block : { ...block, input: ProviderJson.parseArguments(block.json) }))
    return answer(this.#context, blocks, this.#message)
  }
}

// --- the same for both ------------------------------------------------------------------------------------------------------------

interface Gathered {
  type: string
  text: string
  signature: string
  id: string
  name: string
  input: unknown
}

/** The last event has the final counts; what it leaves out stays. */
const merged = (before: MessageUsage | null | undefined, after: MessageUsage): MessageUsage => ({
  ...before,
  ...Object.fromEntries(Object.entries(after).filter(([, value]) => value != null))
})

const answer = (context: Context, blocks: ReadonlyArray<Gathered>, message: Message): Answer => {
  if (message.stop_reason === "refusal") {
    const { category, explanation } = message.stop_details ?? {}
    const why = explanation ?? (category == null ? "it gave no reason" : `content of the category "${category}"`)
    throw new Fault.Refused(`The model refused: ${ProviderJson.excerpt(why)}`)
  }
  const parts: Array<Response.PartEncoded> = []
  let called = false
  blocks.forEach((block, index) => {
    switch (block.type) {
      case "text":
        if (block.text !== "") parts.push({ type: "text", text: block.text })
        break
      case "thinking":
        parts.push({ type: "reasoning", text: block.text, metadata: { anthropic: { signature: block.signature } } })
        break
      case "redacted_thinking":
        parts.push({ type: "reasoning", text: "", metadata: { anthropic: { redactedData: block.text } } })
        break
      case "tool_use": {
        const { input, name } = block
        if (name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
        if (name === context.outputTool) {
          parts.push({ type: "text", text: typeof input === "string" ? input : JSON.stringify(input ?? {}) })
          break
        }
        called = true
        const id = block.id === "" ? `${message.id ?? "call"}_${index}` : block.id
        const params = typeof input === "string" ? ProviderJson.parseArguments(input) : (input ?? {})
        parts.push({ type: "tool-call", id, name, params })
      }
    }
  })
  return {
    parts,
    finishReason: finishReason(message.stop_reason ?? undefined, called),
    usage: usageOf(context, message.usage ?? undefined),
    model: message.model ?? context.model
  }
}

const finishReason = (reason: string | undefined, called: boolean): Response.FinishReason => {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length"
    case "end_turn":
    case "stop_sequence":
    case "tool_use":
      return called ? "tool-calls" : "stop"
    case "pause_turn":
      return "pause"
    case undefined:
      return called ? "tool-calls" : "unknown"
    default:
      return "other"
  }
}

/** `input_tokens` of the provider are those that its cache had no part in. */
const usageOf = ({ model, prices }: Context, usage: MessageUsage | undefined): Usage => {
  const cachedInputTokens = usage?.cache_read_input_tokens ?? 0
  const cacheWriteInputTokens = usage?.cache_creation_input_tokens ?? 0
  const cacheWriteHourInputTokens = usage?.cache_creation?.ephemeral_1h_input_tokens ?? 0
  const tokens = {
    inputTokens: (usage?.input_tokens ?? 0) + cachedInputTokens + cacheWriteInputTokens,
    cachedInputTokens,
    ...(cacheWriteInputTokens > 0 && { cacheWriteInputTokens }),
    outputTokens: usage?.output_tokens ?? 0
  }
  return {
    requests: 1,
    ...tokens,
    reasoningTokens: usage?.output_tokens_details?.thinking_tokens ?? 0,
    costUsd: usage === undefined ? null : Price.cost(prices, model, { ...tokens, cacheWriteHourInputTokens })
  }
}
