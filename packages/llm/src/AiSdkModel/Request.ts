/**
 * Converts a request to the call options of an AI SDK model. The three specifications differ in how
 * a file is given, and in nothing else that we send.
 */
import type { Request } from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"
import type { CallOptions, SpecificationVersion } from "./Specification.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as FileContent from "../Provider/FileContent.ts"

export const make = (version: SpecificationVersion, request: Request, abortSignal: AbortSignal): CallOptions => {
  const { options, output, tools, toolChoice } = request
  const callable = tools.length > 0 && toolChoice !== "none"
  return {
    prompt: request.messages.flatMap((message) => messageOf(version, message)),
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: "function" as const,
        name,
        description,
        inputSchema: parameters
      })),
      toolChoice: { type: toolChoice }
    }),
    // Some providers make a tool of the schema that has to be called: it must not stop the others.
    ...(output !== undefined &&
      !callable && { responseFormat: { type: "json" as const, schema: output.schema, name: output.name } }),
    ...(options?.temperature !== undefined && { temperature: options.temperature }),
    ...(options?.topP !== undefined && { topP: options.topP }),
    ...(options?.maxOutputTokens !== undefined && { maxOutputTokens: options.maxOutputTokens }),
    ...(options?.seed !== undefined && { seed: options.seed }),
    ...(options?.stop !== undefined && { stopSequences: [...options.stop] }),
    abortSignal
  }
}

type Message = CallOptions["prompt"][number]

const messageOf = (version: SpecificationVersion, message: Prompt.MessageEncoded): Array<Message> => {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.content }]
    case "user":
      return [
        {
          role: "user",
          content:
            typeof message.content === "string"
              ? [{ type: "text", text: message.content }]
              : message.content.map((part) =>
                  part.type === "text" ? { type: "text", text: part.text } : fileOf(version, part)
                )
        }
      ]
    case "assistant": {
      const content =
        typeof message.content === "string"
          ? [{ type: "text", text: message.content }]
          : message.content.flatMap(assistantPart)
      return content.length === 0 ? [] : [{ role: "assistant", content }]
    }
    case "tool":
      return [{ role: "tool", content: message.content.flatMap(resultPart) }]
  }
}

const assistantPart = (part: Prompt.AssistantMessagePartEncoded): ReadonlyArray<object> => {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text }]
    case "reasoning":
      return [
        { type: "reasoning", text: part.text, ...(part.options !== undefined && { providerOptions: part.options }) }
      ]
    case "tool-call":
      return [
        {
          type: "tool-call",
          toolCallId: CallIdentity.idOf(part.id),
          toolName: CallIdentity.nameOf(part.name),
          input: part.params,
          ...(part.options !== undefined && { providerOptions: part.options })
        }
      ]
    default:
      return []
  }
}

const resultPart = (part: Prompt.ToolMessagePartEncoded): ReadonlyArray<object> => {
  if (part.type !== "tool-result") return []
  const kind = part.isFailure ? "error-" : ""
  const output =
    typeof part.result === "string"
      ? { type: `${kind}text`, value: part.result }
      : { type: `${kind}json`, value: part.result ?? null }
  return [
    { type: "tool-result", toolCallId: CallIdentity.idOf(part.id), toolName: CallIdentity.nameOf(part.name), output }
  ]
}

const fileOf = (version: SpecificationVersion, file: Prompt.FilePartEncoded): object => {
  const part = FileContent.inlined(file)
  const address = FileContent.urlOf(part.data)
  const url = address === undefined ? undefined : new URL(address)
  const bytes = url === undefined ? FileContent.base64Of(part.data) : ""
  const data =
    version !== "v4" ? (url ?? bytes) : url === undefined ? { type: "data", data: bytes } : { type: "url", url }
  return { type: "file", mediaType: part.mediaType, data, ...(part.fileName && { filename: part.fileName }) }
}
