/**
 * Chat completions, whole or in chunks, as answers of ours. What a compatible server leaves out is borne where it can be (ids of
 * calls, usage, the last `[DONE]`); what is no answer is a `Fault`.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import { Accumulator as StreamAccumulator } from "../Provider/Accumulator.ts"
import * as Fault from "../Provider/Fault.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as TokenUsage from "../Provider/TokenUsage.ts"

// As servers send them: nothing is taken for granted.
interface Completion {
  readonly id?: string | null
  readonly model?: string | null
  readonly choices?: ReadonlyArray<Choice> | null
  readonly usage?: CompletionUsage | null
  readonly error?: Fault.FailedMidStream["body"] | null
}
interface Choice {
  readonly message?: Message | null
  readonly delta?: Message | null
  readonly finish_reason?: string | null
}
interface Message {
  readonly content?: string | null
  readonly refusal?: string | null
  readonly reasoning_content?: string | null
  readonly reasoning?: string | null
  readonly tool_calls?: ReadonlyArray<ToolCall> | null
}
interface ToolCall {
  readonly index?: number
  readonly id?: string | null
  readonly function?: { readonly name?: string | null; readonly arguments?: string | null } | null
}
interface CompletionUsage {
  readonly prompt_tokens?: number | null
  readonly completion_tokens?: number | null
  readonly prompt_tokens_details?: {
    readonly cached_tokens?: number | null
    readonly cache_write_tokens?: number | null
  } | null
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null
}

export type Context = TokenUsage.Context

/** Reads a completion that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const completion: Completion = ProviderJson.parseObject(text)
  if (completion.error != null) throw Fault.reported(completion.error)
  const choice = completion.choices?.[0]
  if (choice === undefined) throw new Fault.NotAnAnswer("The provider's answer has no choices.")
  const { message } = choice
  if (message == null) throw new Fault.NotAnAnswer("The provider's answer has no message.")
  const calls = (message.tool_calls ?? []).map((call): Call => ({
    id: call.id ?? "",
    name: call.function?.name ?? "",
    arguments: call.function?.arguments ?? ""
  }))
  return answer(context, {
    id: completion.id ?? "",
    model: completion.model ?? context.model,
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? message.reasoning ?? "",
    refusal: message.refusal ?? "",
    calls,
    finishReason: choice.finish_reason ?? undefined,
    usage: completion.usage ?? undefined
  })
}

/** Gathers a completion from its chunks. */
export class Accumulator extends StreamAccumulator<Completion> {
  readonly #context: Context
  #id = ""
  #model = ""
  #text = ""
  #reasoning = ""
  #refusal = ""
  #calls: Array<Call> = []
  #finishReason: string | undefined
  #usage: CompletionUsage | undefined

  constructor(context: Context) {
    super()
    this.#context = context
  }

  protected gather(chunk: Completion): void {
    if (this.#id === "" && chunk.id != null) this.#id = chunk.id
    if (this.#model === "" && chunk.model != null) this.#model = chunk.model
    if (chunk.usage != null) this.#usage = chunk.usage
    const choice = chunk.choices?.[0]
    if (choice === undefined) return
    if (choice.finish_reason != null) this.#finishReason = choice.finish_reason
    const { delta } = choice
    if (delta == null) return
    if (delta.content != null) {
      this.#text += delta.content
      this.say(delta.content)
    }
    if (delta.refusal != null) this.#refusal += delta.refusal
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (reasoning != null) this.#reasoning += reasoning
    if (delta.tool_calls != null) for (const call of delta.tool_calls) this.#addCall(call)
  }

  #addCall(part: ToolCall): void {
    const index = part.index ?? (part.id == null ? this.#calls.length - 1 : this.#calls.length)
    let call = this.#calls[index]
    if (call === undefined) {
      call = { id: "", name: "", arguments: "" }
      this.#calls[index] = call
    }
    if (part.id != null && part.id !== "") call.id = part.id
    if (part.function?.name != null && part.function.name !== "") call.name = part.function.name
    if (part.function?.arguments != null) call.arguments += part.function.arguments
  }

  protected override isComplete(): boolean {
    return this.#finishReason !== undefined
  }

  protected answer(): Answer {
    return answer(this.#context, {
      id: this.#id,
      model: this.#model === "" ? this.#context.model : this.#model,
      text: this.#text,
      reasoning: this.#reasoning,
      refusal: this.#refusal,
      calls: this.#calls.filter((call) => call !== undefined),
      finishReason: this.#finishReason,
      usage: this.#usage
    })
  }
}

// --- the same for both ------------------------------------------------------------------------------------------------------------

interface Call {
  id: string
  name: string
  arguments: string
}

interface Gathered {
  readonly id: string
  readonly model: string
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly calls: ReadonlyArray<Call>
  readonly finishReason: string | undefined
  readonly usage: CompletionUsage | undefined
}

const answer = (context: Context, gathered: Gathered): Answer => {
  const { text, reasoning, calls } = gathered
  if (gathered.refusal !== "") throw new Fault.Refused(`The model refused: ${ProviderJson.excerpt(gathered.refusal)}`)
  if (gathered.finishReason === "content_filter")
    throw new Fault.Refused("The provider's content filter cut off the answer.")
  const parts: Array<Response.PartEncoded> = []
  if (reasoning !== "") parts.push({ type: "reasoning", text: reasoning })
  if (text !== "") parts.push({ type: "text", text })
  calls.forEach((call, index) => {
    if (call.name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
    const id = call.id === "" ? `${gathered.id || "call"}_${index}` : call.id
    parts.push({ type: "tool-call", id, name: call.name, params: ProviderJson.parseArguments(call.arguments) })
  })
  return {
    parts,
    finishReason: finishReason(gathered.finishReason, calls.length > 0),
    usage: TokenUsage.of(context, gathered.usage && counted(gathered.usage)),
    model: gathered.model
  }
}

const finishReason = (reason: string | undefined, called: boolean): Response.FinishReason => {
  switch (reason) {
    case "length":
      return "length"
    case "stop":
    case "tool_calls":
    case "function_call":
    case undefined:
      // Some servers say "stop" when they call tools, and some say nothing.
      return called ? "tool-calls" : reason === undefined ? "unknown" : "stop"
    default:
      return "other"
  }
}

const counted = (usage: CompletionUsage): TokenUsage.Counted => ({
  inputTokens: usage.prompt_tokens ?? 0,
  cachedInputTokens: usage.prompt_tokens_details?.cached_tokens,
  cacheWriteInputTokens: usage.prompt_tokens_details?.cache_write_tokens,
  outputTokens: usage.completion_tokens ?? 0,
  reasoningTokens: usage.completion_tokens_details?.reasoning_tokens
})
