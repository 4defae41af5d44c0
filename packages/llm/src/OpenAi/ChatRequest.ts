/**
 * The body of a chat completion for a request of ours.
 */
import type { Request, ToolDefinition } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import type {
  ChatCompletionContentPart,
  ChatCompletionCreateParams,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
  ChatCompletionTool
} from "openai/resources/chat/completions"
import type { ReasoningEffort } from "./Reasoning.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FileContent from "../Provider/FileContent.ts"
import * as SchemaDialect from "../Provider/SchemaDialect.ts"
import * as SchemaFormat from "./SchemaFormat.ts"
import * as ToolResult from "../Provider/ToolResult.ts"

export interface Options {
  readonly model: string
  /** OpenAI's own models are asked, at OpenAI or on Azure. */
  readonly isOpenAi: boolean
  readonly reasoningEffort: ReasoningEffort | undefined
}

export const make = (options: Options, request: Request): ChatCompletionCreateParams => {
  const { tools } = request
  const model = request.options
  const offered = tools.length > 0
  return {
    model: options.model,
    messages: messagesOf(request.messages),
    ...(offered && { tools: toolsOf(tools) }),
    ...(offered && request.toolChoice !== "auto" && { tool_choice: request.toolChoice }),
    ...responseFormat(SchemaFormat.ofRequest(request, options.isOpenAi)),
    ...(options.reasoningEffort !== undefined && { reasoning_effort: options.reasoningEffort }),
    ...(model !== undefined && {
      ...(model.temperature !== undefined && { temperature: model.temperature }),
      ...(model.topP !== undefined && { top_p: model.topP }),
      ...(model.maxOutputTokens !== undefined && { [maxTokensField(options)]: model.maxOutputTokens }),
      ...(model.seed !== undefined && { seed: model.seed }),
      ...(model.stop !== undefined && { stop: [...model.stop] })
    }),
    ...(request.onDelta !== undefined && { stream: true, stream_options: { include_usage: true } })
  }
}

/** Most compatible servers know only the older name. */
const maxTokensField = ({ isOpenAi }: Options) => (isOpenAi ? "max_completion_tokens" : "max_tokens")

// --- tools and output -------------------------------------------------------------------------------------------------------------

// A task offers the same tools in every turn.
const knownTools = new WeakMap<ReadonlyArray<ToolDefinition>, Array<ChatCompletionTool>>()

const toolsOf = (tools: ReadonlyArray<ToolDefinition>): Array<ChatCompletionTool> => {
  const known = knownTools.get(tools)
  if (known !== undefined) return known
  const made = tools.map(({ name, description, parameters }): ChatCompletionTool => ({
    type: "function",
    function: { name, description, parameters: SchemaDialect.withoutDialect(parameters) }
  }))
  knownTools.set(tools, made)
  return made
}

const responseFormat = (format: SchemaFormat.SchemaFormat | undefined) =>
  format === undefined ? {} : { response_format: { type: "json_schema" as const, json_schema: format } }

// --- messages ---------------------------------------------------------------------------------------------------------------------

const messagesOf = (messages: ReadonlyArray<Prompt.MessageEncoded>): Array<ChatCompletionMessageParam> => {
  const out: Array<ChatCompletionMessageParam> = []
  for (const message of messages) {
    switch (message.role) {
      case "system":
        out.push({ role: "system", content: message.content })
        break
      case "user":
        out.push({ role: "user", content: userContent(message.content) })
        break
      case "assistant":
        out.push(assistantMessage(message.content))
        break
      case "tool":
        for (const part of message.content) {
          if (part.type === "tool-result") {
            out.push({ role: "tool", tool_call_id: part.id, content: ToolResult.textOf(part) })
          }
        }
    }
  }
  return out
}

const userContent = (content: Prompt.UserMessageEncoded["content"]): string | Array<ChatCompletionContentPart> => {
  if (typeof content === "string") return content
  const [only] = content
  if (content.length === 1 && only?.type === "text") return only.text
  return content.map((part) => (part.type === "text" ? { type: "text", text: part.text } : filePart(part)))
}

const assistantMessage = (content: Prompt.AssistantMessageEncoded["content"]): ChatCompletionMessageParam => {
  if (typeof content === "string") return { role: "assistant", content }
  let text = ""
  const calls: Array<ChatCompletionMessageFunctionToolCall> = []
  for (const part of content) {
    if (part.type === "text") text += part.text
    else if (part.type === "tool-call") {
      // Arguments that were not JSON go back as a JSON string: several servers parse what they are given here.
      const json = JSON.stringify(part.params) ?? "{}"
      calls.push({ id: part.id, type: "function", function: { name: part.name, arguments: json } })
    }
  }
  if (calls.length === 0) return { role: "assistant", content: text }
  return { role: "assistant", content: text === "" ? null : text, tool_calls: calls }
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
