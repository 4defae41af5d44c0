/**
 * The body of a chat completion for a request of ours.
 */
import type { Request, ToolDefinition } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import type {
  ChatCompletionContentPart,
  ChatCompletionCreateParams,
  ChatCompletionFunctionTool,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
  ChatCompletionToolChoiceOption
} from "openai/resources/chat/completions"
import type { ReasoningEffort } from "./Reasoning.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FileContent from "../Provider/FileContent.ts"
import * as SchemaDialect from "../Provider/SchemaDialect.ts"
import type * as Capabilities from "../Provider/Capabilities.ts"
import * as Opaque from "./Opaque.ts"
import * as OutputMeans from "./OutputMeans.ts"
import * as Sampling from "./Sampling.ts"
import * as ToolResult from "../Provider/ToolResult.ts"

export interface Options {
  readonly model: string
  /** OpenAI's own models are asked, at OpenAI or on Azure. */
  readonly isOpenAi: boolean
  readonly reasoningEffort: ReasoningEffort | undefined
  /** Of the server: what it sent beside its answers goes back to it. */
  readonly origin: string
  /** Features that the server does not support. */
  readonly lacking: ReadonlySet<Capabilities.Feature>
}

export interface Made {
  readonly body: ChatCompletionCreateParams
  /**
   * The tool whose call is the answer, if the server has no better way to request structured
   * output.
   */
  readonly outputTool: string | undefined
  /** Features of the request that a server can refuse. */
  readonly sent: Capabilities.Sent
}

export const make = (options: Options, request: Request): Made => {
  const { lacking } = options
  const model = request.options
  const output = OutputMeans.of(options, request)
  const outputTool = toolOf(output)
  const format = formatOf(output)
  const tools = outputTool === undefined ? offered(options, request) : [...offered(options, request), outputTool]
  const choice = outputTool === undefined ? choiceOf(request) : forced(outputTool.function.name)
  const writing = new Messages(options)
  const messages = writing.of(request.messages)
  const chooses = tools.length > 0 && choice !== undefined && !lacking.has("tool_choice")
  const counts = request.onDelta !== undefined && !lacking.has("stream_options")
  const limits = model?.maxOutputTokens !== undefined
  const sampling = Sampling.of(model, lacking)
  const body: ChatCompletionCreateParams = {
    model: options.model,
    messages,
    ...(tools.length > 0 && { tools }),
    ...(chooses && { tool_choice: choice }),
    ...(format !== undefined && { response_format: format }),
    ...(options.reasoningEffort !== undefined && { reasoning_effort: options.reasoningEffort }),
    ...(model !== undefined && {
      ...sampling.chat,
      ...(limits && { [maxTokensField(options)]: model.maxOutputTokens })
    }),
    ...(request.onDelta !== undefined && { stream: true, ...(counts && { stream_options: { include_usage: true } }) })
  }
  const sent: Capabilities.Sent = {
    json_schema: format?.type === "json_schema",
    json_object: format?.type === "json_object",
    outputTool: outputTool !== undefined,
    tool_choice: chooses,
    stream_options: counts,
    ...sampling.sent,
    system_role: writing.hasSystem && !lacking.has("system_role"),
    max_tokens: limits && maxTokensField(options) === "max_tokens",
    opaque_fields: writing.hasOpaque,
    call_ids: writing.hasCalls && !lacking.has("call_ids"),
    unsigned_calls: writing.hasUnsigned,
    thoughtless_calls: writing.hasThoughtless
  }
  return { body, outputTool: outputTool?.function.name, sent }
}

/** Most compatible servers know only the older name. */
const maxTokensField = ({ isOpenAi, lacking }: Options) =>
  isOpenAi || lacking.has("max_tokens") ? "max_completion_tokens" : "max_tokens"

// --- tools and output
// -------------------------------------------------------------------------------------------------------------

// A task offers the same tools in every turn.
const knownTools = new WeakMap<ReadonlyArray<ToolDefinition>, Array<ChatCompletionFunctionTool>>()

const toolsOf = (tools: ReadonlyArray<ToolDefinition>): Array<ChatCompletionFunctionTool> => {
  const known = knownTools.get(tools)
  if (known !== undefined) return known
  const made = tools.map(({ name, description, parameters }): ChatCompletionFunctionTool => ({
    type: "function",
    function: { name, description, parameters: SchemaDialect.withoutDialect(parameters) }
  }))
  knownTools.set(tools, made)
  return made
}

/**
 * The tools that may be called; if none may be called, the tools that the conversation refers to.
 */
const offered = ({ lacking, model }: Options, { toolChoice, tools }: Request): Array<ChatCompletionFunctionTool> => {
  if (tools.length === 0) return []
  if (!lacking.has("tools")) return toolsOf(tools)
  if (toolChoice === "none") return []
  throw new Fault.Unsupported(`The model ${model} cannot use tools (capabilities: tools=false): use another model.`)
}

const choiceOf = ({ toolChoice }: Request): ChatCompletionToolChoiceOption | undefined =>
  toolChoice === "auto" ? undefined : toolChoice

const forced = (name: string): ChatCompletionToolChoiceOption => ({ type: "function", function: { name } })

const formatOf = ({ format }: OutputMeans.Means): ChatCompletionCreateParams["response_format"] => {
  if (format?.type !== "json_schema") return format
  const { type, ...json_schema } = format
  return { type, json_schema }
}

const toolOf = ({ tool }: OutputMeans.Means): ChatCompletionFunctionTool | undefined =>
  tool && { type: "function", function: { ...tool, description: OutputMeans.description } }

// --- messages
// ---------------------------------------------------------------------------------------------------------------------

/** Writes the messages of a conversation so that the server takes them. */
class Messages {
  readonly #origin: string
  readonly #lacking: Options["lacking"]
  readonly #form: CallIdentity.Form
  hasSystem = false
  hasOpaque = false
  hasCalls = false
  hasUnsigned = false
  hasThoughtless = false

  constructor({ lacking, origin }: Options) {
    this.#origin = origin
    this.#lacking = lacking
    this.#form = lacking.has("call_ids") ? "nine" : "portable"
  }

  of(messages: ReadonlyArray<Prompt.MessageEncoded>): Array<ChatCompletionMessageParam> {
    const out: Array<ChatCompletionMessageParam> = []
    let system = ""
    /** Ids that this server made and that fit nowhere else: their results go by them as well. */
    const own = new Set<string>()
    for (const message of messages) {
      switch (message.role) {
        case "system":
          this.hasSystem = true
          if (this.#lacking.has("system_role")) system += `${message.content}\n\n`
          else out.push({ role: "system", content: message.content })
          break
        case "user":
          out.push({ role: "user", content: withInstructions(system, userContent(message.content)) })
          system = ""
          break
        case "assistant":
          out.push(this.#answer(message.content, own))
          break
        case "tool":
          for (const part of message.content) {
            if (part.type === "tool-result") {
              out.push({ role: "tool", tool_call_id: this.#idOf(part.id, own), content: ToolResult.textOf(part) })
            }
          }
      }
    }
    if (system !== "") out.unshift({ role: "user", content: system.trimEnd() })
    // An answer that paused at another provider; here somebody has to have the word.
    if (out.at(-1)?.role === "assistant") out.push({ role: "user", content: "Continue." })
    return out
  }

  #idOf(id: string, own: ReadonlySet<string>): string {
    return own.has(id) ? id : CallIdentity.idOf(id, this.#form)
  }

  #answer(content: Prompt.AssistantMessageEncoded["content"], own: Set<string>): ChatCompletionMessageParam {
    if (typeof content === "string") return { role: "assistant", content: content === "" ? noAnswer : content }
    let text = ""
    let thoughts = ""
    let extra: Opaque.Fields = {}
    const calls: Array<ChatCompletionMessageFunctionToolCall> = []
    for (const part of content) {
      const kept = part.type === "text" ? undefined : Opaque.ofPart(part, this.#origin)
      if (part.type === "text") text += part.text
      else if (part.type === "reasoning") {
        thoughts += part.text
        if (kept?.fields !== undefined) extra = { ...extra, ...kept.fields }
        if (kept?.field !== undefined && part.text !== "") extra[kept.field] = part.text
      } else if (part.type === "tool-call") {
        if (kept !== undefined) own.add(part.id)
        calls.push(this.#call(part, kept, own))
      }
    }
    if (calls.length > 0) this.hasCalls = true
    if (calls.length > 0 && !thoughtFields.some((field) => field in extra)) {
      if (this.#lacking.has("thoughtless_calls")) extra["reasoning_content"] = thoughts || noThoughts
      else this.hasThoughtless = true
    }
    // Servers refuse a message that says nothing and calls nothing, and some two of a user in a
    // row.
    const said = text.trim() === "" ? (calls.length > 0 ? null : noAnswer) : text
    const message = { role: "assistant" as const, content: said, ...(calls.length > 0 && { tool_calls: calls }) }
    return { ...message, ...this.#opaque(extra) }
  }

  #call(
    part: Prompt.ToolCallPartEncoded,
    kept: Opaque.Kept | undefined,
    own: ReadonlySet<string>
  ): ChatCompletionMessageFunctionToolCall {
    // Arguments that were not JSON are sent back as a JSON string, because several servers parse
    // this field.
    const json = JSON.stringify(part.params) ?? "{}"
    return {
      id: this.#idOf(part.id, own),
      type: "function",
      function: { name: CallIdentity.nameOf(part.name), arguments: json, ...this.#opaque(kept?.ofFunction ?? {}) },
      ...this.#opaque(kept?.fields ?? this.#unsigned(kept))
    }
  }

  /** What a call that nobody signed carries. */
  #unsigned(kept: Opaque.Kept | undefined): Opaque.Fields {
    if (this.#lacking.has("unsigned_calls")) return skipsSignature
    if (kept?.ofFunction === undefined) this.hasUnsigned = true
    return {}
  }

  #opaque(fields: Opaque.Fields): Opaque.Fields {
    if (Object.keys(fields).length === 0 || this.#lacking.has("opaque_fields")) return {}
    this.hasOpaque = true
    return fields
  }
}

/** Stands for an answer that had no text, or only thoughts. */
const noAnswer = "(no answer)"

const thoughtFields = ["reasoning_content", "reasoning"]
const noThoughts = "(not told)"

/** Source: https://ai.google.dev/gemini-api/docs/thought-signatures */
const skipsSignature: Opaque.Fields = {
  extra_content: { google: { thought_signature: "skip_thought_signature_validator" } }
}

const withInstructions = (
  system: string,
  content: string | Array<ChatCompletionContentPart>
): string | Array<ChatCompletionContentPart> => {
  if (system === "") return content
  return typeof content === "string" ? system + content : [{ type: "text", text: system.trimEnd() }, ...content]
}

const userContent = (content: Prompt.UserMessageEncoded["content"]): string | Array<ChatCompletionContentPart> => {
  if (typeof content === "string") return content
  const [only] = content
  if (content.length === 1 && only?.type === "text") return only.text
  return content.map((part) => (part.type === "text" ? { type: "text", text: part.text } : filePart(part)))
}

const filePart = (part: Prompt.FilePartEncoded): ChatCompletionContentPart => {
  const { mediaType, data } = part
  const url = FileContent.urlOf(data)
  if (mediaType.startsWith("image/")) {
    const inline = () => `data:${FileContent.imageType(mediaType)};base64,${FileContent.base64Of(data)}`
    return { type: "image_url", image_url: { url: url ?? inline() } }
  }
  if (url !== undefined)
    throw new Fault.Unsupported(`A file of type ${mediaType} must be given as bytes, not as a URL.`)
  if (mediaType === "application/pdf") {
    const fileName = part.fileName ?? "document.pdf"
    return {
      type: "file",
      file: { filename: fileName, file_data: `data:application/pdf;base64,${FileContent.base64Of(data)}` }
    }
  }
  const audio = mediaType === "audio/wav" ? "wav" : mediaType === "audio/mpeg" ? "mp3" : undefined
  if (audio !== undefined)
    return { type: "input_audio", input_audio: { data: FileContent.base64Of(data), format: audio } }
  throw new Fault.Unsupported(`A file of type ${mediaType} cannot be sent in a chat completion.`)
}
