/** Converts the results of AI SDK models, complete or streamed, to answers. */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import type * as Schema from "effect/Schema"
import type * as Specification from "./Specification.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FinishReason from "../Provider/FinishReason.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as Thoughts from "../Thoughts.ts"
import * as TokenUsage from "../Provider/TokenUsage.ts"

type Context = TokenUsage.Context

export const fromResult = (context: Context, result: Specification.GenerateResult): Answer => {
  const parts = Thoughts.inParts(result.content.flatMap(partOf))
  return answer(context, parts, result.finishReason, result.usage, result.response?.modelId)
}

interface Block {
  readonly type: "text" | "reasoning"
  text: string
  metadata?: Specification.Metadata
}

/** Gathers a stream. */
export class Accumulator {
  readonly #context: Context
  readonly #onDelta: (delta: string) => void
  readonly #gate = new Thoughts.Gate()
  readonly #blocks = new Map<string, Block>()
  readonly #parts: Array<() => ReadonlyArray<Response.PartEncoded>> = []
  #modelId: string | undefined
  #finish: Specification.StreamPart | undefined

  constructor(context: Context, onDelta: (delta: string) => void) {
    this.#context = context
    this.#onDelta = onDelta
  }

  add(part: Specification.StreamPart): void {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
      case "text-delta":
      case "reasoning-delta":
      case "text-end":
      case "reasoning-end":
        this.#extend(part.type.startsWith("text") ? "text" : "reasoning", part)
        break
      case "tool-call":
        this.#parts.push(() => partOf(part))
        break
      case "response-metadata":
        this.#modelId = part.modelId ?? this.#modelId
        break
      case "finish":
        this.#finish = part
        break
      case "error":
        throw part.error
    }
  }

  #extend(type: "text" | "reasoning", part: Specification.StreamPart): void {
    const key = `${type} ${part.id ?? ""}`
    let block = this.#blocks.get(key)
    if (block === undefined) {
      const opened: Block = { type, text: "" }
      block = opened
      this.#blocks.set(key, opened)
      this.#parts.push(() =>
        partOf({ ...opened, ...(opened.metadata !== undefined && { providerMetadata: opened.metadata }) })
      )
    }
    if (part.providerMetadata != null) block.metadata = { ...block.metadata, ...part.providerMetadata }
    if (part.delta === undefined) return
    block.text += part.delta
    if (type === "text") this.#say(this.#gate.take(part.delta))
  }

  #say(text: string): void {
    if (text !== "") this.#onDelta(text)
  }

  finish(): Answer {
    const { finishReason, usage } = this.#finish ?? {}
    if (finishReason === undefined) {
      throw new Fault.NotAnAnswer("The model's stream was cut off before the answer was complete.")
    }
    this.#say(this.#gate.end())
    const parts = Thoughts.inParts(this.#parts.flatMap((part) => part()))
    return answer(this.#context, parts, finishReason, usage, this.#modelId)
  }
}

// --- the same for both ------------------------------------------------------------------------------------------------------------

const partOf = (part: Specification.Content): ReadonlyArray<Response.PartEncoded> => {
  const metadata = part.providerMetadata == null ? {} : { metadata: plain(part.providerMetadata) }
  switch (part.type) {
    case "text":
      return part.text === undefined || part.text === "" ? [] : [{ type: "text", text: part.text }]
    case "reasoning":
      return [{ type: "reasoning", text: part.text ?? "", ...metadata }]
    case "tool-call": {
      // What the provider's own tools did is part of its answer, not a call for us.
      if (part.providerExecuted === true) return []
      const { input, toolCallId = "", toolName = "" } = part
      if (toolName === "") throw new Fault.NotAnAnswer("The model's answer calls a tool without a name.")
      const params = ProviderJson.argumentsOf(input)
      return [{ type: "tool-call", id: toolCallId, name: toolName, params, ...metadata }]
    }
    default:
      return []
  }
}

/** As JSON: it goes to the log and back, and what is undefined would not. */
const plain = (metadata: Specification.Metadata): { readonly [provider: string]: Schema.Json } =>
  JSON.parse(JSON.stringify(metadata))

const answer = (
  context: Context,
  parts: ReadonlyArray<Response.PartEncoded>,
  reason: Specification.FinishReason,
  usage: Specification.Usage | undefined,
  modelId: string | undefined
): Answer => {
  const unified = typeof reason === "string" ? reason : reason.unified
  if (unified === "content-filter") throw new Fault.Refused("The provider's content filter cut off the answer.")
  if (unified === "error") throw new Fault.NotAnAnswer("The model ended its answer with an error.")
  const raw = typeof reason === "string" ? "" : (reason.raw ?? "")
  if (unified === "other") FinishReason.of(raw === "" ? unified : raw, false)
  return {
    parts,
    finishReason: finishReason(unified, parts),
    usage: TokenUsage.of(context, usage && counted(usage)),
    model: modelId ?? context.model
  }
}

const finishReason = (reason: string, parts: ReadonlyArray<Response.PartEncoded>): Response.FinishReason => {
  switch (reason) {
    case "stop":
    case "tool-calls":
      return parts.some(({ type }) => type === "tool-call") ? "tool-calls" : "stop"
    case "length":
    case "unknown":
      return reason
    default:
      // Of a word that the SDK does not know, and that means a whole answer.
      return "stop"
  }
}

/** A model that counted no token counted nothing at all. */
const counted = ({ cachedInputTokens, inputTokens, outputTokens, reasoningTokens }: Specification.Usage) => {
  const input = typeof inputTokens === "object" ? inputTokens : { total: inputTokens, cacheRead: cachedInputTokens }
  const output = typeof outputTokens === "object" ? outputTokens : { total: outputTokens, reasoning: reasoningTokens }
  if (!((input.total ?? 0) > 0 || (output.total ?? 0) > 0)) return undefined
  return {
    inputTokens: input.total ?? 0,
    cachedInputTokens: input.cacheRead,
    cacheWriteInputTokens: "cacheWrite" in input ? input.cacheWrite : undefined,
    outputTokens: output.total ?? 0,
    reasoningTokens: output.reasoning
  }
}
