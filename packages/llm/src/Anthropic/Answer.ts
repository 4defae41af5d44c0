/**
 * Converts messages of Anthropic, complete or streamed, to answers. Anything that is not an answer
 * is a `Fault`.
 *
 * Reasoning keeps its signature in the part's metadata: the provider wants it back, unchanged, with
 * the results of the tools that were called after it.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import { Accumulator as StreamAccumulator } from "../Provider/Accumulator.ts"
import type * as Schema from "effect/Schema"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FinishReason from "../Provider/FinishReason.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as Thoughts from "../Thoughts.ts"
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
  readonly error?: unknown
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
  readonly error?: unknown
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
  /** Of the server: its signatures go back only there. */
  readonly origin: string
  /** The tool whose arguments are the answer. */
  readonly outputTool: string | undefined
}

/** Reads a message that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const message: Message = ProviderJson.parseObject(text)
  if (message.error != null) throw Fault.reported(message)
  const { content } = message
  if (!Array.isArray(content))
    throw Fault.inOtherWords(message) ?? new Fault.NotAnAnswer("The provider's answer has no content.")
  const blocks = content.map((block: Block): Gathered => ({
    type: block.type ?? "",
    text: block.text ?? block.thinking ?? block.data ?? "",
    signature: block.signature ?? "",
    id: block.id ?? "",
    name: block.name ?? "",
    input: block.input,
    ...rawOf(block)
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
      json: "",
      ...rawOf(block)
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
    return !FinishReason.isNone(this.#message.stop_reason)
  }

  protected answer(): Answer {
    const blocks = this.#blocks
      .filter((block) => block !== undefined)
      .map((block) => (block.json === "" ? block : withInput(block, ProviderJson.parseArguments(block.json))))
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
  /** As it came, where it is none of ours. */
  raw?: Schema.Json
}

const withInput = (block: Gathered, input: unknown): Gathered => ({
  ...block,
  input,
  ...(typeof block.raw === "object" && { raw: { ...block.raw, input: input as Schema.Json } })
})

const isEmpty = (input: unknown): boolean =>
  input == null || input === "" || (typeof input === "object" && Object.keys(input).length === 0)

const ours = new Set<string | undefined>(["text", "thinking", "redacted_thinking", "tool_use"])

/** A block of a kind that we do not read. */
const rawOf = (block: Block): { readonly raw?: Schema.Json } =>
  ours.has(block.type) ? {} : { raw: JSON.parse(JSON.stringify(block)) }

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
  const { origin, outputTool } = context
  const parts: Array<Response.PartEncoded> = []
  const called = blocks.some(({ name, type }) => type === "tool_use" && name !== outputTool)
  const isOutput = blocks.some(({ name, type }) => type === "tool_use" && name === outputTool)
  const ended = finishReason(message.stop_reason, called)
  if (message.stop_reason !== undefined && FinishReason.isNone(message.stop_reason))
    throw FinishReason.brokenOff("null")
  const reason = isOutput && !called && ended === "tool-calls" ? "stop" : ended
  if (reason === "tool-calls" && !called) {
    throw new Fault.NotAnAnswer("The provider's answer says that it calls tools, and calls none.")
  }
  blocks.forEach((block, index) => {
    switch (block.type) {
      case "text":
        if (block.text !== "") parts.push({ type: "text", text: block.text })
        break
      case "thinking":
        parts.push({
          type: "reasoning",
          text: block.text,
          metadata: { anthropic: { origin, signature: block.signature } }
        })
        break
      case "redacted_thinking":
        parts.push({ type: "reasoning", text: "", metadata: { anthropic: { origin, redactedData: block.text } } })
        break
      case "tool_use": {
        const { input, name } = block
        if (name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
        if (name === outputTool) {
          parts.push({ type: "text", text: typeof input === "string" ? input : JSON.stringify(input ?? {}) })
          break
        }
        const id = block.id === "" ? CallIdentity.newId() : block.id
        // Cut off before its arguments began, it has none that could be meant.
        const isCutOff = reason === "length" && index === blocks.length - 1 && isEmpty(input)
        parts.push({ type: "tool-call", id, name, params: isCutOff ? "" : ProviderJson.argumentsOf(input) })
        break
      }
      default:
        // What the provider's own tools did belongs to an answer that is to be gone on with.
        if (reason === "pause" && block.raw !== undefined) {
          parts.push({ type: "reasoning", text: "", metadata: { anthropic: { origin, block: block.raw } } })
        }
    }
  })
  return {
    parts: Thoughts.inParts(parts),
    finishReason: reason,
    usage: TokenUsage.of(context, message.usage == null ? undefined : counted(message.usage)),
    model: message.model ?? context.model
  }
}

const finishReason = (reason: string | null | undefined, called: boolean): Response.FinishReason =>
  // The model has not finished: it is asked to go on.
  reason === "pause_turn" ? "pause" : FinishReason.of(reason, called)

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
