/**
 * Answers of the responses API, whole or in events, as answers of ours. What is no answer is a
 * `Fault`.
 *
 * Reasoning keeps its id and its encrypted content in the part's metadata, for the next request of
 * the conversation. What the model says on its way (`commentary`) is reasoning too: it is no part
 * of the answer.
 */
import type { Answer } from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import { Accumulator as StreamAccumulator } from "../Provider/Accumulator.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FinishReason from "../Provider/FinishReason.ts"
import * as ProviderJson from "../Provider/Json.ts"
import * as Thoughts from "../Thoughts.ts"
import * as TokenUsage from "../Provider/TokenUsage.ts"

// As servers send them: nothing is taken for granted.
interface Body {
  readonly id?: string | null
  readonly model?: string | null
  readonly status?: string | null
  readonly output?: ReadonlyArray<Item> | null
  readonly usage?: ResponseUsage | null
  readonly error?: unknown
  readonly incomplete_details?: { readonly reason?: string | null } | null
}
interface Item {
  readonly type?: string
  readonly id?: string | null
  readonly status?: string | null
  readonly phase?: string | null
  readonly content?: ReadonlyArray<Content> | null
  readonly summary?: ReadonlyArray<Content> | null
  readonly encrypted_content?: string | null
  readonly call_id?: string | null
  readonly name?: string | null
  readonly arguments?: unknown
}
interface Content {
  readonly type?: string
  readonly text?: string | null
  readonly refusal?: string | null
}
interface ResponseUsage {
  readonly input_tokens?: number | null
  readonly input_tokens_details?: {
    readonly cached_tokens?: number | null
    readonly cache_write_tokens?: number | null
  } | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: { readonly reasoning_tokens?: number | null } | null
}
interface StreamEvent {
  readonly type?: string
  readonly response?: Body | null
  readonly output_index?: number
  readonly item?: Item | null
  readonly delta?: string | null
  readonly error?: unknown
}

export interface Context extends TokenUsage.Context {
  /** Kept with what was thought, which goes back only there. */
  readonly origin: string
  /** The tool whose arguments are the answer. */
  readonly outputTool: string | undefined
}

/** Reads an answer that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const body: Body = ProviderJson.parseObject(text)
  if (body.error == null && !Array.isArray(body.output)) {
    throw new Fault.NotAnAnswer("The provider's answer has no output.")
  }
  return answer(context, body, body.output ?? [])
}

/** An item of the output while it comes. */
interface Growing {
  item: Item
  /** What came of its text, or of the arguments of its call. */
  text: string
  whole: boolean
}

/** Gathers an answer from its events. */
export class Accumulator extends StreamAccumulator<StreamEvent> {
  readonly #context: Context
  readonly #items: Array<Growing> = []
  #body: Body = {}

  constructor(context: Context) {
    super()
    this.#context = context
  }

  protected gather(event: StreamEvent): void {
    const at = event.output_index ?? Math.max(0, this.#items.length - 1)
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
      case "response.function_call_arguments.delta":
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        if (event.delta != null) this.#grow(at, event.type, event.delta)
        break
      case "response.output_item.added":
        if (event.item != null) this.#items[at] = { item: event.item, text: "", whole: false }
        break
      case "response.output_item.done":
        if (event.item != null) this.#complete(at, event.item)
        break
      case "response.created":
        this.#body = event.response ?? {}
        break
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        this.#end(event.response ?? {})
        break
      case "error":
        throw Fault.reported(event)
    }
  }

  #grow(at: number, type: string, delta: string): void {
    let growing = this.#items[at]
    if (growing === undefined) {
      growing = { item: { type: kinds[type] ?? "message" }, text: "", whole: false }
      this.#items[at] = growing
    }
    growing.text += delta
    if (type === "response.output_text.delta" && isSaid(growing.item)) this.say(delta)
  }

  #complete(at: number, item: Item): void {
    const before = this.#items[at]?.text ?? ""
    this.#items[at] = { item, text: before, whole: true }
    if (!isSaid(item)) return
    // A server may send no pieces, or not all of them.
    const text = textOf(item.content)
    if (text.length > before.length && text.startsWith(before)) this.say(text.slice(before.length))
  }

  #end(body: Body): void {
    this.#body = body
    body.output?.forEach((item, at) => {
      if (this.#items[at]?.whole !== true) this.#complete(at, item)
    })
    this.done = true
  }

  protected answer(): Answer {
    const growing = this.#items.filter((each) => each !== undefined)
    const items = growing.map(itemOf)
    const { status } = this.#body
    // Without its last event, only a call with complete arguments shows that it had ended.
    const last = growing.at(-1)
    const isOpen = last !== undefined && !last.whole && !(items.at(-1)?.type === "function_call" && isJson(last.text))
    if (status === "in_progress" && isOpen) {
      throw new Fault.NotAnAnswer("The provider's stream was cut off before the answer was complete.")
    }
    // Without a last event of its own there is the state of the first one.
    return answer(this.#context, status === "in_progress" ? { ...this.#body, status: null } : this.#body, items)
  }
}

const isJson = (text: string): boolean => {
  try {
    return typeof JSON.parse(text) === "object"
  } catch {
    return false
  }
}

const kinds: { readonly [event: string]: string } = {
  "response.function_call_arguments.delta": "function_call",
  "response.reasoning_summary_text.delta": "reasoning",
  "response.reasoning_text.delta": "reasoning"
}

/** What had come of an item when the answer ended. */
const itemOf = ({ item, text, whole }: Growing): Item => {
  if (whole || text === "") return item
  if (item.type === "function_call") return { ...item, arguments: text }
  if (item.type === "reasoning") return { ...item, summary: [{ text }] }
  return { ...item, content: [{ type: "output_text", text }] }
}

// --- the same for both ------------------------------------------------------------------------------------------------------------

/** Whether an item is a piece of the answer, and not said on the way to it. */
const isSaid = (item: Item): boolean => item.type === "message" && item.phase !== "commentary"

const textOf = (content: Item["content"]): string => {
  let text = ""
  for (const part of content ?? []) text += part.text ?? ""
  return text
}

const isWhole = new Set(["completed", "complete", "done", "success"])

const answer = (context: Context, body: Body, items: ReadonlyArray<Item>): Answer => {
  const { error, status } = body
  if (error != null || status === "failed") throw Fault.reported(error ?? body)
  if (status === "in_progress" || status === "queued" || status === "cancelled") {
    throw new Fault.NotAnAnswer(`The provider's answer is incomplete: its status is ${status}.`)
  }
  if (status != null && status !== "" && status !== "incomplete" && !isWhole.has(status)) {
    throw FinishReason.brokenOff(status)
  }
  const why = status === "incomplete" ? (body.incomplete_details?.reason ?? "") : undefined
  if (why === "content_filter") throw new Fault.Refused("The provider's content filter cut off the answer.")
  const parts: Array<Response.PartEncoded> = []
  let called = false
  items.forEach((item, index) => {
    if (why === undefined && (item.status === "incomplete" || item.status === "failed")) {
      throw FinishReason.brokenOff(item.status)
    }
    switch (item.type) {
      case "message":
        pushMessage(parts, item)
        break
      case "reasoning":
        pushReasoning(parts, item, context)
        break
      case "function_call": {
        const { name } = item
        if (name == null || name === "") {
          throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
        }
        const given = item.arguments
        if (name === context.outputTool) {
          parts.push({ type: "text", text: typeof given === "string" ? given : JSON.stringify(given ?? {}) })
          break
        }
        called = true
        const id = item.call_id || item.id || CallIdentity.newId()
        // Cut off before its arguments began, it has none that could be meant.
        const isCutOff = why !== undefined && index === items.length - 1 && (given == null || given === "")
        parts.push({ type: "tool-call", id, name, params: isCutOff ? "" : ProviderJson.argumentsOf(given) })
      }
    }
  })
  return {
    parts: Thoughts.inParts(parts),
    finishReason: finishReason(why, called),
    usage: TokenUsage.of(context, body.usage == null ? undefined : counted(body.usage)),
    model: body.model ?? context.model
  }
}

const pushMessage = (parts: Array<Response.PartEncoded>, item: Item): void => {
  const refusal = item.content?.find((part) => part.refusal != null && part.refusal !== "")?.refusal
  if (refusal != null) throw new Fault.Refused(`The model refused: ${ProviderJson.excerpt(refusal)}`)
  const text = textOf(item.content)
  if (text === "") return
  const { phase } = item
  const type = isSaid(item) ? "text" : "reasoning"
  parts.push({ type, text, ...(phase != null && { metadata: { openai: { phase } } }) })
}

const pushReasoning = (parts: Array<Response.PartEncoded>, item: Item, { origin }: Context): void => {
  const { encrypted_content: encryptedContent, id: itemId } = item
  const raw = textOf(item.content)
  const summary = (item.summary ?? []).map(({ text }) => text ?? "").join("\n\n")
  const text = summary === "" ? raw : summary
  if (text === "" && encryptedContent == null) return
  const isRaw = summary === "" && raw !== ""
  const openai = {
    origin,
    ...(itemId != null && { itemId }),
    ...(encryptedContent != null && { encryptedContent }),
    ...(isRaw && { isRaw })
  }
  parts.push({ type: "reasoning", text, metadata: { openai } })
}

/** `incomplete`: why the answer is not all that it could have been. */
const finishReason = (incomplete: string | undefined, called: boolean): Response.FinishReason => {
  if (incomplete === undefined) return called ? "tool-calls" : "stop"
  const reason = FinishReason.of(incomplete, called)
  // It is not complete, whatever word it has for that.
  if (reason !== "length") throw FinishReason.brokenOff(incomplete || "incomplete")
  return reason
}

const counted = (usage: ResponseUsage): TokenUsage.Counted => ({
  inputTokens: usage.input_tokens ?? 0,
  cachedInputTokens: usage.input_tokens_details?.cached_tokens,
  cacheWriteInputTokens: usage.input_tokens_details?.cache_write_tokens,
  outputTokens: usage.output_tokens ?? 0,
  reasoningTokens: usage.output_tokens_details?.reasoning_tokens
})
