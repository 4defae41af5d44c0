/**
 * The body of a message request to Anthropic for a request of ours.
 *
 * The parts that stay the same from call to call (tools, system prompt, the conversation so far)
 * end in cache markers, so that the next call reads them from the provider's cache. A conversation
 * that cannot go on (no tools, nothing said yet) gets no marker of its own: writing to the cache
 * costs a quarter more than plain input.
 */
import type {
  CacheControlEphemeral,
  ContentBlockParam,
  MessageCreateParams,
  TextBlockParam,
  Tool,
  ToolChoice
} from "@anthropic-ai/sdk/resources/messages"
import type { Request, ToolDefinition } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import type * as Capabilities from "../Provider/Capabilities.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FileContent from "../Provider/FileContent.ts"
import * as StructuredOutput from "./Output.ts"
import * as ToolResult from "../Provider/ToolResult.ts"
import type { TransformJsonSchema } from "./Sdk.ts"

export interface Options {
  readonly model: string
  /** The most tokens of an answer where the request does not say; the provider wants a number. */
  readonly maxOutputTokens: number
  /** Tokens for thinking before the answer; absent: the model does as it does by default. */
  readonly thinkingTokens: number | undefined
  /** How long the provider keeps what is marked; `undefined`: nothing is marked. */
  readonly cache: "5m" | "1h" | undefined
  /** The SDK's translation of schemas of outputs. */
  readonly transform: TransformJsonSchema
  /** Of the server: what was signed elsewhere is not sent to it. */
  readonly origin: string
  /** Features that the server does not support. */
  readonly lacking: ReadonlySet<Capabilities.Feature>
}

export interface Made {
  readonly body: MessageCreateParams
  /**
   * The tool whose call is the answer, where the provider has no better means for output of a
   * schema.
   */
  readonly outputTool: string | undefined
  /** Features of the request that a server can refuse. */
  readonly sent: Capabilities.Sent
}

export const make = (options: Options, request: Request): Made => {
  const { cache, lacking, thinkingTokens } = options
  const marker: CacheControlEphemeral | undefined =
    cache === undefined || lacking.has("cache_control")
      ? undefined
      : { type: "ephemeral", ...(cache === "1h" && { ttl: cache }) }
  const parameters = request.options
  const maxTokens = parameters?.maxOutputTokens ?? options.maxOutputTokens
  const output = StructuredOutput.means(options, request)
  const tools = [...toolsOf(request.tools), ...(output.tool === undefined ? [] : [output.tool])]
  const system = systemOf(request.messages)
  const messages = messagesOf(request.messages, lacking.has("opaque_fields") ? undefined : options.origin)
  if (marker !== undefined) {
    markLast(tools, marker)
    markLast(system, marker)
    if (request.tools.length > 0 || messages.length > 1) markConversation(messages, marker)
  }
  const choice = lacking.has("tool_choice")
    ? undefined
    : toolChoiceOf(request, output.tool, thinkingTokens !== undefined)
  const sampling = samplingOf(options, parameters)
  const body: MessageCreateParams = {
    model: options.model,
    // What is thought counts as output.
    max_tokens: maxTokens + (thinkingTokens ?? 0),
    ...(system.length > 0 && { system }),
    messages,
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && choice !== undefined && { tool_choice: choice }),
    ...(output.format !== undefined && { output_config: { format: output.format } }),
    ...sampling,
    ...(thinkingTokens !== undefined && {
      thinking: { type: "enabled" as const, budget_tokens: thinkingTokens }
    }),
    ...(request.onDelta !== undefined && { stream: true as const })
  }
  const sent: Capabilities.Sent = {
    json_schema: output.format !== undefined,
    outputTool: output.tool !== undefined,
    tool_choice: tools.length > 0 && choice !== undefined,
    cache_control: marker !== undefined,
    opaque_fields: messages.some(({ content }) => content.some(({ type }) => type.endsWith("thinking"))),
    temperature: sampling.temperature !== undefined,
    top_p: sampling.top_p !== undefined,
    stop: sampling.stop_sequences !== undefined
  }
  return { body, outputTool: output.tool?.name, sent }
}

interface Sampling {
  readonly temperature?: number
  readonly top_p?: number
  readonly stop_sequences?: Array<string>
}

/**
 * The scale of Anthropic ends at 1, that of other providers at 2. Models with extended thinking do
 * not accept a temperature.
 */
const samplingOf = ({ lacking, thinkingTokens }: Options, parameters: Request["options"]): Sampling => {
  const { stop, temperature, topP } = parameters ?? {}
  const samples = thinkingTokens === undefined
  return {
    ...(temperature !== undefined &&
      samples &&
      !lacking.has("temperature") && { temperature: Math.min(1, temperature) }),
    ...(topP !== undefined && samples && !lacking.has("top_p") && { top_p: topP }),
    ...(stop !== undefined && !lacking.has("stop") && { stop_sequences: [...stop] })
  }
}

// --- tools
// ------------------------------------------------------------------------------------------------------------------------

const toolsOf = (tools: ReadonlyArray<ToolDefinition>): Array<Tool> =>
  tools.map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: StructuredOutput.inputSchema(parameters)
  }))

const toolChoiceOf = (request: Request, output: Tool | undefined, thinks: boolean): ToolChoice | undefined => {
  if (output === undefined) {
    if (request.toolChoice === "auto") return undefined
    if (request.toolChoice === "none") return { type: "none" }
    return thinks ? undefined : { type: "any" }
  }
  // A model that thinks cannot be made to call a tool; its prompt asks for the schema as well.
  if (thinks) return undefined
  // The schema must not stop the tools: where these may run, any of them may be called in place of
  // the answer.
  const free = request.tools.length > 0 && request.toolChoice !== "none"
  return free ? { type: "any" } : { type: "tool", name: output.name, disable_parallel_tool_use: true }
}

// --- messages
// ---------------------------------------------------------------------------------------------------------------------

const systemOf = (messages: Request["messages"]): Array<TextBlockParam> =>
  messages.flatMap((message) => (message.role === "system" ? textBlocks(message.content) : []))

/** The provider refuses texts that are empty or blank. */
const textBlocks = (text: string): Array<TextBlockParam> => (text.trim() === "" ? [] : [{ type: "text", text }])

interface Turn {
  readonly role: "user" | "assistant"
  readonly content: Array<ContentBlockParam>
}

/** `origin` undefined: signed content is not sent back. */
const messagesOf = (messages: Request["messages"], origin: string | undefined): Array<Turn> => {
  const turns: Array<Turn> = []
  const say = (role: Turn["role"], content: Array<ContentBlockParam>): void => {
    if (content.length === 0) return
    const last = turns.at(-1)
    // Results of tools and what the user says next are one message: the provider wants results
    // directly after their calls.
    if (last?.role === role) for (const block of content) last.content.push(block)
    else turns.push({ role, content })
  }
  for (const message of messages) {
    if (message.role === "user") say("user", userBlocks(message.content))
    else if (message.role === "assistant") say("assistant", assistantBlocks(message.content, origin))
    else if (message.role === "tool") say("user", resultBlocks(message.content))
  }
  trimLast(turns.at(-1))
  return turns
}

/**
 * The model goes on with an answer of its own where that had paused; the provider refuses one that
 * ends in blanks.
 */
const trimLast = (turn: Turn | undefined): void => {
  const last = turn?.role === "assistant" ? turn.content.at(-1) : undefined
  if (last?.type === "text") last.text = last.text.trimEnd()
}

const userBlocks = (content: Prompt.UserMessageEncoded["content"]): Array<ContentBlockParam> =>
  typeof content === "string"
    ? textBlocks(content)
    : content.flatMap((part) => (part.type === "text" ? textBlocks(part.text) : [fileBlock(part)]))

const assistantBlocks = (
  content: Prompt.AssistantMessageEncoded["content"],
  origin: string | undefined
): Array<ContentBlockParam> => {
  if (typeof content === "string") return textBlocks(content)
  return content.flatMap((part): Array<ContentBlockParam> => {
    switch (part.type) {
      case "text":
        return textBlocks(part.text)
      case "reasoning":
        return thinkingBlocks(part, origin)
      case "tool-call":
        // Arguments that were no JSON object cannot go back as they are.
        return [
          {
            type: "tool_use",
            id: CallIdentity.idOf(part.id),
            name: CallIdentity.nameOf(part.name),
            input: Predicate.isReadonlyObject(part.params) ? part.params : {}
          }
        ]
      default:
        return []
    }
  })
}

/** What another provider's model thought has no signature of this one: it is left out. */
const thinkingBlocks = (part: Prompt.ReasoningPartEncoded, origin: string | undefined): Array<ContentBlockParam> => {
  const own = part.options?.["anthropic"]
  if (!Predicate.isReadonlyObject(own) || origin === undefined) return []
  const { block, signature, redactedData } = own
  if (own["origin"] !== undefined && own["origin"] !== origin) return []
  // Sent back exactly as the provider wrote it; its SDK has no schema to check it against.
  if (Predicate.isReadonlyObject(block)) return [block as unknown as ContentBlockParam]
  if (typeof redactedData === "string") return [{ type: "redacted_thinking", data: redactedData }]
  return typeof signature === "string" ? [{ type: "thinking", thinking: part.text, signature }] : []
}

const resultBlocks = (content: Prompt.ToolMessageEncoded["content"]): Array<ContentBlockParam> =>
  content.flatMap((part): Array<ContentBlockParam> => {
    if (part.type !== "tool-result") return []
    const text = ToolResult.textOf(part)
    return [
      {
        type: "tool_result",
        tool_use_id: CallIdentity.idOf(part.id),
        ...(text.trim() !== "" && { content: text }),
        ...(part.isFailure && { is_error: true })
      }
    ]
  })

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const

const fileBlock = (file: Prompt.FilePartEncoded): ContentBlockParam => {
  const part = FileContent.inlined(file)
  const { mediaType, data } = part
  const url = FileContent.urlOf(data)
  const title = part.fileName === undefined ? {} : { title: part.fileName }
  if (mediaType.startsWith("image/")) {
    if (url !== undefined) return { type: "image", source: { type: "url", url } }
    const type = imageTypes.find((known) => known === FileContent.imageType(mediaType))
    if (type === undefined) throw new Fault.Unsupported(`Anthropic does not accept images of type ${mediaType}.`)
    return { type: "image", source: { type: "base64", media_type: type, data: FileContent.base64Of(data) } }
  }
  if (mediaType === "application/pdf") {
    if (url !== undefined) return { type: "document", source: { type: "url", url }, ...title }
    const base64 = FileContent.base64Of(data)
    return { type: "document", source: { type: "base64", media_type: mediaType, data: base64 }, ...title }
  }
  if (mediaType.startsWith("text/") && url === undefined) {
    const text = Buffer.from(FileContent.base64Of(data), "base64").toString("utf8")
    return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title }
  }
  const how = url === undefined ? "" : " given as a URL"
  throw new Fault.Unsupported(`A file of type ${mediaType}${how} cannot be sent to Anthropic.`)
}

// --- cache markers
// ----------------------------------------------------------------------------------------------------------------

interface Markable {
  cache_control?: CacheControlEphemeral | null
}

const markLast = (blocks: Array<Markable>, marker: CacheControlEphemeral): void => {
  const last = blocks.at(-1)
  if (last !== undefined) last.cache_control = marker
}

/**
 * The end of the conversation, for the next call, and where the previous call ended, for this one:
 * the provider looks only twenty blocks back for something it has cached, and one turn with many
 * tool calls is longer. With the tools and the system prompt these are the four markers that a
 * request may have.
 */
const markConversation = (turns: ReadonlyArray<Turn>, marker: CacheControlEphemeral): void => {
  const fromUser = turns.filter(({ role }) => role === "user")
  for (const { content } of fromUser.slice(-2)) {
    const last = content.at(-1)
    // Users do not think: all of their blocks can carry a marker.
    if (last !== undefined && last.type !== "thinking" && last.type !== "redacted_thinking") {
      Object.assign(last, { cache_control: marker })
    }
  }
}
