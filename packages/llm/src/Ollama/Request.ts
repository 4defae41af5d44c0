/**
 * The body of a chat with Ollama for a request of ours.
 *
 * Ollama has no tool choice: where no tool may be called, none is shown. Its `format` binds every
 * word of the answer, calls of tools included, so it is given only where no tool can be called.
 */
import type { Request } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import type { ChatRequest, Message, Options as ModelParameters, Tool } from "ollama"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as Fault from "../Provider/Fault.ts"
import * as FileContent from "../Provider/FileContent.ts"
import * as ToolResult from "../Provider/ToolResult.ts"

export interface Options {
  readonly model: string
  /** The size of the context window, in tokens; absent: what the server has. */
  readonly contextTokens: number | undefined
  /** How long the server keeps the model loaded, as it writes this: `5m`, `-1`. */
  readonly keepAlive: string | number | undefined
}

export const make = (options: Options, request: Request): ChatRequest => {
  const { contextTokens, keepAlive } = options
  const callable = request.tools.length > 0 && request.toolChoice !== "none"
  const parameters: Partial<ModelParameters> = {
    ...(contextTokens !== undefined && { num_ctx: contextTokens }),
    ...parametersOf(request.options)
  }
  return {
    model: options.model,
    messages: messagesOf(request.messages),
    ...(callable && { tools: request.tools.map(toolOf) }),
    ...(request.output !== undefined && !callable && { format: request.output.schema }),
    ...(Object.keys(parameters).length > 0 && { options: parameters }),
    ...(keepAlive !== undefined && { keep_alive: keepAlive })
  }
}

const parametersOf = (options: Request["options"]): Partial<ModelParameters> =>
  options === undefined
    ? {}
    : {
        ...(options.temperature !== undefined && { temperature: options.temperature }),
        ...(options.topP !== undefined && { top_p: options.topP }),
        ...(options.maxOutputTokens !== undefined && { num_predict: options.maxOutputTokens }),
        ...(options.seed !== undefined && { seed: options.seed }),
        ...(options.stop !== undefined && { stop: [...options.stop] })
      }

const toolOf = ({ name, description, parameters }: Request["tools"][number]): Tool => ({
  type: "function",
  function: { name, description, parameters }
})

// --- messages ---------------------------------------------------------------------------------------------------------------------

interface WireMessage extends Message {
  /** Known to newer servers; older ones go by the order of the results. */
  tool_call_id?: string
  tool_calls?: Array<Message["tool_calls"] extends Array<infer A> | undefined ? A & { id?: string } : never>
}

const messagesOf = (messages: Request["messages"]): Array<WireMessage> =>
  messages.flatMap((message): Array<WireMessage> => {
    switch (message.role) {
      case "system":
        return [{ role: "system", content: message.content }]
      case "user":
        return [userMessage(message.content)]
      case "assistant":
        return [assistantMessage(message.content)]
      case "tool":
        return message.content.flatMap((part) =>
          part.type === "tool-result"
            ? [
                {
                  role: "tool",
                  content: ToolResult.textOf(part),
                  tool_name: CallIdentity.nameOf(part.name),
                  tool_call_id: part.id
                }
              ]
            : []
        )
    }
  })

const userMessage = (content: Prompt.UserMessageEncoded["content"]): WireMessage => {
  if (typeof content === "string") return { role: "user", content }
  const texts: Array<string> = []
  const images: Array<string> = []
  for (const part of content) {
    if (part.type === "text") texts.push(part.text)
    else images.push(imageOf(part))
  }
  return { role: "user", content: texts.join("\n"), ...(images.length > 0 && { images }) }
}

const imageOf = (file: Prompt.FilePartEncoded): string => {
  const part = FileContent.inlined(file)
  if (!part.mediaType.startsWith("image/")) {
    throw new Fault.Unsupported(`Ollama accepts only images, not files of type ${part.mediaType}.`)
  }
  if (FileContent.urlOf(part.data) !== undefined) {
    throw new Fault.Unsupported("Ollama does not fetch URLs: an image must be given as bytes.")
  }
  return FileContent.base64Of(part.data)
}

const assistantMessage = (content: Prompt.AssistantMessageEncoded["content"]): WireMessage => {
  if (typeof content === "string") return { role: "assistant", content }
  let text = ""
  const calls: NonNullable<WireMessage["tool_calls"]> = []
  for (const part of content) {
    if (part.type === "text") text += part.text
    else if (part.type === "tool-call") {
      // Arguments that were no JSON object cannot go back as they are.
      const { id, name, params } = part
      const args = Predicate.isReadonlyObject(params) ? { ...params } : {}
      calls.push({ id, function: { name: CallIdentity.nameOf(name), arguments: args } })
    }
  }
  // Templates want something between two messages of the user.
  const said = text.trim() === "" && calls.length === 0 ? "(no answer)" : text
  return { role: "assistant", content: said, ...(calls.length > 0 && { tool_calls: calls }) }
}
