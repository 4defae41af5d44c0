/**
 * Messages of Anthropic, whole or in events, as answers of ours. What is no answer is a `Fault`.
 *
 * Reasoning keeps its signature in the part's metadata: the provider wants it back, unchanged, with the results of the tools that
 * were called after it.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import { Accumulator as StreamAccumulator } from "../Provider/Accumulator.ts"
import * as Fault from "../Provider/Fault.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as TokenUsage from "../Provider/TokenUsage.ts"

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

export interface Context extends TokenUsage.Context {
  /** The tool whose arguments are the answer. */
  readonly outputTool: string | undefined
}

/** Reads a message that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const message: Message = ProviderJson.parseObject(text)
  if (message.error != null) throw Fault.reported(message.error)
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
export class Accumulator extends StreamAccumulator<StreamEvent> {
  readonly #context: Context
  #message: Message = {}
  readonly #blocks: Array<Gathered & { json: string }> = []

  constructor(context: Context) {
    super()
    this.#context = context
  }

  protected gather(event: StreamEvent): void {
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
    if (block.type === "text") this.say(text)
  }

  #extend(index: number, delta: Delta): void {
    const block = this.#blocks[index]
    if (block === undefined)
      throw new Fault.NotAnAnswer("The provider's stream continues a content block that it did not start.")
    if (delta.text !== undefined) {
      block.text += delta.text
      this.say(delta.text)
    }
    if (delta.thinking !== undefined) block.text += delta.thinking
    if (delta.signature !== undefined) block.signature += delta.signature
    if (delta.partial_json !== undefined) {
      block.json += delta.partial_json
      if (block.name === this.#context.outputTool) this.say(delta.partial_json)
    }
  }

  protected override isComplete(): boolean {
    return this.#message.stop_reason != null
  }

  protected answer(): Answer {
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
    const why = explanation ?? (category == null ? "no reason given" : `content of the category "${category}"`)
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
    usage: TokenUsage.of(context, message.usage == null ? undefined : counted(message.usage)),
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
const counted = (usage: MessageUsage): TokenUsage.Counted => {
  const cachedInputTokens = usage.cache_read_input_tokens ?? 0
  const cacheWriteInputTokens = usage.cache_creation_input_tokens ?? 0
  return {
    inputTokens: (usage.input_tokens ?? 0) + cachedInputTokens + cacheWriteInputTokens,
    cachedInputTokens,
    cacheWriteInputTokens,
    cacheWriteHourInputTokens: usage.cache_creation?.ephemeral_1h_input_tokens,
    outputTokens: usage.output_tokens ?? 0,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens
  }
}
