/**
 * The body of a request to the responses API for a request of ours. Nothing is stored at the
 * provider: the whole conversation goes with every request, and what the model thought goes back
 * encrypted, as it came.
 */
import type { Request, ToolDefinition } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import type {
  FunctionTool,
  ResponseCreateParams,
  ResponseInputContent,
  ResponseInputItem
} from "openai/resources/responses/responses"
import type { ReasoningEffort, ReasoningSummary } from "./Reasoning.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FileContent from "../Provider/FileContent.ts"
import * as SchemaDialect from "../Provider/SchemaDialect.ts"
import type * as Capabilities from "../Provider/Capabilities.ts"
import * as OutputMeans from "./OutputMeans.ts"
import * as Sampling from "./Sampling.ts"
import * as ToolResult from "../Provider/ToolResult.ts"

export interface Options {
  readonly model: string
  /** OpenAI's own models are asked, at OpenAI or on Azure. */
  readonly isOpenAi: boolean
  /** What was thought goes back only to where it came from: nobody else can read it. */
  readonly origin: string
  readonly reasoningEffort: ReasoningEffort | undefined
  readonly reasoningSummary: ReasoningSummary | undefined
  /** Features that the server does not support. */
  readonly lacking: ReadonlySet<Capabilities.Feature>
}

export interface Made {
  readonly body: ResponseCreateParams
  /**
   * The tool whose call is the answer, if the server has no better way to request structured
   * output.
   */
  readonly outputTool: string | undefined
  /** Features of the request that a server can refuse. */
  readonly sent: Capabilities.Sent
}

export const make = (options: Options, request: Request): Made => {
  const { reasoningEffort: effort, reasoningSummary: summary } = options
  const { lacking } = options
  const model = request.options
  const output = OutputMeans.of(options, request)
  const tools = [
    ...offered(options, request),
    ...(output.tool === undefined ? [] : [functionOf({ ...output.tool, description: OutputMeans.description })])
  ]
  const choice = choiceOf(request, output.tool?.name)
  const chooses = tools.length > 0 && choice !== undefined && !lacking.has("tool_choice")
  const includes = reasons(options.model) && !lacking.has("opaque_fields")
  const writing = new Items(lacking.has("opaque_fields") ? undefined : options.origin)
  const input = writing.of(request.messages)
  const sampling = Sampling.of(model, lacking)
  const body: ResponseCreateParams = {
    model: options.model,
    input,
    store: false,
    ...(includes && { include: ["reasoning.encrypted_content"] }),
    ...((effort !== undefined || summary !== undefined) && {
      reasoning: { ...(effort !== undefined && { effort }), ...(summary !== undefined && { summary }) }
    }),
    ...(tools.length > 0 && { tools }),
    ...(chooses && { tool_choice: choice }),
    ...(output.format !== undefined && { text: { format: output.format } }),
    ...sampling.responses,
    ...(model?.maxOutputTokens !== undefined && { max_output_tokens: model.maxOutputTokens }),
    ...(request.onDelta !== undefined && { stream: true as const })
  }
  const sent: Capabilities.Sent = {
    json_schema: output.format?.type === "json_schema",
    json_object: output.format?.type === "json_object",
    outputTool: output.tool !== undefined,
    tool_choice: chooses,
    temperature: "temperature" in sampling.responses,
    top_p: "top_p" in sampling.responses,
    opaque_fields: includes || writing.hasOpaque
  }
  return { body, outputTool: output.tool?.name, sent }
}

const choiceOf = (request: Request, output: string | undefined): ResponseCreateParams["tool_choice"] => {
  if (output !== undefined) return { type: "function", name: output }
  return request.toolChoice === "auto" ? undefined : request.toolChoice
}

/** The families of before, which do not think: asked for what they thought, they refuse. */
const reasons = (model: string): boolean =>
  !/^(ft:)?(gpt-[34]|chatgpt-|gpt-5-chat)/.test(model.slice(model.lastIndexOf("/") + 1))

// --- tools ------------------------------------------------------------------------------------------------------------------------

// A task offers the same tools in every turn.
const knownTools = new WeakMap<ReadonlyArray<ToolDefinition>, ReadonlyArray<FunctionTool>>()

/**
 * The tools that may be called; if none may be called, the tools that the conversation refers to.
 */
const offered = ({ lacking, model }: Options, { toolChoice, tools }: Request): ReadonlyArray<FunctionTool> => {
  if (tools.length === 0) return []
  if (lacking.has("tools")) {
    if (toolChoice === "none") return []
    throw new Fault.Unsupported(`The model ${model} cannot use tools (capabilities: tools=false): use another model.`)
  }
  const known = knownTools.get(tools)
  if (known !== undefined) return known
  const made = tools.map(functionOf)
  knownTools.set(tools, made)
  return made
}

const functionOf = ({ description, name, parameters }: ToolDefinition): FunctionTool => ({
  type: "function",
  name,
  description,
  parameters: SchemaDialect.withoutDialect(parameters),
  // Unlike in chat completions, schemas are strict by default.
  strict: false
})

// --- messages ---------------------------------------------------------------------------------------------------------------------

/** Writes the messages of a conversation as items. */
class Items {
  /** `undefined`: data that only its server can read is not sent back. */
  readonly #origin: string | undefined
  hasOpaque = false

  constructor(origin: string | undefined) {
    this.#origin = origin
  }

  of(messages: ReadonlyArray<Prompt.MessageEncoded>): Array<ResponseInputItem> {
    const items: Array<ResponseInputItem> = []
    for (const message of messages) {
      switch (message.role) {
        case "system":
          items.push({ role: "system", content: message.content })
          break
        case "user":
          items.push({ role: "user", content: userContent(message.content) })
          break
        case "assistant":
          this.#answer(items, message.content)
          break
        case "tool":
          for (const part of message.content) {
            if (part.type === "tool-result") {
              items.push({
                type: "function_call_output",
                call_id: CallIdentity.idOf(part.id),
                output: ToolResult.textOf(part)
              })
            }
          }
      }
    }
    return items
  }

  #answer(items: Array<ResponseInputItem>, content: Prompt.AssistantMessageEncoded["content"]): void {
    if (typeof content === "string") {
      items.push({ role: "assistant", content })
      return
    }
    // The provider refuses reasoning without a following item, so it is held back until one exists.
    let thoughts: Array<ResponseInputItem> = []
    const push = (item: ResponseInputItem): void => {
      if (thoughts.length > 0) this.hasOpaque = true
      for (const thought of thoughts) items.push(thought)
      items.push(item)
      thoughts = []
    }
    for (const part of content) {
      if (part.type === "text" || (part.type === "reasoning" && phaseOf(part) === "commentary")) {
        const phase = phaseOf(part)
        if (part.text !== "") push({ role: "assistant", content: part.text, ...(phase !== undefined && { phase }) })
      } else if (part.type === "reasoning") {
        const thought = this.#origin === undefined ? undefined : reasoningItem(part, this.#origin)
        if (thought !== undefined) thoughts.push(thought)
      } else if (part.type === "tool-call") {
        // Arguments that were not JSON are sent back as a JSON string, because several servers
        // parse this field.
        const json = JSON.stringify(part.params) ?? "{}"
        push({
          type: "function_call",
          call_id: CallIdentity.idOf(part.id),
          name: CallIdentity.nameOf(part.name),
          arguments: json
        })
      }
    }
  }
}

const userContent = (content: Prompt.UserMessageEncoded["content"]): string | Array<ResponseInputContent> => {
  if (typeof content === "string") return content
  const [only] = content
  if (content.length === 1 && only?.type === "text") return only.text
  return content.map((part) => (part.type === "text" ? { type: "input_text", text: part.text } : filePart(part)))
}

const own = (part: Prompt.TextPartEncoded | Prompt.ReasoningPartEncoded): { readonly [key: string]: unknown } => {
  const options: unknown = part.options?.["openai"]
  return Predicate.isReadonlyObject(options) ? options : {}
}

const phaseOf = (part: Prompt.TextPartEncoded | Prompt.ReasoningPartEncoded): Phase | undefined => {
  const { phase } = own(part)
  return phase === "commentary" || phase === "final_answer" ? phase : undefined
}

/** What the model says on its way, or in the end. Models that say so want it said back to them. */
export type Phase = "commentary" | "final_answer"

const reasoningItem = (part: Prompt.ReasoningPartEncoded, origin: string): ResponseInputItem | undefined => {
  const { encryptedContent, isRaw, itemId, origin: from } = own(part)
  if (from !== origin || typeof itemId !== "string") return undefined
  if (typeof encryptedContent === "string") {
    const summary = part.text === "" ? [] : [{ type: "summary_text" as const, text: part.text }]
    return { type: "reasoning", id: itemId, summary, encrypted_content: encryptedContent }
  }
  // A server of open models: it encrypts nothing, and a summary alone is of no use to it.
  if (isRaw !== true) return undefined
  return { type: "reasoning", id: itemId, summary: [], content: [{ type: "reasoning_text", text: part.text }] }
}

/** Source: https://developers.openai.com/api/docs/guides/file-inputs */
const extensions: { readonly [mediaType: string]: string } = {
  "application/pdf": "pdf",
  "application/json": "json",
  "application/xml": "xml",
  "application/rtf": "rtf",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.oasis.opendocument.text": "odt",
  "application/vnd.ms-powerpoint": "ppt",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "text/csv": "csv",
  "text/html": "html",
  "text/markdown": "md",
  "text/tab-separated-values": "tsv",
  "text/xml": "xml"
}

const filePart = (file: Prompt.FilePartEncoded): ResponseInputContent => {
  const { data, fileName, mediaType } = FileContent.inlined(file)
  const url = FileContent.urlOf(data)
  const dataUrl = (type: string) => `data:${type};base64,${FileContent.base64Of(data)}`
  if (mediaType.startsWith("image/")) {
    return { type: "input_image", image_url: url ?? dataUrl(FileContent.imageType(mediaType)), detail: "auto" }
  }
  const extension = extensions[mediaType] ?? (mediaType.startsWith("text/") ? "txt" : undefined)
  if (extension === undefined) {
    throw new Fault.Unsupported(`A file of type ${mediaType} cannot be sent to the responses API.`)
  }
  if (url !== undefined) return { type: "input_file", file_url: url }
  return { type: "input_file", filename: fileName ?? `document.${extension}`, file_data: dataUrl(mediaType) }
}
