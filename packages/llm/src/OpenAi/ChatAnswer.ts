/**
 * Chat completions, whole or in chunks, as answers of ours. What a compatible server leaves out or
 * writes in another way is borne where it can be (ids of calls, usage, content in parts, the last
 * `[DONE]`); what is no answer, or was broken off, is a `Fault`.
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
import * as ChatUsage from "./ChatUsage.ts"
import { CallPieces, type Call } from "./CallPieces.ts"
import * as Content from "./Content.ts"
import * as Opaque from "./Opaque.ts"

// As servers send them: nothing is taken for granted.
interface Completion extends ChatUsage.Told {
  readonly id?: unknown
  readonly model?: unknown
  readonly choices?: ReadonlyArray<Choice | null> | null
  readonly error?: unknown
}
interface Choice {
  readonly message?: Message | null
  readonly delta?: Message | null
  readonly text?: unknown
  readonly finish_reason?: unknown
  readonly native_finish_reason?: unknown
  readonly error?: unknown
  readonly usage?: unknown
}
interface Message {
  readonly content?: unknown
  readonly refusal?: unknown
  readonly tool_calls?: unknown
  readonly function_call?: unknown
  readonly error?: unknown
  readonly [field: string]: unknown
}

export interface Context extends TokenUsage.Context {
  /** Of the server: what it sent beside its answer goes back there. */
  readonly origin: string
  /** Names of the tools that may be called. */
  readonly isTool: (name: string) => boolean
  /** The tool whose arguments are the answer. */
  readonly outputTool: string | undefined
}

/** Reads a completion that came in one piece. */
export const fromText = (context: Context, text: string): Answer => {
  const completion: Completion = ProviderJson.parseObject(text)
  if (completion.error != null) throw Fault.reported(completion)
  const choice = completion.choices?.[0]
  if (choice == null)
    throw Fault.inOtherWords(completion) ?? new Fault.NotAnAnswer("The provider's answer has no choices.")
  const gathering = new Gathering(context)
  gathering.head(completion)
  gathering.choice(choice)
  const message =
    choice.message ?? choice.delta ?? (typeof choice.text === "string" ? { content: choice.text } : undefined)
  if (message == null) throw new Fault.NotAnAnswer("The provider's answer has no message.")
  gathering.message(message)
  return gathering.answer()
}

/** Gathers a completion from its chunks. */
export class Accumulator extends StreamAccumulator<Completion> {
  readonly #gathering: Gathering

  constructor(context: Context) {
    super()
    this.#gathering = new Gathering(context)
  }

  protected gather(chunk: Completion): void {
    const gathering = this.#gathering
    gathering.head(chunk)
    const choice = chunk.choices?.[0]
    if (choice == null) {
      const fault = Fault.inOtherWords(chunk)
      if (fault !== undefined) throw fault
      return
    }
    // Some servers send the whole message, at once or once more at the end.
    const delta = choice.delta ?? (gathering.isEmpty ? choice.message : undefined)
    if (delta != null) {
      const said = gathering.message(delta)
      if (said !== "") this.say(said)
    }
    gathering.choice(choice)
  }

  protected override isComplete(): boolean {
    return !FinishReason.isNone(this.#gathering.finishReason)
  }

  protected answer(): Answer {
    return this.#gathering.answer()
  }
}

// --- the same for both
// ------------------------------------------------------------------------------------------------------------

/** Fields of a message that are read, or tell nothing that has to go back. */
const knownFields = new Set(
  `role content refusal tool_calls function_call name index annotations audio error padding obfuscation
  reasoning_content reasoning reasoning_text thinking thoughts thought`.split(/\s+/)
)
const reasoningFields = ["reasoning_content", "reasoning", "reasoning_text", "thinking", "thoughts", "thought"]

/** What has come of an answer. */
class Gathering {
  readonly #context: Context
  readonly #usage = new ChatUsage.ChatUsage()
  readonly #calls: CallPieces
  #id = ""
  #model = ""
  #text = ""
  #reasoning = ""
  #reasoningField: string | undefined
  #refusal = ""
  #opaque: Opaque.Fields | undefined
  isEmpty = true
  finishReason: unknown
  /** The server sent the field of the reason, but left it empty. */
  #isUnsaid = false

  constructor(context: Context) {
    this.#context = context
    this.#calls = new CallPieces(context.isTool)
  }

  head(completion: Completion): void {
    if (this.#id === "" && typeof completion.id === "string") this.#id = completion.id
    if (this.#model === "" && typeof completion.model === "string") this.#model = completion.model
    this.#usage.take(completion)
  }

  choice(choice: Choice): void {
    if (choice.error != null) throw Fault.reported(choice.error)
    const reason = choice.finish_reason
    if (!FinishReason.isNone(reason)) this.finishReason = reason
    else if (reason !== undefined) this.#isUnsaid = true
    if (choice.usage != null) this.#usage.take({ usage: choice.usage })
  }

  /** Takes a message, or a piece of one; answers its text. */
  message(message: Message): string {
    this.isEmpty = false
    if (message.error != null) throw Fault.reported(message.error)
    const { content } = message
    let said = ""
    if (typeof content === "string") said = content
    else if (content != null) {
      const { reasoning, refusal, text } = Content.read(content)
      said = text
      this.#reasoning += reasoning
      this.#refusal += refusal
    }
    this.#text += said
    if (typeof message.refusal === "string") this.#refusal += message.refusal
    for (const field of reasoningFields) {
      const value = message[field]
      if (value == null || value === "") continue
      const { reasoning, text } = typeof value === "string" ? { reasoning: value, text: "" } : Content.read(value)
      this.#reasoning += reasoning + text
      this.#reasoningField ??= typeof value === "string" ? field : undefined
      // Of two fields with the same text one counts.
      break
    }
    if (message.tool_calls != null) this.#calls.add(message.tool_calls)
    if (message.function_call != null) this.#calls.add([{ index: 0, function: message.function_call }])
    this.#opaque = Opaque.gather(this.#opaque, message, knownFields)
    return said
  }

  answer(): Answer {
    const { model, origin, outputTool } = this.#context
    if (this.#refusal !== "") throw new Fault.Refused(`The model refused: ${ProviderJson.excerpt(this.#refusal)}`)
    const all = this.#calls.calls()
    const output = outputTool === undefined ? undefined : all.find(({ name }) => name === outputTool)
    const calls = output === undefined ? all : all.filter((call) => call !== output)
    const finishReason = FinishReason.of(this.finishReason, calls.length > 0)
    // Calls with complete arguments were not cut off.
    const isWhole = all.length > 0 && all.every((call) => CallPieces.isWhole(call))
    if (this.finishReason === undefined && this.#isUnsaid && !isWhole) throw FinishReason.brokenOff("null")
    const { reasoning: tagged, text } = Thoughts.split(this.#text)
    if (finishReason === "tool-calls" && all.length === 0 && text === "") {
      throw new Fault.NotAnAnswer("The provider's answer says that it calls tools, and calls none.")
    }
    const parts: Array<Response.PartEncoded> = []
    this.#addReasoning(parts, tagged, calls.length > 0)
    if (output !== undefined) parts.push({ type: "text", text: output.arguments })
    else if (text !== "") parts.push({ type: "text", text })
    calls.forEach((call, index) => {
      const isCutOff = finishReason === "length" && index === calls.length - 1
      parts.push(partOf(call, origin, isCutOff))
    })
    return {
      parts,
      finishReason: output !== undefined && finishReason === "tool-calls" && calls.length === 0 ? "stop" : finishReason,
      usage: TokenUsage.of(this.#context, this.#usage.counted()),
      model: this.#model === "" ? model : this.#model
    }
  }

  #addReasoning(parts: Array<Response.PartEncoded>, tagged: string, called: boolean): void {
    const { origin } = this.#context
    const text = [this.#reasoning, tagged].filter((each) => each !== "").join("\n\n")
    const fields = this.#opaque
    // What was thought goes back in its field only with the calls that it led to: some servers
    // refuse it with anything else.
    const field = called && this.#reasoning !== "" && tagged === "" ? this.#reasoningField : undefined
    if (text === "" && fields === undefined) return
    parts.push({
      type: "reasoning",
      text,
      ...((field !== undefined || fields !== undefined) &&
        Opaque.metadata({ origin, ...(field !== undefined && { field }), ...(fields !== undefined && { fields }) }))
    })
  }
}

const partOf = (call: Call, origin: string, isCutOff: boolean): Response.PartEncoded => {
  const { name, ofFunction, opaque: fields } = call
  if (name === "") throw new Fault.NotAnAnswer("The provider's answer calls a tool without a name.")
  const id = call.id === "" ? CallIdentity.newId() : call.id
  // Cut off before its arguments began, it has none that could be meant.
  const params = isCutOff && call.arguments.trim() === "" ? "" : ProviderJson.parseArguments(call.arguments)
  // Where an id came from decides whether it can go back as it is.
  const isKept = fields !== undefined || ofFunction !== undefined || !CallIdentity.isPortable(id)
  const kept = { origin, ...(fields !== undefined && { fields }), ...(ofFunction !== undefined && { ofFunction }) }
  return { type: "tool-call", id, name, params, ...(isKept && Opaque.metadata(kept)) }
}
